//! The form of a token request and the client's credentials in it (RFC 6749 sections 2.3.1 and 3.2).

use std::collections::BTreeSet;

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::Secret;
use url::form_urlencoded;

use crate::error::TokenRefusal;

/// The longest token request, in bytes.
pub(crate) const MAX_FORM_BYTES: usize = 16 * 1024;
/// The most parameters in one.
const MAX_PARAMETERS: usize = 50;

/// The parameters of a token request; each occurs once, but for `resource` (RFC 8707 section 2).
pub(crate) struct Form {
    parameters: Vec<(String, String)>,
}

/// Who a client says it is, and its proof.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) secret: Secret,
}

impl Form {
    pub(crate) fn parse(request: &HttpRequest, body: &[u8]) -> Result<Self, TokenRefusal> {
        if !request.query_string().is_empty() {
            return Err(TokenRefusal::BadRequest("parameters belong into the body"));
        }
        if !is_form(request) {
            return Err(TokenRefusal::MediaType);
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
        let mut seen = std::collections::HashSet::new();
        for (name, value) in &self.parameters {
            if value.contains('\0') {
                return Err(TokenRefusal::BadRequest("a parameter holds a NUL"));
            }
            // What stands in for bytes that are no UTF-8: a secret or a session must not be changed on the way.
            if value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(TokenRefusal::BadRequest("a parameter is not UTF-8"));
            }
            if name != "resource" && !seen.insert(name.as_str()) {
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

    /// The services that the token is to be for, each once.
    pub(crate) fn resources(&self) -> BTreeSet<String> {
        let resources = self.parameters.iter().filter(|(name, _)| name == "resource");
        resources.map(|(_, value)| value.clone()).filter(|value| !value.is_empty()).collect()
    }

    /// The client's id and secret: in the header (`client_secret_basic`) or in the body (`client_secret_post`),
    /// never in both.
    pub(crate) fn credentials(&self, request: &HttpRequest) -> Result<Credentials, TokenRefusal> {
        let mut headers = request.headers().get_all(AUTHORIZATION);
        let Some(header) = headers.next() else { return self.credentials_in_body() };
        if headers.next().is_some() {
            return Err(TokenRefusal::BadRequest("two Authorization headers"));
        }
        if self.get("client_secret").is_some() {
            return Err(TokenRefusal::BadRequest("two kinds of client authentication"));
        }
        let header = header.to_str().map_err(|_| TokenRefusal::Client)?;
        let credentials = basic(header).ok_or(TokenRefusal::Client)?;
        match self.get("client_id") {
            Some(other) if other != credentials.client_id => {
                Err(TokenRefusal::BadRequest("the client_id in the body is another one"))
            }
            _ => Ok(credentials),
        }
    }

    fn credentials_in_body(&self) -> Result<Credentials, TokenRefusal> {
        match (self.get("client_id"), self.get("client_secret")) {
            (Some(client_id), Some(secret)) => {
                Ok(Credentials { client_id: client_id.to_owned(), secret: Secret::new(secret) })
            }
            _ => Err(TokenRefusal::Client),
        }
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// `Basic`, with id and secret each form-encoded before they are joined (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = text.split_once(':')?;
    let (client_id, secret) = (decode(client_id)?, decode(secret)?);
    let sound = !secret.is_empty() && !client_id.chars().any(char::is_control);
    sound.then(|| Credentials { client_id, secret: Secret::new(secret) })
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
        let found = basic(&header).map(|found| (found.client_id, found.secret.expose().to_owned()));
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
