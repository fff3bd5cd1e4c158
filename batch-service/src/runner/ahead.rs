//! [`Ahead`]: the tokens of the companies to come, fetched many at once before they are needed.

use std::sync::Arc;

use futures_util::future::join_all;
use shared::trace::activity::carried;
use shared::{CompanyId, Session};
use tokio::task::JoinSet;
use tracing::warn;

use super::crew::Crew;
use super::step::Step;
use crate::repository::parts::Part;

/// As many as one request may ask for: with one less each thousandth company would cost another.
const AT_ONCE: u16 = 1_000;

/// How far ahead tokens have been asked for.
pub(super) struct Ahead {
    /// The last company whose token was.
    last: i64,
    /// The next ones are asked for when the part of a company after this one is taken.
    enough_until: i64,
    fetching: JoinSet<()>,
}

impl Ahead {
    pub(super) fn new() -> Self {
        Self { last: -1, enough_until: -1, fetching: JoinSet::new() }
    }

    /// These parts will be worked on: fetches what they and the next ones need, unless it is there. The work waits for the
    /// first tokens only; the next are there, or on their way, when half of those before are used. Without them calls
    /// fetch their own.
    pub(super) async fn follow(&mut self, crew: &Crew<'_>, parts: &[Part]) {
        let taken = || parts.iter().filter_map(|part| part.company).map(CompanyId::get);
        let (Some(lowest), Some(highest)) = (taken().min(), taken().max()) else { return };
        if highest <= self.enough_until || crew.step.job.clients().is_empty() {
            return;
        }
        while self.fetching.try_join_next().is_some() {}
        let (is_first, after) = (self.last < 0, self.last.max(lowest - 1));
        let place = (crew.step.run.id, crew.share);
        match crew.runner.parts.list_open(place, after, i64::from(AT_ONCE)).await {
            Ok(companies) => self.fetch(crew.step, companies),
            Err(error) => warn!(cause = %error, "cannot see whose tokens to fetch ahead"),
        }
        if is_first {
            tokio::select! {
                _ = self.fetching.join_next() => {}
                _ = crew.step.attempts.stop.requested() => {}
            }
        }
    }

    fn fetch(&mut self, step: &Arc<Step>, companies: Vec<CompanyId>) {
        let is_all = companies.len() < usize::from(AT_ONCE);
        let middle = companies.get(companies.len() / 2).map(|company| company.get());
        self.enough_until = middle.filter(|_| !is_all).unwrap_or(i64::MAX);
        self.last = companies.last().map_or(self.last, |company| company.get());
        if !companies.is_empty() {
            self.fetching.spawn(carried(fetch_tokens(Arc::clone(step), companies)));
        }
    }
}

async fn fetch_tokens(step: Arc<Step>, companies: Vec<CompanyId>) {
    let session = |company: &CompanyId| Session::new(*company, step.account);
    let sessions: Vec<Session> = companies.iter().map(session).collect();
    let clients = step.job.clients();
    for fetched in join_all(clients.iter().map(|client| client.prefetch(sessions.clone()))).await {
        if let Err(error) = fetched {
            warn!(cause = %error, "cannot fetch tokens ahead");
        }
    }
}
