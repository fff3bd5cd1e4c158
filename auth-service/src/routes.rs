//! Every path, its method, its policy. At the OAuth endpoints clients authenticate by themselves, people log in
//! with what they know or with a cookie; the rest takes tokens.

use shared::Routes;

use crate::handlers::admin::{
    audit, clients, handoffs as all_handoffs, keys as signing_keys, policy, revocations,
};
use crate::handlers::{
    feed, forward, handing_on, handoffs, introspect, keys, login, metadata, page, people, revoke,
    sessions, social, token, tokens,
};
use crate::openapi;

pub(crate) const TOKEN_PATH: &str = "/oauth2/token";
pub(crate) const TOKENS_PATH: &str = "/oauth2/tokens";
pub(crate) const HANDOFFS_PATH: &str = "/oauth2/handoffs";
pub(crate) const INTROSPECT_PATH: &str = "/oauth2/introspect";
pub(crate) const REVOKE_PATH: &str = "/oauth2/revoke";
pub(crate) const REVOCATIONS_PATH: &str = "/oauth2/revocations";
pub(crate) const JWKS_PATH: &str = "/.well-known/jwks.json";
/// Where bearer tokens are looked at, and nowhere else.
pub(crate) const WITH_TOKENS: [&str; 6] = [
    "/admin/",
    "/internal/",
    "/api/v2/auth/sessions",
    "/api/v2/auth/handoffs",
    "/api/v2/auth/logout-all",
    "/api/v2/auth/links/",
];
/// What an operator's have to be for.
const SCOPE: &str = "auth:admin";
/// What people's are for, here and at user-service: their own account.
pub(crate) const OWN_ACCOUNT: &str = "account:self";
/// What user-service's are for.
const LOGINS: &str = "auth:logins";

pub fn routes() -> Routes {
    for_operators(for_people(for_clients(Routes::new()))).documented(openapi::document)
}

/// What clients and verifiers ask.
#[rustfmt::skip]
fn for_clients(routes: Routes) -> Routes {
    routes
        .get("/.well-known/oauth-authorization-server", metadata::show_metadata).public()
        .get(JWKS_PATH, keys::show_keys).public()
        .post(TOKEN_PATH, token::issue_token).public()
        .post(TOKENS_PATH, tokens::issue_tokens).public()
        .post(HANDOFFS_PATH, handing_on::hand_on).public()
        .post(INTROSPECT_PATH, introspect::introspect).public()
        .post(REVOKE_PATH, revoke::revoke_token).public()
        .get(REVOCATIONS_PATH, feed::show_revocations).public()
}

/// What people and their browsers ask.
#[rustfmt::skip]
fn for_people(routes: Routes) -> Routes {
    routes
        .post("/api/v2/auth/login", login::log_in).public()
        .post("/api/v2/auth/refresh", login::refresh).public()
        .post("/api/v2/auth/logout", login::log_out).public()
        .post("/api/v2/auth/logout-all", sessions::log_out_all).session().scope(OWN_ACCOUNT)
        .get("/api/v2/auth/sessions", sessions::list_sessions).session().scope(OWN_ACCOUNT)
        .get("/api/v2/auth/sessions/watch", sessions::watch_session).session().scope(OWN_ACCOUNT)
        .delete("/api/v2/auth/sessions/{id}", sessions::end_session).session().scope(OWN_ACCOUNT)
        .get("/api/v2/auth/handoffs", handoffs::list_handoffs).session().scope(OWN_ACCOUNT)
        .delete("/api/v2/auth/handoffs/{id}", handoffs::end_handoff).session().scope(OWN_ACCOUNT)
        .get("/account", page::show_page).public()
        .get("/account/account.css", page::show_style).public()
        .get("/account/account.js", page::show_script).public()
        .get("/account/words.js", page::show_words).public()
        .get("/account/providers", page::list_providers).public()
        .get("/oauth2/authorization/{provider}", social::begin_login).public()
        .get("/login/oauth2/code/{provider}", social::finish).public()
        .post("/api/v2/auth/links/{provider}", social::begin_link).session().scope(OWN_ACCOUNT)
        .post("/api/v2/users/email-codes", forward::forward).public()
        .post("/api/v2/users/email-codes/verify", forward::forward).public()
        .post("/api/v2/users", forward::forward).public()
        .post("/api/v2/users/password-reset", forward::forward).public()
}

/// What user-service and operators ask.
#[rustfmt::skip]
fn for_operators(routes: Routes) -> Routes {
    routes
        .post("/internal/users/{id}/end-logins", people::end_logins).scope(LOGINS)
        .get("/admin/clients", clients::list_clients).scope(SCOPE)
        .post("/admin/clients", clients::create_client).scope(SCOPE)
        .post("/admin/clients/apply", clients::apply_clients).scope(SCOPE)
        .get("/admin/clients/{id}", clients::find_client).scope(SCOPE)
        .put("/admin/clients/{id}", clients::put_client).scope(SCOPE)
        .delete("/admin/clients/{id}", clients::delete_client).scope(SCOPE)
        .post("/admin/clients/{id}/secrets", clients::rotate_secret).scope(SCOPE)
        .post("/admin/policy/explain", policy::explain_policy).scope(SCOPE)
        .get("/admin/keys", signing_keys::list_keys).scope(SCOPE)
        .post("/admin/keys/rotate", signing_keys::rotate_keys).scope(SCOPE)
        .post("/admin/revocations", revocations::revoke).scope(SCOPE)
        .get("/admin/handoffs/{id}", all_handoffs::explain_handoff).scope(SCOPE)
        .get("/admin/audit", audit::list_audit).scope(SCOPE)
}
