//! Signing keys.

use diesel::{ExpressionMethods, Insertable, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::with_conn;

use crate::domain::key::StoredKey;
use crate::repository::schema::signing_keys;

const ACTIVE: &str = "ACTIVE";
const PUBLISHED: &str = "PUBLISHED";

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
    state: String,
    created_at: chrono::NaiveDateTime,
}

impl TryFrom<KeyRow> for StoredKey {
    type Error = DbError;

    fn try_from(row: KeyRow) -> Result<Self, DbError> {
        Ok(Self {
            kid: row.kid,
            algorithm: row.algorithm.parse().map_err(|_| DbError::Corrupt("algorithm"))?,
            sealed_private_key: row.sealed_private_key,
            active: row.state == ACTIVE,
            created_at: row.created_at.and_utc(),
        })
    }
}

impl From<StoredKey> for KeyRow {
    fn from(key: StoredKey) -> Self {
        Self {
            kid: key.kid,
            algorithm: key.algorithm.name().to_owned(),
            sealed_private_key: key.sealed_private_key,
            state: if key.active { ACTIVE } else { PUBLISHED }.to_owned(),
            created_at: key.created_at.naive_utc(),
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
            .order(signing_keys::created_at.desc())
            .select(KeyRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(StoredKey::try_from).collect()
    }

    /// Adds the key, unless another replica has made the active one of this algorithm meanwhile.
    pub(crate) async fn insert_unless_made(&self, key: StoredKey) -> Result<(), DbError> {
        let row = KeyRow::from(key);
        with_conn!(&self.db, |conn| diesel::insert_into(signing_keys::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(conn)
            .await)?;
        Ok(())
    }
}
