//! Login by a provider: there, and back; and how it is added to an account that is there.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{
    CACHE_CONTROL, HeaderName, HeaderValue, InvalidHeaderValue, LOCATION, REFERRER_POLICY,
    SET_COOKIE,
};
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use shared::extractor::Caller;
use shared::{ApiError, ApiResponse, Claims, Secret};
use tracing::{error, info, warn};
use utoipa::{IntoParams, ToSchema};

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::person::Provider;
use crate::domain::social::attempt::{Attempt, Purpose, State, TTL_S};
use crate::domain::social::target::Target;
use crate::domain::social::{SocialRefusal, StateFault};
use crate::handlers::login;
use crate::logins::Begun;
use crate::social::{Arrival, CALLBACK_PATH, Departure, SocialClient, people, printable};
use crate::state::AppState;
use crate::user_api::UserApi;

/// The longest code, in bytes.
const MAX_CODE_BYTES: usize = 4096;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The address of the callback has the code in it.
const NO_REFERRER: (HeaderName, HeaderValue) =
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer"));

#[derive(Deserialize, IntoParams)]
pub(crate) struct LoginAsked {
    /// Where to go afterwards.
    #[serde(default)]
    target: Option<String>,
    /// A link is begun in another way, by the person himself: here anybody's page could do it.
    #[serde(default)]
    link: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkAsked {
    /// Not needed within the first minutes of a login.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password")]
    password: Option<Secret>,
    #[serde(default)]
    target: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkBegun {
    #[schema(format = "uri")]
    authorization_url: String,
}

/// What a provider adds to the address that it sends a browser back to (RFC 6749 section 4.1.2, RFC 9207).
#[derive(Deserialize, IntoParams)]
pub(crate) struct Callback {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    iss: Option<String>,
}

/// How it ended.
enum Concluded {
    LoggedIn(Box<Begun>),
    Linked(Provider),
}

/// Sends a browser to a provider.
pub(crate) async fn begin_login(
    state: Data<AppState>,
    request: HttpRequest,
    provider: Path<String>,
    asked: Query<LoginAsked>,
) -> Result<HttpResponse, ApiError> {
    check_rate(&state, &request)?;
    let client = state.social.find(&provider)?;
    if asked.link.is_some() {
        return Err(SocialRefusal::NotProved.into());
    }
    let target = target(asked.target.as_deref())?;
    let departure = state.social.begin(client, Purpose::LogIn, target)?;
    Ok(HttpResponse::Found()
        .insert_header((LOCATION, departure.url.as_str()))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .cookie(state_cookie(&departure))
        .finish())
}

/// Makes sure that it is the person himself. Passwords are counted as at a login: who has somebody's token does not know them.
async fn prove(
    state: &AppState,
    (request, claims): (&HttpRequest, &Claims),
    password: Option<&Secret>,
) -> Result<(), ApiError> {
    let now_s = state.issuer.now().timestamp();
    let admitted = match password {
        Some(_) => {
            let from = state.authenticator.limits.address(request);
            Some(state.gate.admit(&format!("user {}", claims.sub), from).await?)
        }
        None => None,
    };
    let proved = people::prove(users(state)?, (claims, now_s), password).await;
    match (&admitted, &proved) {
        (Some(admitted), Ok(_)) => state.gate.succeeded(admitted).await,
        (Some(admitted), Err(refusal)) if refusal.is_away() => state.gate.not_made(admitted).await,
        _ => {}
    }
    Ok(proved.map(drop)?)
}

/// Begins to add an identity to the account of the caller.
pub(crate) async fn begin_link(
    state: Data<AppState>,
    (request, provider): (HttpRequest, Path<String>),
    caller: Caller,
    asked: Json<LinkAsked>,
) -> Result<ApiResponse<LinkBegun>, ApiError> {
    let client = state.social.find(&provider)?;
    let target = target(asked.target.as_deref())?;
    prove(&state, (&request, caller.claims()), asked.password.as_ref()).await?;
    let purpose = Purpose::Link(Box::new(caller.claims().clone()));
    let departure = state.social.begin(client, purpose, target)?;
    let cookie = HeaderValue::from_str(&state_cookie(&departure).to_string());
    let cookie = cookie.map_err(|error: InvalidHeaderValue| ApiError::unexpected(error))?;
    let begun = LinkBegun { authorization_url: departure.url.into() };
    Ok(ApiResponse::ok(begun).with_header(SET_COOKIE, cookie).with_header(CACHE_CONTROL, NO_STORE))
}

/// Takes a browser back. What does not belong to a login that this browser has begun is answered here, and leads nowhere;
/// everything else ends at the front end.
pub(crate) async fn finish(
    state: Data<AppState>,
    request: HttpRequest,
    provider: Path<String>,
) -> Result<HttpResponse, ApiError> {
    check_rate(&state, &request)?;
    let client = state.social.find(&provider)?;
    let callback = Callback::of(&request)?;
    let own = State::parse(callback.state.as_deref().unwrap_or_default());
    let own = own.map_err(SocialRefusal::from)?;
    let cookie = request.cookie(&own.cookie_name());
    let arrival = Arrival {
        state: &own,
        issuer: callback.iss.as_deref(),
        sealed: cookie.as_ref().map(Cookie::value),
    };
    let attempt = state.social.accept(client, &arrival).await?;
    let returned = Returned { client, attempt: &attempt, own: &own };
    let concluded = match callback.code() {
        Ok(code) => conclude(&state, &request, (&returned, code)).await,
        Err(refusal) => Err(refusal),
    };
    let concluded = concluded.inspect_err(|refusal| log(&state, client.provider, refusal));
    Ok(landing(&state, &returned, concluded))
}

/// A browser that came back, and what it had gone for.
struct Returned<'r> {
    client: &'r SocialClient,
    attempt: &'r Attempt,
    own: &'r State,
}

impl Callback {
    /// A parameter that comes twice, or nothing to go by, is no answer of a provider.
    fn of(request: &HttpRequest) -> Result<Self, SocialRefusal> {
        let parsed = Query::<Self>::from_query(request.query_string());
        let callback = parsed.map_err(|_| StateFault::Malformed)?.into_inner();
        let code = callback.code.as_deref().unwrap_or_default();
        let sound = callback.error.is_some() || (1..=MAX_CODE_BYTES).contains(&code.len());
        if sound { Ok(callback) } else { Err(StateFault::Malformed.into()) }
    }

    fn code(self) -> Result<String, SocialRefusal> {
        match (self.error.as_deref(), self.code) {
            (None, Some(code)) => Ok(code),
            (Some("access_denied"), _) => Err(SocialRefusal::Denied),
            (error, _) => Err(SocialRefusal::Refused(printable(error.unwrap_or_default()))),
        }
    }
}

async fn conclude(
    state: &AppState,
    request: &HttpRequest,
    (returned, code): (&Returned<'_>, String),
) -> Result<Concluded, SocialRefusal> {
    let Returned { client, attempt, own } = *returned;
    let profile = state.social.profile(client, attempt, (code, own)).await?;
    let provider = client.provider;
    if let Purpose::Link(claims) = &attempt.purpose {
        state.social.check_login(claims)?;
        let person = people::link(users(state)?, claims, &profile).await?;
        let user = person.user_id;
        info!(%provider, user = user.get(), "linked an identity of {provider} to user {user}");
        note(state, (Event::IdentityLinked, &format!("user {user}")), provider.name());
        return Ok(Concluded::Linked(provider));
    }
    let found = people::find_person(users(state)?, &profile).await?;
    let (user, created) = (found.person.user_id, found.created);
    let begun = state.logins.begin(&found.person, &login::device(state, request)).await;
    let begun = begun.map_err(|error| SocialRefusal::Unavailable(error.to_string()))?;
    info!(%provider, user = user.get(), created, "user {user} has come by {provider}");
    note(state, (Event::SocialLogin, &format!("user {user}")), provider.name());
    Ok(Concluded::LoggedIn(Box::new(begun)))
}

/// The way on to the front end. Its address says how it ended, and holds neither a token nor an address.
fn landing(
    state: &AppState,
    returned: &Returned<'_>,
    concluded: Result<Concluded, SocialRefusal>,
) -> HttpResponse {
    let target = returned.attempt.target.as_ref().filter(|_| concluded.is_ok());
    let mut page = state.social.landing(target);
    let mut response = HttpResponse::SeeOther();
    response.cookie(removal(returned.own));
    match concluded {
        Ok(Concluded::LoggedIn(begun)) => {
            response.cookie(login::refresh_cookie(state, &begun));
        }
        Ok(Concluded::Linked(provider)) => {
            page.query_pairs_mut().append_pair("linked", provider.name());
        }
        Err(refusal) => {
            let (word, taken_by) = (refusal.word(), refusal.taken_by());
            let code = ApiError::from(refusal).code();
            page.query_pairs_mut().append_pair("error", word).append_pair("errorCode", code);
            if let Some(provider) = taken_by {
                page.query_pairs_mut().append_pair("provider", provider.name());
            }
        }
    }
    response
        .insert_header((LOCATION, page.as_str()))
        .insert_header((CACHE_CONTROL, NO_STORE))
        .insert_header(NO_REFERRER)
        .finish()
}

/// Sent to the callbacks alone, and there by the provider's redirect, too: that is a navigation from another site.
fn state_cookie(departure: &Departure) -> Cookie<'static> {
    Cookie::build(departure.state.cookie_name(), departure.sealed.clone())
        .path(CALLBACK_PATH)
        .max_age(Duration::seconds(TTL_S))
        .http_only(true)
        .secure(true)
        .same_site(SameSite::Lax)
        .finish()
}

fn removal(state: &State) -> Cookie<'static> {
    let cookie = Cookie::build(state.cookie_name(), "").path(CALLBACK_PATH);
    let mut cookie = cookie.http_only(true).secure(true).same_site(SameSite::Lax).finish();
    cookie.make_removal();
    cookie
}

fn users(state: &AppState) -> Result<&UserApi, SocialRefusal> {
    state.users().map_err(|error| SocialRefusal::Unavailable(error.to_string()))
}

fn target(text: Option<&str>) -> Result<Option<Target>, SocialRefusal> {
    text.map(Target::parse).transpose()
}

fn check_rate(state: &AppState, request: &HttpRequest) -> Result<(), SocialRefusal> {
    let limits = &state.authenticator.limits;
    let checked = limits.check_address(limits.address(request));
    checked.map_err(|often| SocialRefusal::TooOften { retry_after_s: often.retry_after_s })
}

/// The browser is sent on, so nobody else says what went wrong.
fn log(state: &AppState, provider: Provider, refusal: &SocialRefusal) {
    let word = refusal.word();
    if refusal.is_fault() {
        error!(%provider, error = word, cause = %refusal, "could not finish a login by {provider}");
    } else {
        warn!(%provider, error = word, cause = %refusal, "refused a login by {provider}");
    }
    if refusal.is_decision() {
        note(state, (Event::SocialRefused, provider.name()), &refusal.to_string());
    }
}

fn note(state: &AppState, (event, actor): (Event, &str), detail: &str) {
    let event = AuditEvent::new(event, actor, state.issuer.now()).because(detail);
    state.issuer.audit.write(event);
}
