//! Handoffs that are looked at, and uses that are counted, at once: by one statement each.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use diesel::sql_types::{Array, BigInt, Text, Timestamp};
use diesel::{
    ExpressionMethods, JoinOnDsl, NullableExpressionMethods, QueryDsl, QueryableByName,
    SelectableHelper, sql_query,
};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::db::DbError;
use shared::db::together::{Answering, Gathering, Together};
use shared::with_pooled;
use tracing::warn;

use crate::domain::handoff::{Handoff, HandoffName};
use crate::repository::handoffs::rows::{Found, FoundRow};
use crate::repository::handoffs::{Use, found};

const GATHERING: Gathering = Gathering { at_once: 64, under_way: 2, waiting: 1_024 };

/// Each row in which a use may be counted has it; of several for one row one is.
const COUNT: &str = "
UPDATE handoffs SET uses = handoffs.uses + 1, last_used_at = used.now,
    redemptions = handoffs.redemptions || used.key || ':' || used.until_s || ' '
FROM unnest($1, $2, $3, $4, $5, $6) AS used(name, executor, key, until_s, now_s, now)
WHERE handoffs.name = used.name AND handoffs.executor = used.executor AND handoffs.ended_by IS NULL
    AND handoffs.uses < handoffs.max_uses
    AND handoffs.not_before_s <= used.now_s AND handoffs.not_after_s > used.now_s
    AND handoffs.redemptions NOT LIKE '%' || used.key || '%'
RETURNING handoffs.name";

/// What is done together.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    finding: Together<Finding>,
    counting: Together<Counting>,
}

struct Finding(Pool<AsyncPgConnection>);
struct Counting(Pool<AsyncPgConnection>);

/// A use that is to be counted, and of what.
struct Counted {
    name: String,
    executor: String,
    counted: Use,
}

impl Gathered {
    pub(super) fn start(pool: &Pool<AsyncPgConnection>) -> Self {
        Self {
            finding: Together::start(Finding(pool.clone()), GATHERING),
            counting: Together::start(Counting(pool.clone()), GATHERING),
        }
    }

    /// None: it has to be tried alone.
    pub(super) async fn find(&self, name: &HandoffName) -> Option<Option<Found>> {
        self.finding.ask(name.clone()).await
    }

    /// None: it has to be tried alone.
    pub(super) async fn count(&self, handoff: &Handoff, counted: &Use) -> Option<bool> {
        let (name, executor) = (handoff.name.as_str().to_owned(), handoff.executor.to_string());
        self.counting.ask(Counted { name, executor, counted: counted.clone() }).await
    }
}

fn alone<T>(cause: &DbError, count: usize) -> Vec<Option<T>> {
    warn!(%cause, count, "could not do many at once: trying one by one");
    Vec::new()
}

#[async_trait]
impl Answering for Finding {
    type Question = HandoffName;
    type Answer = Option<Found>;

    async fn answer(&self, asked: &[HandoffName]) -> Vec<Option<Option<Found>>> {
        match find_all(&self.0, asked).await {
            // One that cannot be read is tried alone, and says why.
            Ok(found) => {
                let of = |name: &HandoffName| match found.get(name.as_str()) {
                    None => Some(None),
                    Some(found) => found.clone().map(Some),
                };
                asked.iter().map(of).collect()
            }
            Err(cause) => alone(&cause, asked.len()),
        }
    }
}

async fn find_all(
    pool: &Pool<AsyncPgConnection>,
    names: &[HandoffName],
) -> Result<HashMap<String, Option<Found>>, DbError> {
    let names: Vec<&str> = names.iter().map(HandoffName::as_str).collect();
    let rows: Vec<FoundRow> =
        with_pooled!(pool, |conn| found!(handoffs::name.eq_any(names)).load(conn).await)?;
    let named = |row: FoundRow| (row.0.name.clone(), Found::try_from(row).ok());
    Ok(rows.into_iter().map(named).collect())
}

#[async_trait]
impl Answering for Counting {
    type Question = Counted;
    type Answer = bool;

    async fn answer(&self, asked: &[Counted]) -> Vec<Option<bool>> {
        // In one order for all, so that of two who count at once one waits for the other; should the server go about it in another
        // one and find that both wait, one of them is tried alone.
        let mut firsts: Vec<&Counted> = asked.iter().collect();
        firsts.sort_by(|one, other| one.name.cmp(&other.name));
        firsts.dedup_by(|one, other| one.name == other.name);
        let made = match count_all(&self.0, &firsts).await {
            Ok(made) => made,
            Err(cause) => return alone(&cause, asked.len()),
        };
        let is_first = |own: &&Counted| firsts.iter().any(|first| std::ptr::eq(*first, *own));
        let verdict =
            |own: &Counted| Some(own).filter(is_first).map(|own| made.contains(&own.name));
        asked.iter().map(verdict).collect()
    }
}

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Those in which a use has been counted.
async fn count_all(
    pool: &Pool<AsyncPgConnection>,
    asked: &[&Counted],
) -> Result<HashSet<String>, DbError> {
    let texts = |of: fn(&Counted) -> &str| asked.iter().map(|own| of(own)).collect::<Vec<_>>();
    let numbers =
        |of: fn(&Use) -> i64| asked.iter().map(|own| of(&own.counted)).collect::<Vec<_>>();
    let times: Vec<_> = asked.iter().map(|own| own.counted.now.naive_utc()).collect();
    let query = sql_query(COUNT)
        .bind::<Array<Text>, _>(texts(|own| &own.name))
        .bind::<Array<Text>, _>(texts(|own| &own.executor))
        .bind::<Array<Text>, _>(texts(|own| own.counted.key.as_str()))
        .bind::<Array<BigInt>, _>(numbers(|own| own.until_s))
        .bind::<Array<BigInt>, _>(numbers(|own| own.now.timestamp()))
        .bind::<Array<Timestamp>, _>(times);
    let made: Vec<Made> = with_pooled!(pool, |conn| query.load(conn).await)?;
    Ok(made.into_iter().map(|made| made.name).collect())
}
