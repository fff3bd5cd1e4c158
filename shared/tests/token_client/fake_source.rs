//! A token source in the process of the test: it answers as told, as late as told, and notices what must not be.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use shared::client::token_source::{IssuedToken, TokenSource};
use shared::{AccessToken, Clock};
use tokio::sync::watch;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Gives tokens that live for so many seconds.
    Gives(u64),
    Away,
    AsksToWait(u64),
    Refuses(&'static str),
}

pub struct FakeSource {
    clock: StoppedClock,
    mood: Mutex<Mood>,
    /// When the token of this number ends, if it is known.
    ends: Mutex<HashMap<usize, Duration>>,
    slow: watch::Sender<bool>,
    asked: AtomicUsize,
    in_flight: Mutex<HashMap<String, usize>>,
    most_in_flight: AtomicUsize,
    doubled: AtomicUsize,
}

/// A cache over a fake source, on a stopped clock.
pub struct Kit {
    pub source: Arc<FakeSource>,
    pub clock: StoppedClock,
    pub tokens: TokenCache,
}

impl Kit {
    pub fn new(mood: Mood) -> Self {
        Self::with(mood, CacheSettings { upkeep_every: DEADLINE * 100, ..CacheSettings::default() })
    }

    pub fn with(mood: Mood, settings: CacheSettings) -> Self {
        let clock = StoppedClock::at(1_800_000_000);
        let source = Arc::new(FakeSource {
            clock: clock.clone(),
            ends: Mutex::default(),
            mood: Mutex::new(mood),
            slow: watch::Sender::new(false),
            asked: AtomicUsize::new(0),
            in_flight: Mutex::default(),
            most_in_flight: AtomicUsize::new(0),
            doubled: AtomicUsize::new(0),
        });
        let (shared, time) = (Arc::clone(&source), Arc::new(clock.clone()));
        Self { source, clock, tokens: TokenCache::with_settings(shared, time, settings) }
    }

    pub async fn get(&self, number: usize) -> Result<String, TokenFetchError> {
        let token = self.tokens.token(&user(number), DEADLINE).await;
        token.map(|token| token.expose().to_owned())
    }

    pub fn asked(&self) -> usize {
        self.source.asked.load(Ordering::SeqCst)
    }

    pub fn advance_ms(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
    }
}

/// Lets everything that can go on go on.
pub async fn settle() {
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
}

impl FakeSource {
    pub fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// From now on fetches wait until it is quick again.
    pub fn be_slow(&self, slow: bool) {
        self.slow.send_replace(slow);
    }

    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    /// How often a key was fetched while it was being fetched.
    pub fn doubled(&self) -> usize {
        self.doubled.load(Ordering::SeqCst)
    }

    pub fn ended(&self, number: usize) -> bool {
        let now = self.clock.monotonic();
        self.ends.lock().unwrap().get(&number).is_some_and(|end| now >= *end)
    }

    fn answer(
        &self,
        session: &str,
        (number, asked_at): (usize, Duration),
    ) -> Result<IssuedToken, TokenFetchError> {
        match *self.mood.lock().unwrap() {
            Mood::Gives(lifetime_s) => {
                let lifetime = Duration::from_secs(lifetime_s);
                if !lifetime.is_zero() {
                    self.ends.lock().unwrap().insert(number, asked_at + lifetime);
                }
                let session = URL_SAFE_NO_PAD.encode(session);
                let token = AccessToken::new(format!("{session}.{number}"));
                Ok(IssuedToken { token, lifetime })
            }
            Mood::Away => Err(away(None)),
            Mood::AsksToWait(seconds) => Err(away(Some(Duration::from_secs(seconds)))),
            Mood::Refuses(code) => Err(TokenFetchError::Refused {
                code: code.to_owned(),
                description: "said the test".to_owned(),
            }),
        }
    }
}

fn away(retry_after: Option<Duration>) -> TokenFetchError {
    TokenFetchError::Unavailable { cause: "out to lunch".to_owned(), retry_after }
}

#[async_trait]
impl TokenSource for FakeSource {
    fn identity(&self) -> Arc<str> {
        "https://auth.test/token batch 0123456789abcdef".into()
    }

    async fn fetch(&self, request: &TokenRequest) -> Result<IssuedToken, TokenFetchError> {
        let asked_at = self.clock.monotonic();
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let key = format!("{request:?}");
        {
            let mut in_flight = self.in_flight.lock().unwrap();
            let own = in_flight.entry(key.clone()).or_default();
            *own += 1;
            self.doubled.fetch_add(usize::from(*own > 1), Ordering::SeqCst);
            let all = in_flight.values().sum();
            self.most_in_flight.fetch_max(all, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
        self.slow.subscribe().wait_for(|slow| !slow).await.unwrap();
        *self.in_flight.lock().unwrap().get_mut(&key).unwrap() -= 1;
        let session = request.session().map_or("", Session::as_json);
        self.answer(session, (number, asked_at))
    }
}
