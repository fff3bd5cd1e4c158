//! Signing keys.

use diesel::{ExpressionMethods, Insertable, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::with_conn;

use crate::domain::audit::AuditEvent;
use crate::domain::key::{KeyTimes, StoredKey};
use crate::repository::changes::KEYS;
use crate::repository::schema::signing_keys;
use crate::repository::sound;

#[derive(Clone, Debug)]
pub(crate) struct KeyRepository {
    db: Db,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
struct KeyRow {
    kid: String,
    algorithm: String,
    sealed_private_key: Vec<u8>,
    created_at: chrono::NaiveDateTime,
    /// What the release before looks for; it says nothing any more.
    state: String,
    generation: i64,
    signs_from: chrono::NaiveDateTime,
}

impl TryFrom<KeyRow> for StoredKey {
    type Error = DbError;

    fn try_from(row: KeyRow) -> Result<Self, DbError> {
        let times = KeyTimes {
            kid: row.kid,
            algorithm: row.algorithm.parse().map_err(|_| DbError::Corrupt("algorithm"))?,
            generation: row.generation,
            created_at: row.created_at.and_utc(),
            signs_from: row.signs_from.and_utc(),
        };
        Ok(Self { times, sealed_private_key: row.sealed_private_key })
    }
}

impl From<&StoredKey> for KeyRow {
    fn from(key: &StoredKey) -> Self {
        Self {
            kid: key.times.kid.clone(),
            algorithm: key.times.algorithm.name().to_owned(),
            sealed_private_key: key.sealed_private_key.clone(),
            created_at: key.times.created_at.naive_utc(),
            state: "PUBLISHED".to_owned(),
            generation: key.times.generation,
            signs_from: key.times.signs_from.naive_utc(),
        }
    }
}

impl KeyRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// All keys, the newest first.
    pub(crate) async fn list(&self) -> Result<Vec<StoredKey>, DbError> {
        let rows: Vec<KeyRow> = with_conn!(&self.db, |conn| signing_keys::table
            .order((signing_keys::signs_from.desc(), signing_keys::kid.asc()))
            .select(KeyRow::as_select())
            .load(conn)
            .await)?;
        Ok(sound(rows.into_iter().map(StoredKey::try_from)))
    }

    /// Adds the key; false when another replica has made the one of this generation meanwhile.
    pub(crate) async fn insert(
        &self,
        key: &StoredKey,
        event: &AuditEvent,
    ) -> Result<bool, DbError> {
        let row = KeyRow::from(key);
        // A number that is raised wakes everybody.
        if self.is_made(&row).await? {
            return Ok(false);
        }
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, KEYS).await?;
                let inserted = diesel::insert_into(signing_keys::table)
                    .values(&row)
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
                if inserted == 1 {
                    note_audit!(conn, event).await?;
                }
                Ok(inserted == 1)
            })
            .await
        })
    }

    async fn is_made(&self, row: &KeyRow) -> Result<bool, DbError> {
        let made: i64 = with_conn!(&self.db, |conn| signing_keys::table
            .filter(signing_keys::algorithm.eq(&row.algorithm))
            .filter(signing_keys::generation.eq(row.generation))
            .count()
            .get_result(conn)
            .await)?;
        Ok(made > 0)
    }

    /// Puts the key in the place of all others, at once.
    pub(crate) async fn replace_all(
        &self,
        key: &StoredKey,
        event: &AuditEvent,
    ) -> Result<(), DbError> {
        let row = KeyRow::from(key);
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, KEYS).await?;
                diesel::delete(signing_keys::table).execute(conn).await?;
                diesel::insert_into(signing_keys::table).values(&row).execute(conn).await?;
                note_audit!(conn, event).await?;
                Ok(())
            })
            .await
        })
    }

    /// False when it has gone already.
    pub(crate) async fn delete(&self, kid: &str) -> Result<bool, DbError> {
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, KEYS).await?;
                let deleted = diesel::delete(signing_keys::table.find(kid)).execute(conn).await?;
                Ok(deleted == 1)
            })
            .await
        })
    }

    /// Stores these keys sealed anew, all or none.
    pub(crate) async fn update_sealed(
        &self,
        keys: &[StoredKey],
        event: &AuditEvent,
    ) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, KEYS).await?;
                for key in keys {
                    diesel::update(signing_keys::table.find(&key.times.kid))
                        .set(signing_keys::sealed_private_key.eq(&key.sealed_private_key))
                        .execute(conn)
                        .await?;
                }
                note_audit!(conn, event).await?;
                Ok(())
            })
            .await
        })
    }
}
