//! What is done in the middle of a transaction, whichever database it is on.

use shared::Timestamp;
use shared::token::verifier::LEEWAY_S;

use crate::domain::audit::{AuditEvent, Event};
use crate::domain::handoff::{Handoff, HandoffEnd, HandoffName};
use crate::domain::revoking::of_handoff;
use crate::logins::actor;
use crate::repository::handoffs::rows::{HandoffRow, uses};
use crate::repository::revocations::RevocationRow;

/// By so much clocks of replicas may differ, in seconds.
const CLOCKS_DIFFER_S: i64 = 60;

/// Ends the handoffs that the query finds, those that have not ended, and revokes what has been made of them and is still good;
/// gives how many. `by` is who has done it; None: the user, or what he has done. In a transaction that holds the lock of the
/// revocations.
macro_rules! end_handoffs {
    ($conn:expr, $query:expr, $end:expr, ($by:expr, $now:expr)) => {{
        use crate::repository::handoffs::{HandoffRow, ended_event, revocation_due};
        use crate::repository::schema::{handoffs, revocations};
        let found: Vec<String> =
            $query.filter(handoffs::ended_by.is_null()).select(handoffs::name).load($conn).await?;
        // From here on no use is counted: what is told here is all that has been made of them.
        let own = handoffs::table.filter(handoffs::name.eq_any(&found));
        let ended: Vec<HandoffRow> = diesel::update(own)
            .set((handoffs::ended_by.eq($end.name()), handoffs::ended_at.eq($now.naive_utc())))
            .returning(HandoffRow::as_returning())
            .get_results($conn)
            .await?;
        let count = ended.len();
        for row in ended {
            if revocation_due(&row, $now) {
                let seq = note_change!($conn, crate::repository::changes::REVOCATIONS).await?;
                let row = crate::repository::handoffs::revocation_row(&row, $now, seq);
                diesel::insert_into(revocations::table).values(row).execute($conn).await?;
            }
            note_audit!($conn, &ended_event(row, $end, ($by, $now))).await?;
        }
        count
    }};
}

/// The same for what was handed on of a root that ends.
macro_rules! end_handed_on {
    ($conn:expr, $sid:expr, $ended_by:expr, $by_and_now:tt) => {{
        use crate::domain::handoff::HandoffEnd;
        use crate::repository::handoffs::end_handoffs;
        use crate::repository::schema::handoffs;
        let outliving = [false, $ended_by.ends_what_outlives()];
        let query = handoffs::table
            .filter(handoffs::root_sid.eq($sid))
            .filter(handoffs::outlives_logout.eq_any(outliving));
        end_handoffs!($conn, query, HandoffEnd::Root($ended_by), $by_and_now);
    }};
}

pub(in crate::repository) use {end_handed_on, end_handoffs};

/// Whether a token that has been made of it may still be taken somewhere. What cannot be read may be.
pub(in crate::repository) fn revocation_due(row: &HandoffRow, now: Timestamp) -> bool {
    let since = now.timestamp() - LEEWAY_S - CLOCKS_DIFFER_S;
    uses(&row.redemptions).map_or(true, |uses| uses.iter().any(|(_, until)| *until > since))
}

pub(in crate::repository) fn revocation_row(
    row: &HandoffRow,
    now: Timestamp,
    seq: i64,
) -> RevocationRow {
    RevocationRow::new(&of_handoff(&HandoffName::stored(row.name.clone()), now), seq)
}

/// A row of the audit log.
pub(in crate::repository) fn ended_event(
    row: HandoffRow,
    end: HandoffEnd,
    (by, now): (Option<&str>, Timestamp),
) -> AuditEvent {
    let name = row.name.clone();
    let Ok(handoff) = Handoff::try_from(row) else {
        let event = AuditEvent::new(Event::HandoffEnded, by.unwrap_or_default(), now);
        return event.because(format!("{name}: {end}"));
    };
    let user = actor(handoff.root.session.user_id());
    handoff.event(Event::HandoffEnded, (by.unwrap_or(&user), end.name()), now)
}
