//! Clients and their secrets.

use std::collections::HashMap;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, QueryDsl, Queryable, Selectable,
    SelectableHelper,
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::db::{Db, DbError};
use shared::{Timestamp, with_conn};

use crate::domain::audit::AuditEvent;
use crate::domain::client::{Client, ClientId};
use crate::domain::policy::SessionPolicy;
use crate::domain::secret::{MAX_LIVE, SecretHash, StoredSecret};
use crate::repository::changes::CLIENTS;
use crate::repository::schema::{client_secrets, clients};
use crate::repository::sound;

#[derive(Clone, Debug)]
pub(crate) struct ClientRepository {
    db: Db,
}

/// A client as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredClient {
    pub(crate) client: Client,
    pub(crate) from_file: bool,
    /// The newest first, two at the most.
    pub(crate) secrets: Vec<StoredSecret>,
}

/// Why a client is not stored.
#[derive(Debug, thiserror::Error)]
pub enum ClientStoreError {
    /// Another client has its service account.
    #[error("another client has the same service account")]
    ServiceAccountTaken,
    /// The database is away or refuses.
    #[error("database: {0}")]
    Db(#[from] DbError),
}

impl From<DieselError> for ClientStoreError {
    fn from(error: DieselError) -> Self {
        match error {
            // The one unique index beside the key, for which there is `on conflict`.
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
                Self::ServiceAccountTaken
            }
            error => Self::Db(error.into()),
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = clients)]
struct ClientRow {
    client_id: String,
    /// What the release before looks for; secrets have a table of their own.
    secret_sha256: String,
    scopes: String,
    audiences: String,
    session_policy: String,
    created_at: chrono::NaiveDateTime,
    exchange: String,
    serves: String,
    keys: String,
    service_account: Option<String>,
    from_file: bool,
    hands_on: String,
    takes_over: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = client_secrets)]
struct SecretRow {
    secret_id: String,
    client_id: String,
    sha256: String,
    created_at: chrono::NaiveDateTime,
    expires_at: Option<chrono::NaiveDateTime>,
}

impl ClientRow {
    fn new(client: &Client, from_file: bool, now: Timestamp) -> Result<Self, DbError> {
        Ok(Self {
            client_id: client.id.to_string(),
            secret_sha256: String::new(),
            scopes: client.scopes.to_string(),
            audiences: json(&client.audiences)?,
            session_policy: json(&client.session_policy)?,
            created_at: now.naive_utc(),
            exchange: json(&client.exchange)?,
            serves: json(&client.serves)?,
            keys: json(&client.keys)?,
            service_account: client.service_account.as_ref().map(ToString::to_string),
            from_file,
            hands_on: json(&client.hands_on)?,
            takes_over: json(&client.takes_over)?,
        })
    }

    fn read(self, secrets: Vec<StoredSecret>) -> Result<StoredClient, DbError> {
        let account = self.service_account.as_deref().map(str::parse).transpose();
        let client = Client {
            id: ClientId::parse(&self.client_id).map_err(|_| DbError::Corrupt("client id"))?,
            scopes: self.scopes.parse().map_err(|_| DbError::Corrupt("scope"))?,
            audiences: list(&self.audiences)?,
            session_policy: SessionPolicy::from_json(&self.session_policy)
                .map_err(|_| DbError::Corrupt("session policy"))?,
            exchange: list(&self.exchange)?,
            hands_on: list(&self.hands_on)?,
            takes_over: list(&self.takes_over)?,
            serves: list(&self.serves)?,
            keys: list(&self.keys)?,
            service_account: account.map_err(|_| DbError::Corrupt("service account"))?,
        };
        Ok(StoredClient { client, from_file: self.from_file, secrets })
    }
}

impl SecretRow {
    fn new(client: &ClientId, hash: &SecretHash, now: Timestamp) -> Self {
        Self {
            secret_id: uuid::Uuid::now_v7().to_string(),
            client_id: client.to_string(),
            sha256: hash.as_str().to_owned(),
            created_at: now.naive_utc(),
            expires_at: None,
        }
    }
}

impl From<SecretRow> for StoredSecret {
    fn from(row: SecretRow) -> Self {
        Self {
            id: row.secret_id,
            hash: SecretHash::stored(row.sha256),
            created_at: row.created_at.and_utc(),
            expires_at: row.expires_at.map(|at| at.and_utc()),
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|_| DbError::Corrupt("client"))
}

fn list<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, DbError> {
    serde_json::from_str(text).map_err(|_| DbError::Corrupt("list of a client"))
}

/// Makes a secret the newest of its client: the one before lives until `others_until`, older ones go. Nothing happens when
/// it is the newest already: replicas that start at the same time bring the same one.
macro_rules! add_secret {
    ($conn:expr, $row:expr, $others_until:expr) => {{
        let own = client_secrets::client_id.eq(&$row.client_id);
        let before: Vec<(String, String, Option<chrono::NaiveDateTime>)> = client_secrets::table
            .filter(own)
            .order((client_secrets::created_at.desc(), client_secrets::secret_id.desc()))
            .select((client_secrets::secret_id, client_secrets::sha256, client_secrets::expires_at))
            .load($conn)
            .await?;
        let newest = before.iter().next();
        if !newest.is_some_and(|(_, hash, expires)| *hash == $row.sha256 && expires.is_none()) {
            for (id, _, _) in before.iter().skip(MAX_LIVE - 1) {
                diesel::delete(client_secrets::table.find(id)).execute($conn).await?;
            }
            let until: chrono::NaiveDateTime = $others_until;
            let lives_longer =
                client_secrets::expires_at.is_null().or(client_secrets::expires_at.gt(until));
            diesel::update(client_secrets::table.filter(own).filter(lives_longer))
                .set(client_secrets::expires_at.eq(until))
                .execute($conn)
                .await?;
            diesel::insert_into(client_secrets::table).values($row).execute($conn).await?;
        }
    }};
}

/// Writes a client's rights; when it was first made stays.
macro_rules! upsert_client {
    ($conn:expr, $row:expr) => {
        diesel::insert_into(clients::table)
            .values($row)
            .on_conflict(clients::client_id)
            .do_update()
            .set((
                clients::scopes.eq(&$row.scopes),
                clients::audiences.eq(&$row.audiences),
                clients::session_policy.eq(&$row.session_policy),
                clients::exchange.eq(&$row.exchange),
                clients::serves.eq(&$row.serves),
                clients::keys.eq(&$row.keys),
                clients::service_account.eq(&$row.service_account),
                clients::from_file.eq($row.from_file),
                clients::hands_on.eq(&$row.hands_on),
                clients::takes_over.eq(&$row.takes_over),
            ))
            .execute($conn)
    };
}

macro_rules! delete_client {
    ($conn:expr, $id:expr) => {{
        let own = client_secrets::client_id.eq($id);
        diesel::delete(client_secrets::table.filter(own)).execute($conn).await?;
        diesel::delete(clients::table.find($id)).execute($conn).await?
    }};
}

/// What makes the registered clients those of a file. All of it is done, or nothing.
#[derive(Default)]
pub(crate) struct Applied<'a> {
    pub(crate) removed: Vec<&'a ClientId>,
    pub(crate) put: Vec<&'a Client>,
    pub(crate) secrets: Vec<(&'a ClientId, SecretHash)>,
    pub(crate) events: Vec<AuditEvent>,
}

impl ClientRepository {
    pub(crate) fn new(db: Db) -> Self {
        Self { db }
    }

    /// All of them, by their ids.
    pub(crate) async fn list(&self) -> Result<Vec<StoredClient>, DbError> {
        let (rows, secrets): (Vec<ClientRow>, Vec<SecretRow>) = with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                let clients = clients::table
                    .order(clients::client_id.asc())
                    .select(ClientRow::as_select())
                    .load(conn)
                    .await?;
                let secrets = client_secrets::table
                    .order((client_secrets::created_at.desc(), client_secrets::secret_id.desc()))
                    .select(SecretRow::as_select())
                    .load(conn)
                    .await?;
                Ok::<_, DieselError>((clients, secrets))
            })
            .await
        })?;
        let mut by_client: HashMap<String, Vec<StoredSecret>> = HashMap::new();
        for row in secrets {
            by_client.entry(row.client_id.clone()).or_default().push(row.into());
        }
        let read = |row: ClientRow| {
            let secrets = by_client.remove(&row.client_id).unwrap_or_default();
            row.read(secrets)
        };
        Ok(sound(rows.into_iter().map(read)))
    }

    /// Adds the client, with a secret if it is to have one; false when there is one of this name.
    pub(crate) async fn insert(
        &self,
        new: (&Client, Option<&SecretHash>),
        event: &AuditEvent,
    ) -> Result<bool, ClientStoreError> {
        let (client, hash) = new;
        let row = ClientRow::new(client, false, event.at)?;
        let secret = hash.map(|hash| SecretRow::new(&client.id, hash, event.at));
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, CLIENTS).await?;
                let inserted = diesel::insert_into(clients::table)
                    .values(&row)
                    .on_conflict(clients::client_id)
                    .do_nothing()
                    .execute(conn)
                    .await?;
                if inserted == 0 {
                    return Ok(false);
                }
                if let Some(secret) = &secret {
                    diesel::insert_into(client_secrets::table).values(secret).execute(conn).await?;
                }
                note_audit!(conn, event).await?;
                Ok(true)
            })
            .await
        })
    }

    /// Adds the client, or gives the one of this name these rights. Its secrets stay.
    pub(crate) async fn upsert(
        &self,
        (client, from_file): (&Client, bool),
        event: &AuditEvent,
    ) -> Result<(), ClientStoreError> {
        let row = ClientRow::new(client, from_file, event.at)?;
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, CLIENTS).await?;
                upsert_client!(conn, &row).await?;
                note_audit!(conn, event).await?;
                Ok(())
            })
            .await
        })
    }

    /// Removes the client and its secrets; false when there is none of this name.
    pub(crate) async fn delete(&self, id: &ClientId, event: &AuditEvent) -> Result<bool, DbError> {
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, CLIENTS).await?;
                let deleted = delete_client!(conn, id.as_str());
                if deleted == 1 {
                    note_audit!(conn, event).await?;
                }
                Ok(deleted == 1)
            })
            .await
        })
    }

    /// Gives the client another secret. The one before lives until `others_until`, older ones go at once. False when
    /// there is no client of this name.
    pub(crate) async fn insert_secret(
        &self,
        (id, hash): (&ClientId, &SecretHash),
        others_until: Timestamp,
        event: &AuditEvent,
    ) -> Result<bool, DbError> {
        let row = SecretRow::new(id, hash, event.at);
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, CLIENTS).await?;
                let known: i64 = clients::table.find(id.as_str()).count().get_result(conn).await?;
                if known == 0 {
                    return Ok(false);
                }
                add_secret!(conn, &row, others_until.naive_utc());
                note_audit!(conn, event).await?;
                Ok(true)
            })
            .await
        })
    }

    /// Does all of it, or nothing. Service accounts are given up before they are taken, so that one can go from a client to
    /// another.
    pub(crate) async fn apply(
        &self,
        applied: &Applied<'_>,
        (now, others_until): (Timestamp, Timestamp),
    ) -> Result<(), ClientStoreError> {
        let put = applied.put.iter().map(|client| ClientRow::new(client, true, now));
        let put = put.collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<&str> = put.iter().map(|row| row.client_id.as_str()).collect();
        let secrets = applied.secrets.iter().map(|(id, hash)| SecretRow::new(id, hash, now));
        let secrets: Vec<SecretRow> = secrets.collect();
        with_conn!(&self.db, |conn| {
            conn.transaction(async |conn| {
                note_change!(conn, CLIENTS).await?;
                diesel::update(clients::table.filter(clients::client_id.eq_any(&ids)))
                    .set(clients::service_account.eq(None::<String>))
                    .execute(conn)
                    .await?;
                for id in &applied.removed {
                    delete_client!(conn, id.as_str());
                }
                for row in &put {
                    upsert_client!(conn, row).await?;
                }
                for row in &secrets {
                    add_secret!(conn, row, others_until.naive_utc());
                }
                for event in &applied.events {
                    note_audit!(conn, event).await?;
                }
                Ok(())
            })
            .await
        })
    }

    /// Removes secrets that have expired.
    pub(crate) async fn delete_expired_secrets(&self, now: Timestamp) -> Result<(), DbError> {
        with_conn!(&self.db, |conn| diesel::delete(
            client_secrets::table.filter(client_secrets::expires_at.lt(now.naive_utc()))
        )
        .execute(conn)
        .await)?;
        Ok(())
    }
}
