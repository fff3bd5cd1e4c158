//! Which rule allows or refuses: the same decision as for a token, in words.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{Session, Timestamp};
use utoipa::ToSchema;

use crate::domain::client::Client;
use crate::domain::grant::{GrantRefusal, Terms, TokenAsk, grant_client_credentials};
use crate::domain::policy::{MaybeAsked, SessionRefusal};

/// What somebody wants to know: would this client get such a token?
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(as = PolicyQuestion)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The client's id.
    #[schema(examples("batch-service"))]
    pub client: String,
    /// The session that it would ask for, as JSON text.
    #[serde(default)]
    #[schema(examples(json!(r#"{"companyId":100,"userId":200}"#)))]
    pub session: Option<String>,
    /// The scopes, separated by spaces.
    #[serde(default)]
    #[schema(examples("order:read"))]
    pub scope: Option<String>,
    /// The services.
    #[serde(default)]
    pub resource: Vec<String>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PolicyExplanation)]
pub struct Explanation {
    /// Whether it would get it.
    pub allowed: bool,
    /// The rule that decides, in words.
    pub rule: String,
    /// The error at the token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("unauthorized_client"))]
    pub error: Option<&'static str>,
    /// What the token would hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<ExplainedToken>,
}

/// What a token would hold.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ExplainedToken {
    /// Its scope.
    pub scope: String,
    /// The services that it is for.
    pub resource: Vec<String>,
    /// Its session; null for none.
    #[schema(value_type = Session, nullable, required)]
    pub session: Value,
    /// How long it lives, in seconds.
    pub expires_in: i64,
}

impl Explanation {
    fn refused(error: &'static str, rule: String) -> Self {
        Self { allowed: false, rule, error: Some(error), token: None }
    }
}

/// The error code of a refusal (RFC 6749 section 5.2, RFC 8707 section 2).
pub(crate) fn error_code(refusal: &GrantRefusal) -> &'static str {
    match refusal {
        GrantRefusal::Scope => "invalid_scope",
        GrantRefusal::Audience => "invalid_target",
        GrantRefusal::Session(_) => "unauthorized_client",
    }
}

/// Says which rule decides. A client that is not known is refused, too.
#[must_use]
pub fn explain(
    client: Option<&Client>,
    question: &Question,
    (token_ttl_s, now): (u32, Timestamp),
) -> Explanation {
    let Some(client) = client else {
        return Explanation::refused("invalid_client", format!("no client {}", question.client));
    };
    let ask = match ask(question) {
        Ok(ask) => ask,
        Err((error, rule)) => return Explanation::refused(error, rule.to_owned()),
    };
    let asked = ask.session != MaybeAsked::Nobody;
    let terms = Terms { issuer: String::new(), token_ttl_s };
    match grant_client_credentials(client, ask, &terms, now) {
        Err(refusal) => {
            Explanation::refused(error_code(&refusal), in_words(&refusal, client, question))
        }
        Ok(claims) => Explanation {
            allowed: true,
            rule: match (asked, &claims.session) {
                (false, None) => "no session is asked for: the client acts for itself".to_owned(),
                _ => client.session_policy.rule(),
            },
            error: None,
            token: Some(ExplainedToken {
                scope: claims.scope.to_string(),
                resource: claims.aud,
                // Of texts and numbers: it cannot fail.
                session: serde_json::to_value(claims.session).unwrap_or_default(),
                expires_in: claims.exp - claims.iat,
            }),
        },
    }
}

fn ask(question: &Question) -> Result<TokenAsk, (&'static str, &'static str)> {
    let scope = question.scope.as_deref().filter(|scope| !scope.is_empty()).map(str::parse);
    let session = question
        .session
        .as_deref()
        .map_or(Ok(MaybeAsked::Nobody), |session| Session::parse(session).map(MaybeAsked::Session));
    Ok(TokenAsk {
        scope: scope.transpose().map_err(|_| ("invalid_scope", "malformed scope"))?,
        audiences: question.resource.iter().cloned().collect(),
        session: session.map_err(|_| ("invalid_request", "the session is not a session"))?,
    })
}

/// What the answer at the token endpoint leaves out stands here: who may ask for an explanation may know.
fn in_words(refusal: &GrantRefusal, client: &Client, question: &Question) -> String {
    let exchanges = |service: &String| client.exchange.contains(service);
    match refusal {
        GrantRefusal::Session(SessionRefusal::Role(role)) => format!("{refusal}: role {role:?}"),
        GrantRefusal::Session(SessionRefusal::Attribute(name)) => {
            format!("{refusal}: attribute {name:?}")
        }
        GrantRefusal::Audience if question.resource.iter().any(exchanges) => {
            format!("{refusal} of its own; it may exchange one that it has received")
        }
        refusal => refusal.to_string(),
    }
}
