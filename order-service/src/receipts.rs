//! [`Receipts`]: brings the receipts of payments to file-service: at once, and again until it has them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use shared::client::CallError;
use shared::db::DbError;
use shared::trace::Tracer;
use shared::trace::span::Ended;
use shared::{AccessToken, Clock, Tenant};
use tokio::sync::mpsc;
use tokio::time::interval;
use tracing::{error, info, warn};

use crate::domain::order::OrderId;
use crate::domain::receipt::{PendingReceipt, Receipt, ReceiptState};
use crate::file_api::FileApi;
use crate::repository::orders::OrderRepository;
use crate::repository::receipts::ReceiptRepository;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many are on their way at once.
const AT_ONCE: usize = 8;
/// So many are looked up in one round.
const ROUND: i64 = 200;
/// Payments that wait for their first delivery; those beyond are found by the next round.
const WAITING: usize = 1_000;
/// The longest pause while file-service is away, in seconds.
const LONGEST_PAUSE_S: i64 = 30;
/// The longest pause when it refuses, in seconds: only a person can help, and the others are not to wait.
const LONGEST_REFUSED_PAUSE_S: i64 = 3_600;
const UNREADABLE_PAUSE: TimeDelta = TimeDelta::hours(1);
/// So many payers' tokens are kept while file-service is away. They are in memory only: a token at rest is a token to steal.
const MAX_TOKENS: usize = 10_000;

pub(crate) struct Receipts {
    orders: OrderRepository,
    outbox: ReceiptRepository,
    /// Without one nothing is delivered: it waits until there is.
    api: Option<FileApi>,
    clock: Arc<dyn Clock>,
    first: mpsc::Sender<PendingReceipt>,
    tokens: Mutex<HashMap<OrderId, AccessToken>>,
    tracer: Tracer,
}

/// What the courier is told of.
pub(crate) struct Fresh(mpsc::Receiver<PendingReceipt>);

impl Receipts {
    pub(crate) fn new(
        (orders, outbox): (OrderRepository, ReceiptRepository),
        api: Option<FileApi>,
        clock: Arc<dyn Clock>,
    ) -> (Self, Fresh) {
        let (first, fresh) = mpsc::channel(WAITING);
        let (tokens, tracer) = Default::default();
        (Self { orders, outbox, api, clock, first, tokens, tracer }, Fresh(fresh))
    }

    pub(crate) fn traced_by(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    pub(crate) async fn find(&self, tenant: Tenant, id: OrderId) -> Result<ReceiptState, DbError> {
        self.outbox.find(tenant, id).await
    }

    /// Begins to deliver what has been written down; nobody waits for it.
    pub(crate) fn deliver_soon(&self, receipt: PendingReceipt, token: Option<AccessToken>) {
        if self.api.is_none() {
            return;
        }
        let mut tokens = self.tokens();
        if let Some(token) = token.filter(|_| tokens.len() < MAX_TOKENS) {
            tokens.insert(receipt.order_id, token);
        }
        drop(tokens);
        // With the queue full it is found in the outbox a little later.
        let _ = self.first.try_send(receipt);
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<OrderId, AccessToken>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers what comes, for ever.
    pub(crate) async fn run_first(self: Arc<Self>, Fresh(fresh): Fresh) {
        let Some(api) = &self.api else { return };
        let fresh = stream::unfold(fresh, |mut fresh| async {
            let receipt = fresh.recv().await?;
            Some((receipt, fresh))
        });
        fresh.for_each_concurrent(AT_ONCE, |receipt| self.try_one(api, receipt)).await;
    }

    /// Delivers what is left, for ever.
    pub(crate) async fn run(self: Arc<Self>) {
        let Some(api) = &self.api else { return };
        let mut looks = interval(LOOK_EVERY);
        let mut away = false;
        loop {
            looks.tick().await;
            match self.deliver_due(api).await {
                Ok(()) if std::mem::take(&mut away) => info!("the outbox of receipts is back"),
                Ok(()) => {}
                Err(error) if !std::mem::replace(&mut away, true) => {
                    warn!(cause = %error, "cannot read the outbox of receipts; trying again");
                }
                Err(_) => {}
            }
        }
    }

    async fn deliver_due(&self, api: &FileApi) -> Result<(), DbError> {
        let due = self.outbox.list_due(self.clock.now(), ROUND).await?;
        for id in &due.unreadable {
            error!(order.id = id, "the receipt of order {id} cannot be read from the outbox");
            // It is not to stand in the way of the others.
            self.outbox.postpone(id, self.clock.now() + UNREADABLE_PAUSE).await?;
        }
        let trying = stream::iter(due.receipts);
        trying.for_each_concurrent(AT_ONCE, |receipt| self.try_one(api, receipt)).await;
        Ok(())
    }

    /// As a step of the trace of the payment.
    async fn try_one(&self, api: &FileApi, receipt: PendingReceipt) {
        let trace = receipt.order.trace;
        let begin = || self.tracer.begin();
        let activity = trace.map_or_else(begin, |payment| self.tracer.continue_from(payment));
        let activity = activity.on_behalf_of(receipt.order.session.clone());
        let began = self.clock.monotonic();
        activity.clone().run(self.try_as_part(api, receipt)).await;
        let took = self.clock.monotonic().saturating_sub(began);
        activity.finish(Ended::internal("deliver receipt", (self.clock.now(), took)));
    }

    /// Whatever fails is tried again: the row stays.
    async fn try_as_part(&self, api: &FileApi, receipt: PendingReceipt) {
        let (id, next) = (receipt.order_id, self.clock.now() + pause(receipt.attempts));
        let tried = async {
            if !self.outbox.claim(&receipt, next).await? {
                // Another replica has it now; if it fails there, it goes on without the payer's token.
                self.tokens().remove(&id);
                return Ok(());
            }
            let tenant = receipt.order.session.tenant();
            let order = self.orders.find(tenant, id).await.map_err(Failure::of)?;
            let order = order.ok_or(DbError::Corrupt("order of a receipt"))?;
            let text = Receipt::new(&order, &receipt.order.session).to_json();
            let file = self.write(api, &receipt, text).await?;
            self.outbox.settle(&receipt, &file).await?;
            info!(order.id = %id, file.id = file, "wrote the receipt of order {id}");
            Ok::<(), Failure>(())
        };
        let Err(failure) = tried.await else { return };
        warn!(order.id = %id, cause = %failure, "could not write the receipt of order {id} yet");
        if failure.is_a_refusal() {
            let next = self.clock.now() + refused_pause(receipt.attempts);
            // If that fails, too, it comes up a little sooner.
            let _ = self.outbox.postpone(&id.to_string(), next).await;
        }
    }

    async fn write(
        &self,
        api: &FileApi,
        receipt: &PendingReceipt,
        text: String,
    ) -> Result<String, Failure> {
        let (id, order) = (receipt.order_id, &receipt.order);
        let token = self.tokens().get(&id).cloned();
        if let Some(token) = token {
            match api.write_receipt(id, (order, text.clone()), Some(&token)).await {
                // The payer's token may live on while file-service is away.
                Err(error) if error.is_transient() => return Err(error.into()),
                // It has ended, or has not the scope: then in our own name, for his session.
                Err(error) => {
                    info!(order.id = %id, cause = %error, "asking for a token of our own");
                    self.tokens().remove(&id);
                }
                Ok(file) => {
                    self.tokens().remove(&id);
                    return Ok(file);
                }
            }
        }
        Ok(api.write_receipt(id, (order, text), None).await?)
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// Coming again soon does not help.
    fn is_a_refusal(&self) -> bool {
        matches!(self, Self::Call(error) if !error.is_transient())
    }

    fn of(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

/// 3, 4, 6, 10 and so on, in seconds: longer than a delivery takes, so that nobody begins the next one meanwhile.
fn pause(attempts: i32) -> TimeDelta {
    TimeDelta::seconds(doubled(attempts).min(LONGEST_PAUSE_S)) + TimeDelta::seconds(2)
}

fn refused_pause(attempts: i32) -> TimeDelta {
    TimeDelta::seconds(doubled(attempts).saturating_mul(4).min(LONGEST_REFUSED_PAUSE_S))
}

fn doubled(attempts: i32) -> i64 {
    1_i64 << u32::try_from(attempts).unwrap_or_default().min(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_half_a_minute() {
        let pauses: Vec<i64> = [0, 1, 2, 5, i32::MAX].map(|n| pause(n).num_seconds()).into();
        assert_eq!(pauses, [3, 4, 6, 32, 32]);
        let refused: Vec<i64> = [0, 5, i32::MAX].map(|n| refused_pause(n).num_seconds()).into();
        assert_eq!(refused, [4, 128, 3_600]);
    }
}
