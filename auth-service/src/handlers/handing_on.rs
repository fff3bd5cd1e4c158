//! A service hands on the session of a token that it has received, for work that runs later.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use shared::trace::Activity;
use utoipa::ToSchema;

use crate::domain::client::{Client, ClientId};
use crate::domain::handoff::handing_on::HandoffAsk;
use crate::domain::handoff::{Handoff, HandoffId};
use crate::domain::purpose::Purpose;
use crate::error::TokenRefusal;
use crate::handlers::asking::asked;
use crate::handlers::form::Form;
use crate::handlers::token::{check_subject_type, received, scope};
use crate::state::AppState;

/// What was handed on, as it holds: what was not said is filled in.
#[derive(Serialize, ToSchema)]
#[schema(as = NewHandoff)]
pub(crate) struct HandoffAnswer<'a> {
    /// Its id. It may lie anywhere: nobody can use it but its executor.
    #[schema(examples("ho_8rWjX0m2cJ1yD9a4bQ7sV5eT3uK6iN0pL8fG2hR1xZk"))]
    handoff: &'a str,
    #[schema(examples("order-exports"))]
    purpose: &'a str,
    #[schema(examples("batch-service"))]
    executor: &'a str,
    resource: Vec<&'a str>,
    #[schema(examples("order:read file:write"))]
    scope: String,
    max_uses: u32,
    /// In seconds since 1970, as the next one.
    not_before: i64,
    not_after: i64,
    outlives_logout: bool,
}

impl<'a> HandoffAnswer<'a> {
    fn new(id: &'a HandoffId, handoff: &'a Handoff) -> Self {
        Self {
            handoff: id.as_str(),
            purpose: handoff.purpose.as_str(),
            executor: handoff.executor.as_str(),
            resource: handoff.audiences.iter().map(String::as_str).collect(),
            scope: handoff.scope.to_string(),
            max_uses: handoff.max_uses,
            not_before: handoff.not_before_s,
            not_after: handoff.not_after_s,
            outlives_logout: handoff.outlives_logout,
        }
    }
}

pub(crate) async fn hand_on(
    state: Data<AppState>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TokenRefusal> {
    let (form, client) = asked(&state, &request, body).await?;
    let client = &client.client;
    let handed_on = try_hand_on(&state, client, &form).await;
    let (id, handoff) = handed_on.inspect_err(|refusal| {
        let said = |name| form.get(name).unwrap_or_default();
        state.handoffs.not_handed_on(client, (said("purpose"), said("executor")), refusal);
        refusal.log(client.id.as_str());
    })?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(HandoffAnswer::new(&id, &handoff)))
}

async fn try_hand_on(
    state: &AppState,
    client: &Client,
    form: &Form,
) -> Result<(HandoffId, Handoff), TokenRefusal> {
    state.issuer.check_age()?;
    let ask = ask(state, form).await?;
    state.handoffs.hand_on(client, ask).await
}

async fn ask(state: &AppState, form: &Form) -> Result<HandoffAsk, TokenRefusal> {
    let bad = TokenRefusal::BadRequest;
    let purpose = form.get("purpose").ok_or(bad("purpose is missing"))?;
    let executor = form.get("executor").ok_or(bad("executor is missing"))?;
    let (purpose, executor) = (Purpose::parse(purpose), ClientId::parse(executor));
    check_subject_type(form)?;
    let mut audiences = form.all("resource");
    audiences.extend(form.all("audience"));
    Ok(HandoffAsk {
        purpose: purpose.map_err(|_| bad("purpose is no name of a purpose"))?,
        executor: executor.map_err(|_| bad("executor is no client id"))?,
        audiences,
        scope: scope(form.get("scope"))?,
        max_uses: number(form, "max_uses", "max_uses is no number")?,
        not_before_s: number(form, "not_before", "not_before is no time in seconds")?,
        not_after_s: number(form, "not_after", "not_after is no time in seconds")?,
        outlives_logout: yes(form, "outlives_logout")?,
        trace: Activity::with_current(|activity| activity.trace().to_string()),
        // The last, since it may cost a look into the database.
        subject: received(state, form).await?,
    })
}

/// A whole number without sign.
fn number<T: TryFrom<i64>>(
    form: &Form,
    name: &str,
    wrong: &'static str,
) -> Result<Option<T>, TokenRefusal> {
    let Some(text) = form.get(name) else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<i64> = digits.then(|| text.parse().ok()).flatten();
    let number = number.and_then(|number| T::try_from(number).ok());
    number.map(Some).ok_or(TokenRefusal::BadRequest(wrong))
}

fn yes(form: &Form, name: &str) -> Result<bool, TokenRefusal> {
    match form.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(TokenRefusal::BadRequest("outlives_logout is true or false")),
    }
}
