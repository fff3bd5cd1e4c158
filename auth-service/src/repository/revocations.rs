//! Revocations, numbered in the order in which they were committed.

use diesel::{ExpressionMethods, Insertable, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{Revocation, RevocationKind, with_conn};

use crate::domain::audit::AuditEvent;
use crate::domain::handoff::HandoffEnd;
use crate::domain::login::EndedBy;
use crate::repository::changes::REVOCATIONS;
use crate::repository::handoffs::{end_handed_on, end_handoffs};
use crate::repository::schema::{handoffs, revocations};
use crate::repository::sound;

#[derive(Clone, Debug)]
pub(crate) struct RevocationRepository {
    db: Db,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = revocations)]
pub(crate) struct RevocationRow {
    seq: i64,
    kind: String,
    value: String,
    before_s: Option<i64>,
    expires_s: i64,
}

impl RevocationRow {
    pub(crate) fn new(revocation: &Revocation, seq: i64) -> Self {
        Self {
            seq,
            kind: revocation.kind.name().to_owned(),
            value: revocation.value.clone(),
            before_s: revocation.before,
            expires_s: revocation.exp,
        }
    }
}

impl TryFrom<RevocationRow> for Revocation {
    type Error = DbError;

    fn try_from(row: RevocationRow) -> Result<Self, DbError> {
        let kind = row.kind.parse().map_err(|_| DbError::Corrupt("kind of a revocation"))?;
        let (seq, value) = (row.seq, row.value);
        Ok(Self { seq, kind, value, before: row.before_s, exp: row.expires_s })
    }
}

impl RevocationRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Adds the revocation, whose number is given here, and gives it. What was handed on of a root that ends with it ends, too.
    pub(crate) async fn insert(
        &self,
        (revocation, ends): (Revocation, EndedBy),
        event: &AuditEvent,
    ) -> Result<Revocation, DbError> {
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let seq = note_change!(conn, REVOCATIONS).await?;
                let row = RevocationRow::new(&revocation, seq);
                diesel::insert_into(revocations::table).values(row).execute(conn).await?;
                let value = revocation.value.as_str();
                if revocation.kind == RevocationKind::Handoff {
                    let query = handoffs::table.filter(handoffs::name.eq(value));
                    end_handoffs!(
                        conn,
                        query,
                        HandoffEnd::Root(ends),
                        (Some(&event.actor), event.at)
                    );
                }
                if revocation.kind == RevocationKind::Sid {
                    end_handed_on!(conn, value, ends, (Some(&event.actor), event.at));
                }
                note_audit!(conn, event).await?;
                Ok(Revocation { seq, ..revocation.clone() })
            })
            .await
        })
    }

    /// Those after this number, the oldest first.
    pub(crate) async fn list_after(&self, seq: i64) -> Result<Vec<Revocation>, DbError> {
        let rows: Vec<RevocationRow> = with_conn!(&self.db, |conn| revocations::table
            .filter(revocations::seq.gt(seq))
            .order(revocations::seq.asc())
            .select(RevocationRow::as_select())
            .load(conn)
            .await)?;
        Ok(sound(rows.into_iter().map(Revocation::try_from)))
    }

    pub(crate) async fn delete_expired(&self, now_s: i64) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::delete(
            revocations::table.filter(revocations::expires_s.lt(now_s))
        )
        .execute(conn)
        .await)?;
        Ok(())
    }
}
