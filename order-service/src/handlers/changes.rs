//! What becomes of an order: paid, cancelled; and the receipt of a payment.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::error::ParseError;
use actix_web::http::header::{EntityTag, Header, IF_MATCH, IfMatch as IfMatchHeader};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{FromRequest, HttpRequest};
use serde::Serialize;
use shared::client::Inbound;
use shared::idempotency::{KeptAnswer, KeyedRequest, MaybeKey};
use shared::openapi::{Draft, Takes, one_of};
use shared::reply::codes;
use shared::reply::input::Violation;
use shared::{ApiError, ApiResponse, Session};
use utoipa::ToSchema;
use utoipa::openapi::Schema;

use crate::domain;
use crate::domain::calendar::recordable;
use crate::domain::change::{Change, Precondition, Transition};
use crate::domain::order::{Order, OrderId};
use crate::domain::receipt::{PendingReceipt, ReceiptOrder, ReceiptState};
use crate::handlers::orders::shown;
use crate::reply::CHANGED;
use crate::state::AppState;

/// The version that a change is to hold for, as an argument of a handler.
pub(crate) struct IfMatch(Precondition);

impl IfMatch {
    pub(crate) fn into_inner(self) -> Precondition {
        self.0
    }

    fn of(request: &HttpRequest) -> Result<Precondition, ApiError> {
        if !request.headers().contains_key(IF_MATCH) {
            return Ok(Precondition::None);
        }
        let bad = |_| Violation::new("If-Match", "format", "entity tags as in \"1\", or *");
        Ok(match IfMatchHeader::parse(request).map_err(bad)? {
            // There is an order, or it is not found anyway.
            IfMatchHeader::Any => Precondition::None,
            IfMatchHeader::Items(tags) if tags.is_empty() => {
                return Err(bad(ParseError::Header).into());
            }
            IfMatchHeader::Items(tags) => {
                Precondition::Versions(tags.iter().filter_map(version).collect())
            }
        })
    }
}

/// The version that a tag of ours stands for. A weak one matches nothing (RFC 9110 section 13.1.1).
fn version(tag: &EntityTag) -> Option<i32> {
    let version: i32 = tag.tag().parse().ok()?;
    (!tag.weak && version.to_string() == tag.tag()).then_some(version)
}

impl Takes for IfMatch {
    fn describe(draft: &mut Draft) {
        let what = "The change holds for this version only: the `ETag` of what was seen, or `*`.";
        draft.takes_header("If-Match", what, false);
        draft.fails(&codes::VALIDATION);
        draft.fails(&CHANGED);
    }
}

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map(Self))
    }
}

/// What a change is asked for with; the body says nothing.
type Asked = (Path<String>, IfMatch, MaybeKey, Bytes);

fn change(
    session: &Session,
    (id, precondition, key, _): Asked,
    (name, transition): (&str, Transition),
) -> Result<Change, ApiError> {
    let id = OrderId::parse(&id)?;
    let precondition = precondition.into_inner();
    let keyed = key.into_inner().map(|key| {
        let asked = [name, &id.to_string(), &format!("{precondition:?}")];
        KeyedRequest::new(session, key, &asked)
    });
    Ok(Change { id, transition, precondition, keyed })
}

fn answer(order: &Order) -> KeptAnswer {
    shown(ApiResponse::ok, order).kept()
}

pub(crate) async fn cancel_order(
    state: Data<AppState>,
    session: Session,
    asked: Asked,
) -> Result<KeptAnswer, ApiError> {
    let change = change(&session, asked, ("cancel", Transition::Cancel))?;
    Ok(domain::change_order(&state, session.tenant(), &change, answer).await?.answer)
}

/// Pays, and sees to it that file-service gets the receipt, on behalf of whoever pays.
pub(crate) async fn pay_order(
    state: Data<AppState>,
    session: Session,
    request: HttpRequest,
    asked: Asked,
) -> Result<KeptAnswer, ApiError> {
    let receipt = ReceiptOrder { session: session.clone(), trace: request.trace() };
    let at = recordable("paidAt", state.clock.now())?;
    let transition = Transition::Pay { at, receipt: receipt.clone() };
    let change = change(&session, asked, ("pay", transition))?;
    let outcome = domain::change_order(&state, session.tenant(), &change, answer).await?;
    // Who pays what is paid already is not the payer.
    if outcome.happened {
        let pending = PendingReceipt { order_id: change.id, order: receipt, attempts: 0 };
        state.receipts.deliver_soon(pending, request.access_token());
    }
    Ok(outcome.answer)
}

fn receipt_states() -> Schema {
    one_of(["NONE", "PENDING", "WRITTEN"]).into()
}

#[derive(Serialize, ToSchema)]
#[schema(as = Receipt)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptView {
    /// `NONE`: not paid here; `PENDING`: file-service has not got it yet; `WRITTEN`.
    #[schema(schema_with = receipt_states)]
    state: &'static str,
    /// What it is called there.
    #[schema(required, format = "uuid")]
    file_id: Option<String>,
}

pub(crate) async fn find_receipt(
    state: Data<AppState>,
    session: Session,
    id: Path<String>,
) -> Result<ApiResponse<ReceiptView>, ApiError> {
    let id = OrderId::parse(&id)?;
    let receipt = domain::find_receipt(&state, session.tenant(), id).await?;
    let (state, file_id) = match receipt {
        ReceiptState::None => ("NONE", None),
        ReceiptState::Pending => ("PENDING", None),
        ReceiptState::Written { file_id } => ("WRITTEN", Some(file_id)),
    };
    Ok(ApiResponse::ok(ReceiptView { state, file_id }))
}
