//! Orders that are placed at once share a transaction for each company, on PostgreSQL: each commit waits for the disk, however
//! much is in it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use diesel::{BoolExpressionMethods, ExpressionMethods, JoinOnDsl, QueryDsl, SelectableHelper};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use shared::db::together::{Answering, Gathering, Together};
use shared::db::{Db, DbError};
use shared::idempotency::{KeptAnswer, KeyedRequest, claim_all};
use shared::{Tenant, with_tenant_on};
use tracing::warn;

use crate::domain::order::Order;
use crate::domain::placing::Placing;
use crate::domain::product::ProductId;
use crate::error::OrderError;
use crate::repository::products::{PriceRow, ProductRow, price_list};
use crate::repository::reading::find_prices;
use crate::repository::rows::{ItemRow, OrderRow, item_rows};
use crate::repository::schema::{company_prices, order_items, orders, products};

const GATHERING: Gathering = Gathering { at_once: 64, under_way: 2, waiting: 1_024 };
/// Somebody whose like is still at work waits for it by himself: it does not hold up the others.
const SHORT_WAIT: &str = "SET LOCAL lock_timeout = 100";

pub(super) struct PlacingAll(Pool<AsyncPgConnection>);

pub(super) type Places = Together<PlacingAll>;

pub(super) fn start(db: &Db) -> Option<Places> {
    match db {
        Db::Postgres(pool) => Some(Together::start(PlacingAll(pool.clone()), GATHERING)),
        Db::Sqlite(_) => None,
    }
}

type Answered = Result<KeptAnswer, OrderError>;

#[async_trait]
impl Answering for PlacingAll {
    type Question = Arc<Placing>;
    type Answer = Answered;

    async fn answer(&self, asked: &[Arc<Placing>]) -> Vec<Option<Answered>> {
        let mut of_tenant: HashMap<Tenant, Vec<usize>> = HashMap::new();
        for (place, placing) in asked.iter().enumerate() {
            of_tenant.entry(placing.tenant).or_default().push(place);
        }
        let groups = of_tenant.into_values().map(|places| async move {
            let group: Vec<&Placing> = places.iter().map(|place| &*asked[*place]).collect();
            (self.place_group(&group).await, places)
        });
        let mut answers: Vec<Option<Answered>> = asked.iter().map(|_| None).collect();
        for (group, places) in join_all(groups).await {
            places.into_iter().zip(group).for_each(|(place, answer)| answers[place] = answer);
        }
        answers
    }
}

impl PlacingAll {
    async fn place_group(&self, group: &[&Placing]) -> Vec<Option<Answered>> {
        let away = |cause: &str| Some(Err(DbError::Unavailable(cause.to_owned()).into()));
        match self.try_place_group(group).await {
            Ok(answers) => answers,
            // It may have been committed: to place them once more could place them twice.
            Err(OrderError::Db(error @ DbError::Unavailable(_))) if !error.has_not_happened() => {
                group.iter().map(|_| away(&error.to_string())).collect()
            }
            Err(cause) => {
                let count = group.len();
                warn!(%cause, count, "could not place many at once: trying one by one");
                Vec::new()
            }
        }
    }

    async fn try_place_group(
        &self,
        group: &[&Placing],
    ) -> Result<Vec<Option<Answered>>, OrderError> {
        let Some(first) = group.first() else { return Ok(Vec::new()) };
        let (tenant, now) = (first.tenant, first.now);
        let ids: BTreeSet<ProductId> =
            group.iter().flat_map(|placing| placing.product_ids.iter().copied()).collect();
        let ids = Vec::from_iter(ids);
        with_tenant_on!(&self.0, tenant, |conn| {
            let prices = price_list(find_prices!(conn, tenant, &ids))?;
            let made: Vec<_> = group.iter().map(|placing| (placing.make)(&prices)).collect();
            let keyed = keyed(group, &made);
            let free = match keyed.is_empty() {
                true => HashSet::new(),
                false => {
                    conn.batch_execute(SHORT_WAIT).await?;
                    let named: Vec<_> = keyed.iter().map(|(_, named)| *named).collect();
                    let free = claim_all(conn, &named, now).await?;
                    free.into_iter().map(|place| keyed[place].0).collect()
                }
            };
            let answers = answers(group, made, &free);
            let (rows, items) = rows(&answers);
            if !rows.is_empty() {
                diesel::insert_into(orders::table).values(rows).execute(conn).await?;
                diesel::insert_into(order_items::table).values(items).execute(conn).await?;
            }
            let answer = |one: Option<Result<(Order, KeptAnswer), OrderError>>| {
                Some(one?.map(|(_, answer)| answer))
            };
            Ok(answers.into_iter().map(answer).collect())
        })
    }
}

type Made = Result<(Order, KeptAnswer), OrderError>;

/// Those that have a name, with their places.
fn keyed<'a>(
    group: &[&'a Placing],
    made: &'a [Made],
) -> Vec<(usize, (&'a KeyedRequest, &'a KeptAnswer))> {
    let both = group.iter().zip(made).enumerate();
    both.filter_map(|(place, (placing, made))| {
        let (_, answer) = made.as_ref().ok()?;
        Some((place, (placing.keyed.as_ref()?, answer)))
    })
    .collect()
}

/// What is left of them: one whose name is not free is placed, or answered, by itself.
fn answers(group: &[&Placing], made: Vec<Made>, free: &HashSet<usize>) -> Vec<Option<Made>> {
    let all = made.into_iter().enumerate();
    all.map(|(place, made)| {
        (made.is_err() || group[place].keyed.is_none() || free.contains(&place)).then_some(made)
    })
    .collect()
}

fn rows(answers: &[Option<Made>]) -> (Vec<OrderRow>, Vec<ItemRow>) {
    let orders = answers.iter().flatten().flatten().map(|(order, _)| order);
    let rows = orders.clone().map(OrderRow::from).collect();
    (rows, orders.flat_map(item_rows).collect())
}
