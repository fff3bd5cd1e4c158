//! A browser sends its cookies along with whatever page asks it to. Whose page it was is looked at before a cookie is.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use url::Url;

use crate::error::AccountError;
use crate::state::AppState;

/// Fetch Metadata: the browser's own word for where a request comes from, which no page can write.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What a form can send without asking first.
const FORM_TYPES: [&str; 3] =
    ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Refuses what another site's page has sent. Programs send neither header; a form of an old browser is told by its type.
pub(super) fn check_same_site(state: &AppState, request: &HttpRequest) -> Result<(), AccountError> {
    let headers = request.headers();
    let scheme = state.issuer.terms.issuer.split(':').next().unwrap_or_default();
    let allowed = |origin: &str| {
        is_own(origin, scheme, headers) || state.front_end_origins.iter().any(|own| own == origin)
    };
    match (text(headers, &SEC_FETCH_SITE), text(headers, &ORIGIN)) {
        (Some("same-origin"), _) => Ok(()),
        (_, Some(origin)) if allowed(origin) => Ok(()),
        (_, Some(_)) => Err(AccountError::CrossSite("the origin is not ours")),
        // Typed in, or from a bookmark; a page cannot post that way.
        (Some("none"), None) => Ok(()),
        (Some(_), None) => Err(AccountError::CrossSite("from another site")),
        (None, None) if is_form(headers) => {
            Err(AccountError::CrossSite("a form without an origin"))
        }
        (None, None) => Ok(()),
    }
}

/// Whether the page came from the very host that the request went to, and not over plain HTTP where this server has TLS.
fn is_own(origin: &str, scheme: &str, headers: &HeaderMap) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    if origin.scheme() != scheme {
        return false;
    }
    let Some(host) = origin.host_str() else { return false };
    let own = origin.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    text(headers, &HOST).is_some_and(|asked| asked.eq_ignore_ascii_case(&own))
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = text(headers, &CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    FORM_TYPES.iter().any(|form| media_type.starts_with(form))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    // What is no text is nobody's.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}
