//! The feed of revocations, for verifiers to follow: numbered, signed, and held back until there is something to say.

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use shared::Revocation;
use utoipa::IntoParams;

use crate::error::TokenRefusal;
use crate::mirror::revocation_log::Stretch;
use crate::state::AppState;

/// `typ` of the signed text (RFC 8725 section 3.11).
const TYPE: &str = "revocations+jwt";
/// The most entries in one answer.
const MAX_ENTRIES: usize = 5_000;
/// The longest wait, in seconds: less than what stands between us and who asks allows a request to take.
const MAX_WAIT_S: u64 = 10;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedQuery {
    /// The number of the last entry that is known; 0 for none.
    #[serde(default)]
    after: i64,
    /// How long to wait for the next one, in seconds; 10 at the most.
    #[serde(default)]
    wait: u64,
    /// The set of keys that is known: another one is news, too.
    #[serde(default)]
    keys: Option<String>,
}

#[derive(Serialize)]
struct Feed<'f> {
    iss: &'f str,
    iat: i64,
    after: i64,
    next: i64,
    more: bool,
    /// Changes with the set of keys.
    keys: &'f str,
    entries: Vec<Revocation>,
}

/// What has been revoked is no secret from those who verify, but it names users and companies: keep the path inside.
pub(crate) async fn show_revocations(
    state: Data<AppState>,
    request: HttpRequest,
    query: Query<FeedQuery>,
) -> Result<HttpResponse, TokenRefusal> {
    let limits = &state.authenticator.limits;
    limits.check_address(limits.address(&request))?;
    let stretch = next_stretch(&state, &query).await;
    // Who is told nothing new must not believe that there is nothing.
    state.issuer.check_age()?;
    let keys = state.issuer.mirror.key_ring();
    let now = state.issuer.now();
    let signer = keys.signing(now).ok_or(TokenRefusal::NoKey)?;
    let feed = Feed {
        iss: &state.issuer.terms.issuer,
        iat: now.timestamp(),
        after: stretch.after,
        next: stretch.next,
        more: stretch.more,
        keys: keys.etag(),
        entries: stretch.entries,
    };
    let signed = signer.sign_as(TYPE, &feed)?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("application/jwt")
        .body(signed))
}

/// What is new; or nothing, when that is all there is at the end of the wait, or the keys have changed.
async fn next_stretch(state: &AppState, query: &FeedQuery) -> Stretch {
    let log = state.issuer.mirror.revocations();
    let mut news = state.issuer.mirror.news();
    let stretch = log.after(query.after, MAX_ENTRIES);
    let keys = state.issuer.mirror.key_ring();
    let knows_keys = query.keys.as_deref().is_none_or(|known| known == keys.etag());
    if stretch.next != query.after || query.wait == 0 || !knows_keys {
        return stretch;
    }
    let wait = Duration::from_secs(query.wait.min(MAX_WAIT_S));
    // At the end of the wait, and of the server, there is an answer, too.
    tokio::select! {
        _ = news.changed() => {}
        () = tokio::time::sleep(wait) => {}
        () = state.stopping.begun() => {}
    }
    log.after(query.after, MAX_ENTRIES)
}
