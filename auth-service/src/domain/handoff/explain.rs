//! What there is to say of a handoff: who may use it, for what, how often, until when, and why a use would be refused now.

use std::fmt;

use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;
use shared::{Session, Timestamp};
use utoipa::ToSchema;

use crate::domain::handoff::Handoff;
use crate::domain::handoff::redeeming::{Known, RedeemAsk, redeem};

/// A handoff in words.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = HandoffExplanation)]
pub struct HandoffExplanation {
    /// What it is called: SHA-256 of its id, in base64.
    pub handoff: String,
    /// What it is for.
    #[schema(examples("order-exports"))]
    pub purpose: String,
    /// The client that has handed it on.
    #[schema(examples("order-service"))]
    pub handed_on_by: String,
    /// The only client that may use it.
    #[schema(examples("batch-service"))]
    pub executor: String,
    /// The services that its tokens may be for.
    pub resource: Vec<String>,
    /// What its tokens may be used for.
    #[schema(examples("order:read file:write"))]
    pub scope: String,
    /// On whose behalf.
    #[schema(value_type = Session)]
    pub session: Value,
    /// The login or root session that it came of.
    pub sid: String,
    /// Whether it goes on when the user logs out.
    pub outlives_logout: bool,
    /// How often it may be used.
    pub max_uses: u32,
    /// How often it has been.
    pub uses: u32,
    /// When it was used last.
    #[schema(value_type = Option<DateTime>, required)]
    pub last_used_at: Option<Timestamp>,
    /// When it was handed on.
    #[schema(value_type = DateTime)]
    pub created_at: Timestamp,
    /// From when on it is good.
    #[schema(value_type = DateTime)]
    pub not_before: Timestamp,
    /// Until when.
    #[schema(value_type = DateTime)]
    pub not_after: Timestamp,
    /// When it ended before its time.
    #[schema(value_type = Option<DateTime>, required)]
    pub ended_at: Option<Timestamp>,
    /// Whether its executor would get a token now.
    pub usable: bool,
    /// Why it would not: the word that it gets as `handoff_refusal`.
    #[schema(required, examples("ended"))]
    pub refusal: Option<&'static str>,
    /// The same in a sentence.
    #[schema(required, examples("the handoff has ended: LOGOUT"))]
    pub rule: Option<String>,
}

/// Says it. `known` is what is known of its executor.
pub(crate) fn explain(handoff: &Handoff, known: &Known<'_>) -> HandoffExplanation {
    let ask = RedeemAsk { purpose: None, audiences: Default::default(), scope: None, line: None };
    let refusal = redeem(handoff, &ask, known).err();
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    HandoffExplanation {
        handoff: handoff.name.as_str().to_owned(),
        purpose: handoff.purpose.to_string(),
        handed_on_by: handoff.handed_on_by.to_string(),
        executor: handoff.executor.to_string(),
        resource: handoff.audiences.iter().cloned().collect(),
        scope: handoff.scope.to_string(),
        // Of texts and numbers: it cannot fail.
        session: serde_json::to_value::<&Session>(&handoff.root.session).unwrap_or_default(),
        sid: handoff.root.sid.clone(),
        outlives_logout: handoff.outlives_logout,
        max_uses: handoff.max_uses,
        uses: handoff.used.times,
        last_used_at: handoff.used.last_at,
        created_at: handoff.created_at,
        not_before: at(handoff.not_before_s),
        not_after: at(handoff.not_after_s),
        ended_at: handoff.ended.map(|(_, at)| at),
        usable: refusal.is_none(),
        refusal: refusal.map(|refusal| refusal.word()),
        rule: refusal.map(|refusal| refusal.to_string()),
    }
}

impl fmt::Display for HandoffExplanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outlives = if self.outlives_logout { "outlives it" } else { "ends with it" };
        writeln!(formatter, "handoff {} for {}", self.handoff, self.purpose)?;
        writeln!(formatter, "  handed on by {} at {}", self.handed_on_by, self.created_at)?;
        writeln!(formatter, "  in session {}, of {}, and {outlives}", self.session, self.sid)?;
        write!(formatter, "  to {} alone, for {}", self.executor, self.resource.join(" "))?;
        writeln!(formatter, " with {}", self.scope)?;
        writeln!(formatter, "  good from {} until {}", self.not_before, self.not_after)?;
        write!(formatter, "  used {} of {} times", self.uses, self.max_uses)?;
        if let Some(at) = self.last_used_at {
            write!(formatter, ", last at {at}")?;
        }
        if let Some(at) = self.ended_at {
            write!(formatter, "\n  ended at {at}")?;
        }
        match &self.rule {
            None => write!(formatter, "\na use now: allowed"),
            Some(rule) => write!(formatter, "\na use now: refused, {rule}"),
        }
    }
}
