//! [`TokenCache::prefetch`]: many tokens before they are needed, by few requests.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::entry::{FetchResult, Flight};
use super::fetching::Asked;
use super::gate::Passage;
use super::launch::{Landing, cut_off};
use super::{Inner, TokenCache};
use crate::client::token_source::{IssuedToken, TokenFetchError, TokenRequest};
use crate::trace::activity::carried;

/// So many are fetched at once; the next ones afterwards.
const AT_ONCE: usize = 1_000;
/// After this a source has failed with all of them.
const BATCH_LIMIT: Duration = Duration::from_secs(120);

/// What came of [`TokenCache::prefetch`].
#[derive(Clone, Debug, Default)]
pub struct Prefetched {
    /// Tokens that were fetched, here or by others at the same time.
    pub fetched: usize,
    /// Those that were there already, with a while to live.
    pub held: usize,
    /// Sessions that have none, since the source refuses them or has failed.
    pub failed: usize,
    /// Why the first of them has none.
    pub first_error: Option<TokenFetchError>,
}

impl Prefetched {
    fn add(&mut self, result: Result<bool, TokenFetchError>) {
        match result {
            Ok(true) => self.fetched += 1,
            Ok(false) => self.held += 1,
            Err(error) => {
                self.failed += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }
}

impl TokenCache {
    /// Fetches the tokens for these requests before they are needed, by as few requests as the source can do with, a
    /// thousand at once. Those that are held and not to be renewed yet are left alone.
    ///
    /// What [`TokenCache::token`] says holds here, too: there is one fetch for a key at a time, and a failed one is
    /// remembered. To fetch more than the cache has room for is pointless: the first ones make room for the last.
    ///
    /// # Errors
    /// When the source as a whole is away or does not know this client, at once; what has been fetched until then is held.
    /// [`TokenFetchError::Deadline`] when not all have come within `deadline`; those under way still come.
    pub async fn prefetch(
        &self,
        requests: impl IntoIterator<Item = TokenRequest>,
        deadline: Duration,
    ) -> Result<Prefetched, TokenFetchError> {
        let requests: Vec<_> = requests.into_iter().collect();
        let all = async {
            let mut sum = Prefetched::default();
            for chunk in requests.chunks(AT_ONCE) {
                self.inner.prefetch(chunk, &mut sum).await?;
            }
            Ok(sum)
        };
        let late = || {
            let last = self.inner.gate.last_failure().map(Box::new);
            Err(TokenFetchError::Deadline { waited: deadline, last })
        };
        tokio::time::timeout(deadline, all).await.unwrap_or_else(|_| late())
    }
}

/// What is to be done for one request.
enum Boarding {
    Held,
    Failed(TokenFetchError),
    /// The source is left alone.
    Closed(TokenFetchError),
    /// Somebody fetches it.
    Wait(Flight),
    /// One finds out whether the source is back; then look again.
    Behind(Flight),
    /// It goes along.
    Seated(Seat, Flight),
}

/// One of many that are fetched together. Whoever needs the token meanwhile waits for its flight, as for any other.
struct Seat {
    landing: Landing,
    request: TokenRequest,
    arrived: oneshot::Sender<FetchResult>,
}

impl Seat {
    fn take(landing: Landing, request: &TokenRequest) -> (Self, Flight) {
        let (arrived, arrival) = oneshot::channel();
        let flight = async { arrival.await.unwrap_or_else(|_| Err(cut_off())) }.boxed().shared();
        (Self { landing, request: request.clone(), arrived }, flight)
    }
}

/// How far one chunk has come.
#[derive(Default)]
struct Round<'r> {
    seats: Vec<Seat>,
    flights: Vec<Flight>,
    behind: Vec<Flight>,
    /// To be looked at again.
    later: Vec<&'r TokenRequest>,
    closed: Option<TokenFetchError>,
}

impl<'r> Round<'r> {
    fn note(&mut self, request: &'r TokenRequest, boarding: Boarding, sum: &mut Prefetched) {
        match boarding {
            Boarding::Held => sum.add(Ok(false)),
            Boarding::Failed(error) => sum.add(Err(error)),
            Boarding::Closed(error) => self.closed = Some(error),
            Boarding::Wait(flight) => self.flights.push(flight),
            Boarding::Behind(flight) => {
                self.behind.push(flight);
                self.later.push(request);
            }
            Boarding::Seated(seat, flight) => {
                self.seats.push(seat);
                self.flights.push(flight);
            }
        }
    }
}

impl Inner {
    /// One chunk, in as many rounds as there are waits for a source that may be back.
    async fn prefetch(
        self: &Arc<Self>,
        chunk: &[TokenRequest],
        sum: &mut Prefetched,
    ) -> Result<(), TokenFetchError> {
        let mut left: Vec<&TokenRequest> = chunk.iter().collect();
        while !left.is_empty() {
            let mut round = Round::default();
            left.into_iter().for_each(|request| round.note(request, self.board(request), sum));
            self.depart(round.seats);
            if let Some(error) = round.closed {
                return Err(error);
            }
            let results = join_all(round.flights).await;
            join_all(round.behind).await;
            let source = results.iter().find_map(|result| result.as_ref().err()).cloned();
            let source = source.filter(|error| error.is_of_the_source());
            if let Some(error) = source.filter(|_| results.iter().all(Result::is_err)) {
                return Err(error);
            }
            results.into_iter().for_each(|result| sum.add(result.map(|_| true)));
            left = round.later;
        }
        Ok(())
    }

    fn board(self: &Arc<Self>, request: &TokenRequest) -> Boarding {
        loop {
            let now = self.clock.monotonic();
            let entry = self.entries.find_or_insert(request, now);
            let mut state = entry.state();
            if state.evicted {
                continue;
            }
            let held = entry.good_at(now);
            if held.as_ref().is_some_and(|held| now < held.renew_at) {
                return Boarding::Held;
            }
            if let Some(flight) = &state.flight {
                return Boarding::Wait(flight.clone());
            }
            // What is good for a while yet need not be had anew at any price.
            let failed = |otherwise| if held.is_some() { Boarding::Held } else { otherwise };
            if let Some(error) = state.paused_at(now) {
                return failed(Boarding::Failed(error));
            }
            let seat = |landing| Seat::take(landing, request);
            let (passage, seat) = self.pass(&entry, &mut state, seat);
            return match (passage, seat) {
                (Passage::Closed(error), _) => failed(Boarding::Closed(error)),
                (Passage::Behind(flight), _) => Boarding::Behind(flight),
                (Passage::Fetching(flight), Some(seat)) => Boarding::Seated(seat, flight),
                (Passage::Fetching(flight), None) => Boarding::Wait(flight),
            };
        }
    }

    /// In a task of its own, as every fetch. No lock is held.
    fn depart(self: &Arc<Self>, seats: Vec<Seat>) {
        if !seats.is_empty() {
            let inner = Arc::clone(self);
            tokio::spawn(carried(async move { inner.fetch_many(seats).await }));
        }
    }

    async fn fetch_many(&self, seats: Vec<Seat>) {
        // The semaphore is never closed.
        let _place = self.fetches.acquire().await;
        let probes = seats.iter().any(|seat| seat.landing.probe);
        if !probes && let Some(error) = self.gate.turned_away() {
            seats.into_iter().for_each(|seat| seat.arrive(Err(error.clone())));
            return;
        }
        let requests: Vec<_> = seats.iter().map(|seat| seat.request.clone()).collect();
        let asked = Asked { at: self.clock.monotonic(), proof: self.source.proof_version() };
        let answers = tokio::time::timeout(BATCH_LIMIT, self.source.fetch_many(&requests)).await;
        let cause = || format!("no answer within {BATCH_LIMIT:?}");
        let late = || TokenFetchError::Unavailable { cause: cause(), retry_after: None };
        let answers = answers.unwrap_or_else(|_| vec![Err(late()); seats.len()]);
        self.keep_many(seats, asked, answers);
    }

    /// What holds for the source is told the gate once: a thousand sessions that fail together are one failure.
    fn keep_many(
        &self,
        seats: Vec<Seat>,
        asked: Asked,
        answers: Vec<Result<IssuedToken, TokenFetchError>>,
    ) {
        let now = self.clock.monotonic();
        let missing = || Err(TokenFetchError::Nonsense("the source has left out some".to_owned()));
        let answers = answers.into_iter().chain(std::iter::repeat_with(missing));
        let (mut sum, mut landed) = (Prefetched::default(), Vec::with_capacity(seats.len()));
        for (seat, answer) in seats.into_iter().zip(answers) {
            let result = self.settle(&seat.landing.entry, asked, answer);
            sum.add(result.as_ref().map(|_| true).map_err(Clone::clone));
            landed.push((seat, result));
        }
        match &sum.first_error {
            Some(error) if sum.fetched == 0 => self.gate.failed(now, error, asked.proof),
            _ => self.gate.answered(now),
        }
        let (fetched, failed) = (sum.fetched, sum.failed);
        match &sum.first_error {
            Some(cause) => warn!(%cause, fetched, failed, "could not fetch all of many tokens"),
            None => debug!(fetched, "fetched many tokens"),
        }
        landed.into_iter().for_each(|(seat, result)| seat.arrive(result));
    }
}

impl Seat {
    /// The flight ends first: whoever hears of it may want another one.
    fn arrive(self, result: FetchResult) {
        drop(self.landing);
        // Perhaps nobody waits any more.
        drop(self.arrived.send(result));
    }
}
