//! The form of a request to an OAuth endpoint, and the client's credentials in it (RFC 6749 sections 2.3.1 and 3.2).

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::web::Payload;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::Secret;
use url::form_urlencoded;

use crate::authentication::{Credentials, Proof};
use crate::domain::assertion::ASSERTION_TYPE;
use crate::error::TokenRefusal;

/// The longest token request, in bytes.
const MAX_FORM_BYTES: usize = 32 * 1024;
/// The most parameters in one.
const MAX_PARAMETERS: usize = 50;

/// The parameters that may occur several times (RFC 8707 section 2, RFC 8693 section 2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// The parameters of a request to an OAuth endpoint.
pub(crate) struct Form {
    parameters: Vec<(String, String)>,
}

impl Form {
    /// Reads the body.
    pub(crate) async fn read(request: &HttpRequest, body: Payload) -> Result<Self, TokenRefusal> {
        let read = body.to_bytes_limited(MAX_FORM_BYTES).await;
        let within_limit = read.map_err(|_| TokenRefusal::TooLarge)?;
        let body = within_limit.map_err(|_| TokenRefusal::BadRequest("the body broke off"))?;
        Self::parse(request, &body)
    }

    fn parse(request: &HttpRequest, body: &[u8]) -> Result<Self, TokenRefusal> {
        if !request.query_string().is_empty() {
            return Err(TokenRefusal::BadRequest("parameters belong into the body"));
        }
        if !is_form(request) {
            return Err(TokenRefusal::MediaType("application/x-www-form-urlencoded"));
        }
        if std::str::from_utf8(body).is_err() {
            return Err(TokenRefusal::BadRequest("the body is not UTF-8"));
        }
        let pairs = form_urlencoded::parse(body).take(MAX_PARAMETERS + 1);
        let parameters: Vec<(String, String)> =
            pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        if parameters.len() > MAX_PARAMETERS {
            return Err(TokenRefusal::BadRequest("too many parameters"));
        }
        let form = Self { parameters };
        form.check_repetitions()?;
        Ok(form)
    }

    fn check_repetitions(&self) -> Result<(), TokenRefusal> {
        for (place, (name, value)) in self.parameters.iter().enumerate() {
            if value.contains('\0') {
                return Err(TokenRefusal::BadRequest("a parameter holds a NUL"));
            }
            // What stands in for bytes that are no UTF-8: a secret or a session must not be changed on the way.
            if value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(TokenRefusal::BadRequest("a parameter is not UTF-8"));
            }
            let mut before = self.parameters[..place].iter();
            if !REPEATABLE.contains(&name.as_str()) && before.any(|(other, _)| other == name) {
                return Err(TokenRefusal::BadRequest("a parameter occurs twice"));
            }
        }
        Ok(())
    }

    /// A parameter. One without a value counts as left out (RFC 6749 section 3.2).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter that may be repeated, each once.
    pub(crate) fn all(&self, name: &str) -> BTreeSet<String> {
        let own = self.parameters.iter().filter(|(own, _)| own == name);
        own.map(|(_, value)| value.clone()).filter(|value| !value.is_empty()).collect()
    }

    /// Who asks, and the proof of it.
    pub(crate) fn credentials(&self, request: &HttpRequest) -> Result<Credentials, TokenRefusal> {
        credentials(
            request,
            InBody {
                client_id: self.get("client_id"),
                client_secret: self.get("client_secret"),
                assertion_type: self.get("client_assertion_type"),
                assertion: self.get("client_assertion"),
            },
        )
    }
}

/// What of a client's credentials stands in the body.
pub(crate) struct InBody<'b> {
    pub(crate) client_id: Option<&'b str>,
    pub(crate) client_secret: Option<&'b str>,
    pub(crate) assertion_type: Option<&'b str>,
    pub(crate) assertion: Option<&'b str>,
}

/// The client's id and its proof, in one way only: a secret in the header (`client_secret_basic`) or in the body
/// (`client_secret_post`), or an assertion (RFC 7523 section 2.2).
pub(crate) fn credentials(
    request: &HttpRequest,
    body: InBody<'_>,
) -> Result<Credentials, TokenRefusal> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next();
    if headers.next().is_some() {
        return Err(TokenRefusal::BadRequest("two Authorization headers"));
    }
    let ways = [header.is_some(), body.client_secret.is_some(), body.assertion.is_some()];
    if ways.into_iter().filter(|used| *used).count() > 1 {
        return Err(TokenRefusal::BadRequest("two kinds of client authentication"));
    }
    if body.client_id.is_some_and(|id| id.contains(char::is_control)) {
        return Err(TokenRefusal::BadRequest("the client_id holds a control character"));
    }
    let client_id = body.client_id.map(str::to_owned);
    if let Some(header) = header {
        let header = header.to_str().map_err(|_| TokenRefusal::Client)?;
        return in_header(header, client_id);
    }
    match (body.client_secret, body.assertion) {
        (Some(secret), _) if client_id.is_some() => {
            Ok(Credentials { client_id, proof: Proof::Secret(Secret::new(secret)) })
        }
        (None, Some(assertion)) if body.assertion_type == Some(ASSERTION_TYPE) => {
            Ok(Credentials { client_id, proof: Proof::Assertion(Secret::new(assertion)) })
        }
        (None, Some(_)) => Err(TokenRefusal::BadRequest("unknown client_assertion_type")),
        _ => Err(TokenRefusal::Client),
    }
}

fn in_header(header: &str, in_body: Option<String>) -> Result<Credentials, TokenRefusal> {
    let (client_id, secret) = basic(header).ok_or(TokenRefusal::Client)?;
    if in_body.is_some_and(|other| other != client_id) {
        return Err(TokenRefusal::BadRequest("the client_id in the body is another one"));
    }
    Ok(Credentials { client_id: Some(client_id), proof: Proof::Secret(secret) })
}

fn is_form(request: &HttpRequest) -> bool {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// `Basic`, with id and secret each form-encoded before they are joined (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, Secret)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    let (client_id, secret) = (decode(client_id)?, decode(secret)?);
    let sound = !secret.is_empty() && !client_id.chars().any(char::is_control);
    sound.then(|| (client_id, Secret::new(secret)))
}

fn decode(text: &str) -> Option<String> {
    // The parser sees one name without a value.
    let pair = format!("{}=", text.replace('&', "%26").replace('=', "%3D"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_decoded() {
        let header = format!("basic {}", STANDARD.encode("my%3Aid+x:p%26q=r"));
        let found = basic(&header).map(|(id, secret)| (id, secret.expose().to_owned()));
        assert_eq!(found, Some(("my:id x".to_owned(), "p&q=r".to_owned())));
    }

    #[test]
    fn broken_basic_credentials_are_refused() {
        let bad = ["Basic", "Basic !!!", "Bearer YTpi", "Basic YQ==", "Basic YTo="];
        for header in bad {
            assert!(basic(header).is_none(), "{header}");
        }
    }
}
