//! Assertions that have been used.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::with_conn;

use crate::repository::schema::used_assertions;

#[derive(Clone, Debug)]
pub(crate) struct AssertionRepository {
    db: Db,
}

impl AssertionRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// Notes that the client has used this assertion; false when it had before. Of many at once, one is first.
    pub(crate) async fn insert(
        &self,
        client_id: &str,
        jti: &str,
        expires_s: i64,
    ) -> Result<bool, DbError> {
        // Somebody else's text of any length and kind: the hash is as good.
        let hash = digest::digest(&digest::SHA256, jti.as_bytes());
        let hash = URL_SAFE_NO_PAD.encode(hash.as_ref());
        let inserted = with_conn!(&self.db, |conn| diesel::insert_into(used_assertions::table)
            .values((
                used_assertions::client_id.eq(client_id),
                used_assertions::jti_sha256.eq(&hash),
                used_assertions::expires_s.eq(expires_s),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await)?;
        Ok(inserted == 1)
    }

    pub(crate) async fn delete_expired(&self, now_s: i64) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::delete(
            used_assertions::table.filter(used_assertions::expires_s.lt(now_s))
        )
        .execute(conn)
        .await)?;
        Ok(())
    }
}
