//! The table of requests, and what is done with it inside the transaction of the effect.

use std::collections::{BTreeMap, HashSet};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::{IdempotencyError, KeptAnswer, KeyedRequest};
use crate::across_tenants;
use crate::clock::Timestamp;
use crate::db::{AsyncSqliteConnection, Db, DbError};

diesel::table! {
    idempotent_requests (company_id, key) {
        company_id -> BigInt,
        key -> Text,
        sha256 -> Text,
        answer -> Nullable<Text>,
        created_at -> Timestamp,
    }
}

/// What a request under a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The first of its key: go on.
    New,
    /// It was carried out before: this was the answer.
    Replay(KeptAnswer),
}

/// What a connection can do about keys. Both calls belong into the transaction of the effect.
pub trait IdempotentConnection {
    /// Claims the key for this request; one statement decides. `answer` is kept with it where it is known beforehand;
    /// otherwise it follows by [`IdempotentConnection::keep`].
    ///
    /// # Errors
    /// [`IdempotencyError::Reused`], [`IdempotencyError::Running`], [`IdempotencyError::Db`].
    fn claim(
        &mut self,
        request: &KeyedRequest,
        now: Timestamp,
        answer: Option<&KeptAnswer>,
    ) -> impl Future<Output = Result<Claim, IdempotencyError>> + Send;

    /// The answer of a request that was carried out before. None claims nothing: before work that cannot be undone, and only to
    /// save it.
    ///
    /// # Errors
    /// [`IdempotencyError::Reused`], [`IdempotencyError::Db`].
    fn find(
        &mut self,
        request: &KeyedRequest,
    ) -> impl Future<Output = Result<Option<KeptAnswer>, IdempotencyError>> + Send;

    /// Keeps the answer of a request whose key has been claimed.
    ///
    /// # Errors
    /// [`IdempotencyError::Db`].
    fn keep(
        &mut self,
        request: &KeyedRequest,
        answer: &KeptAnswer,
    ) -> impl Future<Output = Result<(), IdempotencyError>> + Send;
}

macro_rules! requests_on {
    ($connection:ty) => {
        impl IdempotentConnection for $connection {
            async fn claim(
                &mut self,
                request: &KeyedRequest,
                now: Timestamp,
                answer: Option<&KeptAnswer>,
            ) -> Result<Claim, IdempotencyError> {
                let row = (
                    idempotent_requests::company_id.eq(company_of(request)),
                    idempotent_requests::key.eq(request.key()),
                    idempotent_requests::sha256.eq(request.sha256()),
                    idempotent_requests::answer.eq(answer.map(KeptAnswer::to_text)),
                    idempotent_requests::created_at.eq(now.naive_utc()),
                );
                let inserted = diesel::insert_into(idempotent_requests::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .execute(self)
                    .await
                    .map_err(waited_too_long)?;
                if inserted == 1 {
                    return Ok(Claim::New);
                }
                // None: it was forgotten in this very moment.
                let before = self.find(request).await?.ok_or(IdempotencyError::Running)?;
                Ok(Claim::Replay(before))
            }

            async fn find(
                &mut self,
                request: &KeyedRequest,
            ) -> Result<Option<KeptAnswer>, IdempotencyError> {
                let before: Option<(String, Option<String>)> = idempotent_requests::table
                    .find((company_of(request), request.key()))
                    .select((idempotent_requests::sha256, idempotent_requests::answer))
                    .first(self)
                    .await
                    .optional()?;
                let before = before.map(|(sha256, answer)| kept(request, &sha256, answer));
                before.transpose()
            }

            async fn keep(
                &mut self,
                request: &KeyedRequest,
                answer: &KeptAnswer,
            ) -> Result<(), IdempotencyError> {
                diesel::update(
                    idempotent_requests::table.find((company_of(request), request.key())),
                )
                .set(idempotent_requests::answer.eq(answer.to_text()))
                .execute(self)
                .await?;
                Ok(())
            }
        }
    };
}

requests_on!(AsyncPgConnection);
requests_on!(AsyncSqliteConnection);

fn company_of(request: &KeyedRequest) -> i64 {
    request.tenant().company_id().get()
}

fn kept(
    request: &KeyedRequest,
    sha256: &str,
    answer: Option<String>,
) -> Result<KeptAnswer, IdempotencyError> {
    if sha256 != request.sha256() {
        return Err(IdempotencyError::Reused);
    }
    let answer = answer.as_deref().and_then(KeptAnswer::from_text);
    Ok(answer.ok_or(DbError::Corrupt("answer of an idempotent request"))?)
}

/// Claims the keys of several requests of one tenant at once, with the answers that they are given; says which were free. Of
/// two that share a key the first one has it. The others are to be carried out by themselves: each is then answered, or told
/// why not.
///
/// # Errors
/// [`IdempotencyError::Running`], [`IdempotencyError::Db`]; of all of them.
pub async fn claim_all(
    connection: &mut AsyncPgConnection,
    requests: &[(&KeyedRequest, &KeptAnswer)],
    now: Timestamp,
) -> Result<HashSet<usize>, IdempotencyError> {
    // In one order for all, so that of two who claim at once one waits for the other, and never both.
    let mut firsts: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, (request, _)) in requests.iter().enumerate() {
        firsts.entry(request.key()).or_insert(place);
    }
    let row = |place: &usize| {
        let (request, answer) = requests[*place];
        (
            idempotent_requests::company_id.eq(company_of(request)),
            idempotent_requests::key.eq(request.key()),
            idempotent_requests::sha256.eq(request.sha256()),
            idempotent_requests::answer.eq(Some(answer.to_text())),
            idempotent_requests::created_at.eq(now.naive_utc()),
        )
    };
    let rows: Vec<_> = firsts.values().map(row).collect();
    let claimed: Vec<String> = diesel::insert_into(idempotent_requests::table)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(idempotent_requests::key)
        .get_results(connection)
        .await
        .map_err(waited_too_long)?;
    Ok(claimed.iter().filter_map(|key| firsts.get(key.as_str()).copied()).collect())
}

/// PostgreSQL lets the second one wait for the first at the index of the keys, as long as it lets anybody wait for a lock.
fn waited_too_long(error: DieselError) -> IdempotencyError {
    match &error {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, said)
            if said.message().contains("lock timeout") =>
        {
            IdempotencyError::Running
        }
        _ => error.into(),
    }
}

/// Forgets the requests that were made before this moment, in all companies.
///
/// # Errors
/// When the database is away.
pub async fn forget_before(db: &Db, limit: Timestamp) -> Result<usize, DbError> {
    let old = idempotent_requests::created_at.lt(limit.naive_utc());
    Ok(across_tenants!(db, |conn| diesel::delete(idempotent_requests::table.filter(old))
        .execute(conn)
        .await)?)
}
