//! Clients.

use diesel::{
    AsChangeset, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn};

use crate::domain::client::{Client, ClientId, SecretHash};
use crate::domain::policy::SessionPolicy;
use crate::repository::schema::clients;

#[derive(Clone, Debug)]
pub(crate) struct ClientRepository {
    db: Db,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients)]
struct ClientRow {
    client_id: String,
    secret_sha256: String,
    scopes: String,
    audiences: String,
    session_policy: String,
    created_at: chrono::NaiveDateTime,
}

impl ClientRow {
    fn new(client: &Client, hash: &SecretHash, now: Timestamp) -> Result<Self, DbError> {
        Ok(Self {
            client_id: client.id.as_str().to_owned(),
            secret_sha256: hash.as_str().to_owned(),
            scopes: client.scopes.to_string(),
            audiences: json(&client.audiences)?,
            session_policy: json(&client.session_policy)?,
            created_at: now.naive_utc(),
        })
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|_| DbError::Corrupt("client"))
}

impl TryFrom<ClientRow> for (Client, SecretHash) {
    type Error = DbError;

    fn try_from(row: ClientRow) -> Result<Self, DbError> {
        let client = Client {
            id: ClientId::parse(&row.client_id).map_err(|_| DbError::Corrupt("client id"))?,
            scopes: row.scopes.parse().map_err(|_| DbError::Corrupt("scope"))?,
            audiences: serde_json::from_str(&row.audiences)
                .map_err(|_| DbError::Corrupt("list of audiences"))?,
            session_policy: SessionPolicy::from_json(&row.session_policy)
                .map_err(|_| DbError::Corrupt("session policy"))?,
        };
        Ok((client, SecretHash::stored(row.secret_sha256)))
    }
}

impl ClientRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    pub(crate) async fn find(&self, id: &str) -> Result<Option<(Client, SecretHash)>, DbError> {
        let row: Option<ClientRow> = with_conn!(&self.db, |conn| clients::table
            .find(id)
            .select(ClientRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(TryInto::try_into).transpose()
    }

    pub(crate) async fn list(&self) -> Result<Vec<Client>, DbError> {
        let rows: Vec<ClientRow> = with_conn!(&self.db, |conn| clients::table
            .order(clients::client_id.asc())
            .select(ClientRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter()
            .map(|row| <(Client, SecretHash)>::try_from(row).map(|(client, _)| client))
            .collect()
    }

    /// Adds the client; false when there is one of this name.
    pub(crate) async fn insert(
        &self,
        client: &Client,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<bool, DbError> {
        let row = ClientRow::new(client, hash, now)?;
        let inserted = with_conn!(&self.db, |conn| diesel::insert_into(clients::table)
            .values(&row)
            .on_conflict_do_nothing()
            .execute(conn)
            .await)?;
        Ok(inserted == 1)
    }

    /// Adds the client, or puts it in the place of the one of this name.
    pub(crate) async fn replace(
        &self,
        client: &Client,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<(), DbError> {
        let row = ClientRow::new(client, hash, now)?;
        with_conn!(&self.db, |conn| diesel::insert_into(clients::table)
            .values(&row)
            .on_conflict(clients::client_id)
            .do_update()
            .set(&row)
            .execute(conn)
            .await)?;
        Ok(())
    }
}
