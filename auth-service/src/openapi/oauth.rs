//! What services ask: OAuth 2.0.

use shared::Jwks;
use shared::openapi::{CLIENT, Operation};

use super::wire::{HandoffForm, Introspection, IssuedTokens, Metadata, OneTokenForm, TokenForm};
use crate::handlers::handing_on::HandoffAnswer;
use crate::handlers::token::TokenAnswer;
use crate::handlers::tokens::Ask;
use crate::handlers::{feed, handing_on, introspect, keys, metadata, revoke, token, tokens};
use crate::routes::{
    HANDOFFS_PATH, INTROSPECT_PATH, JWKS_PATH, REVOCATIONS_PATH, REVOKE_PATH, TOKEN_PATH,
    TOKENS_PATH,
};

const JSON: &str = "application/json";
const NO_STORE: (&str, &str) = ("Cache-Control", "`no-store`: nobody on the way keeps it.");

pub(super) fn all() -> impl Iterator<Item = Operation> {
    of_clients().into_iter().chain(of_verifiers())
}

fn of_clients() -> [Operation; 5] {
    [
        by_client(Operation::post(TOKEN_PATH, token::issue_token))
            .named("issueToken", "Issue an access token")
            .about("For client credentials, perhaps on behalf of a session; in exchange for a token that the client has received; or for a handoff. Where a handoff is refused, `handoff_refusal` says why.")
            .form::<TokenForm>()
            .gives_bare::<TokenAnswer<'static>>((200, JSON), "The token.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails_as_oauth(400, &["invalid_request", "invalid_grant", "invalid_scope", "invalid_target", "unauthorized_client", "unsupported_grant_type"]),
        by_client(Operation::post(TOKENS_PATH, tokens::issue_tokens))
            .named("issueTokens", "Issue many access tokens, one for each session")
            .body::<Ask>(JSON, true)
            .gives_bare::<IssuedTokens>((200, JSON), "A token, or why there is none, at the place of each session.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails_as_oauth(400, &["invalid_request", "invalid_scope", "invalid_target", "unauthorized_client"]),
        by_client(Operation::post(HANDOFFS_PATH, handing_on::hand_on))
            .named("handOn", "Hand a session on to work that runs later")
            .about("Of a token that the client has received. Never more than that token, what the client may hand on for the purpose, and what the executor takes over for it.")
            .form::<HandoffForm>()
            .gives_bare::<HandoffAnswer<'static>>((201, JSON), "What was handed on. Its id is of use to its executor alone.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails_as_oauth(400, &["invalid_request", "invalid_scope", "invalid_target", "unauthorized_client"]),
        by_client(Operation::post(INTROSPECT_PATH, introspect::introspect))
            .named("introspectToken", "Ask what a token says (RFC 7662)")
            .form::<OneTokenForm>()
            .gives_bare::<Introspection>((200, JSON), "What it says, or that it is not active.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails_as_oauth(400, &["invalid_request"]),
        by_client(Operation::post(REVOKE_PATH, revoke::revoke_token))
            .named("revokeToken", "Revoke a token (RFC 7009)")
            .form::<OneTokenForm>()
            .gives_nothing(200, "It is revoked, or was no good anyway.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails_as_oauth(400, &["invalid_request", "unauthorized_client"]),
    ]
}

fn of_verifiers() -> [Operation; 3] {
    [
        Operation::get("/.well-known/oauth-authorization-server", metadata::show_metadata)
            .named("showMetadata", "Show what this server can do (RFC 8414)")
            .gives_bare::<Metadata>((200, JSON), "Its endpoints and methods."),
        Operation::get(JWKS_PATH, keys::show_keys)
            .named("showKeys", "Show the public keys (RFC 7517)")
            .header("If-None-Match", "Nothing is sent if the caller has these keys.")
            .gives_nothing(304, "The caller has them.")
            .with("ETag", "Of this set of keys.")
            .gives_bare::<Jwks>((200, "application/jwk-set+json"), "The keys.")
            .with("ETag", "Of this set of keys.")
            .with("Cache-Control", "How long they may be kept."),
        Operation::get(REVOCATIONS_PATH, feed::show_revocations)
            .named("showRevocations", "Follow what is revoked")
            .about("For verifiers. The answer waits until there is something new, at most for `wait` seconds. Keep this path inside.")
            .gives_bytes((200, "application/jwt"), "Entries, signed like a token, with `typ: revocations+jwt`.")
            .with(NO_STORE.0, NO_STORE.1)
            .fails_as_oauth(429, &["temporarily_unavailable"])
            .fails_as_oauth(500, &["server_error"])
            .fails_as_oauth(503, &["temporarily_unavailable"]),
    ]
}

/// What every one of them may answer.
fn by_client(operation: Operation) -> Operation {
    operation
        .proved_by(&[CLIENT, ""])
        .fails_as_oauth(401, &["invalid_client"])
        .fails_as_oauth(413, &["invalid_request"])
        .fails_as_oauth(415, &["invalid_request"])
        .fails_as_oauth(429, &["temporarily_unavailable"])
        .fails_as_oauth(500, &["server_error"])
        .fails_as_oauth(503, &["temporarily_unavailable"])
}
