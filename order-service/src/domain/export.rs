//! [`Export`]: a list of a user's orders, to be written later by the batch in his name.

use std::fmt;

use chrono::TimeDelta;
use shared::client::HandOffTo;
use shared::idempotency::{IdempotencyKey, KeptAnswer, KeyedRequest};
use shared::{CompanyId, Session, Tenant, Timestamp, UserId};
use tracing::warn;
use uuid::Uuid;

use crate::error::{BadField, OrderError};
use crate::state::AppState;

/// What it is handed on for, as the authorization server knows it.
pub(crate) const PURPOSE: &str = "order-exports";
/// Who works it off.
pub(crate) const EXECUTOR: &str = "batch-service";
/// So many tokens may be made for one export: one for each service, and again every few minutes, also after a restart.
pub(crate) const USES: u32 = 24;
/// An export may be put off so long.
const LONGEST_DELAY: TimeDelta = TimeDelta::hours(24);
/// So many of a user's may be open at once.
const MOST_OPEN: i64 = 20;
/// The longest word for why it was closed, in bytes.
const MAX_WORD_BYTES: usize = 40;

/// Its name, in the order in which they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExportId(Uuid);

impl ExportId {
    pub(crate) fn parse(text: &str) -> Result<Self, OrderError> {
        Uuid::try_parse(text).map(Self).map_err(|_| OrderError::NoSuchExport)
    }
}

impl fmt::Display for ExportId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An export that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) id: ExportId,
    pub(crate) company_id: CompanyId,
    pub(crate) user_id: UserId,
    /// The id of what was handed on with it, and until when that is good.
    pub(crate) handoff: String,
    pub(crate) handed_on_until: Timestamp,
    pub(crate) placed_from: Option<Timestamp>,
    pub(crate) placed_to: Option<Timestamp>,
    /// Not to be worked on before.
    pub(crate) due_at: Timestamp,
    pub(crate) state: ExportState,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
}

/// Which orders, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) placed_from: Option<Timestamp>,
    pub(crate) placed_to: Option<Timestamp>,
    /// Not to be worked on before. None: soon.
    pub(crate) due_at: Option<Timestamp>,
    /// Whether it is made although the user logs out before.
    pub(crate) outlives_logout: bool,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExportState {
    Requested,
    Finished(Finish),
}

/// How it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// With a file of the user's.
    Done { file_id: String },
    /// Without: the right to act for him had ended.
    Closed { reason: String, ended_by: Option<String> },
}

impl Finish {
    /// A word for why it was closed, as it is told.
    pub(crate) fn closed(reason: &str, ended_by: Option<&str>) -> Result<Self, BadField> {
        let word = |field, text: &str| {
            let sound = (1..=MAX_WORD_BYTES).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic());
            let asked = BadField(field, "1 to 40 visible ASCII characters");
            if sound { Ok(text.to_owned()) } else { Err(asked) }
        };
        let ended_by = ended_by.map(|by| word("endedBy", by)).transpose()?;
        Ok(Self::Closed { reason: word("reason", reason)?, ended_by })
    }
}

/// When it may be worked on: within a day.
pub(crate) fn due_at(said: Timestamp, now: Timestamp) -> Result<Timestamp, BadField> {
    if said > now + LONGEST_DELAY {
        return Err(BadField("dueAt", "a moment within the next 24 hours"));
    }
    Ok(said)
}

/// Hands the session on, and keeps the id of that with the job, in one transaction. With a key, the same request twice makes one
/// export.
pub(crate) async fn request_export(
    state: &AppState,
    (session, key): (&Session, Option<IdempotencyKey>),
    (wanted, hand_off): (Wanted, HandOffTo),
    answer: impl Fn(&Export) -> KeptAnswer,
) -> Result<KeptAnswer, OrderError> {
    let keyed = key.map(|key| KeyedRequest::new(session, key, &[&format!("export {wanted:?}")]));
    if let Some(request) = &keyed
        && let Some(before) = state.exports.find_answer(request).await?
    {
        return Ok(before);
    }
    if state.exports.count_open(session.tenant(), session.user_id()).await? >= MOST_OPEN {
        return Err(OrderError::TooManyExports);
    }
    let handoff = bounded(hand_off, &wanted).send().await.map_err(OrderError::HandOff)?;
    let now = recorded(state.clock.now());
    let export = Export {
        id: ExportId(Uuid::now_v7()),
        company_id: session.company_id(),
        user_id: session.user_id(),
        handoff: handoff.id.clone(),
        handed_on_until: handoff.not_after,
        placed_from: wanted.placed_from,
        placed_to: wanted.placed_to,
        due_at: wanted.due_at.map_or(now, |at| at.max(now)),
        state: ExportState::Requested,
        created_at: now,
        finished_at: None,
    };
    let claimed = (session.tenant(), keyed.as_ref());
    let inserted = state.exports.insert(claimed, &export, answer(&export)).await;
    // Nobody will ever use it: the user is not to see two where he has asked once.
    let unused = match &inserted {
        Ok(answer) => answer.replayed,
        Err(OrderError::Idempotency(_)) => true,
        // Whether it has been written down nobody knows.
        Err(_) => false,
    };
    if unused && let Some(auth) = &state.auth {
        let ended = auth.end_handoff(&handoff.id).await;
        ended.unwrap_or_else(|cause| warn!(%cause, "what was handed on for nothing will expire"));
    }
    inserted
}

/// Good for no more than is wanted.
fn bounded(hand_off: HandOffTo, wanted: &Wanted) -> HandOffTo {
    let hand_off = match wanted.due_at {
        Some(at) => hand_off.not_before(at),
        None => hand_off,
    };
    if wanted.outlives_logout { hand_off.outliving_logout() } else { hand_off }
}

/// As a database keeps it.
fn recorded(at: Timestamp) -> Timestamp {
    Timestamp::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

pub(crate) async fn find_export(
    state: &AppState,
    session: &Session,
    id: ExportId,
) -> Result<Export, OrderError> {
    let export = state.exports.find(session.tenant(), id).await?;
    // Another's in the same company is none of his.
    let own = export.filter(|export| export.user_id == session.user_id());
    own.ok_or(OrderError::NoSuchExport)
}

/// Writes down how it has ended, and gives it as it is: the first end counts.
pub(crate) async fn finish_export(
    state: &AppState,
    tenant: Tenant,
    (id, finish): (ExportId, Finish),
) -> Result<Export, OrderError> {
    let now = recorded(state.clock.now());
    state.exports.finish(tenant, id, (&finish, now)).await?;
    state.exports.find(tenant, id).await?.ok_or(OrderError::NoSuchExport)
}
