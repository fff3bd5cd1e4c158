//! Any sequence of uses, failures, delays, rejections and callers who give up: what must never happen does not.

use std::sync::Mutex;

use proptest::collection::vec;
use proptest::prelude::*;
use shared::AccessToken;
use tokio::task::JoinHandle;

use super::fake_source::{Kit, Mood, settle};
use super::*;

const KEYS: usize = 4;

#[derive(Clone, Debug)]
enum Deed {
    Use(usize),
    Advance(u64),
    Turn(Mood),
    Slow(bool),
    Reject(usize),
    GiveUp(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let time_ms = prop_oneof![0..200_u64, 0..3_000_u64, 0..60_000_u64];
    let mood = prop_oneof![
        Just(Mood::Gives(10)),
        Just(Mood::Gives(300)),
        Just(Mood::Gives(0)),
        Just(Mood::Away),
        Just(Mood::AsksToWait(3)),
        Just(Mood::Refuses("invalid_scope")),
        Just(Mood::Refuses("invalid_client")),
    ];
    prop_oneof![
        6 => (1..=KEYS).prop_map(Deed::Use),
        4 => time_ms.prop_map(Deed::Advance),
        2 => mood.prop_map(Deed::Turn),
        1 => any::<bool>().prop_map(Deed::Slow),
        1 => (1..=KEYS).prop_map(Deed::Reject),
        1 => (0..20_usize).prop_map(Deed::GiveUp),
    ]
}

struct Walk {
    kit: Kit,
    waiters: Vec<JoinHandle<()>>,
    /// What each key has got last.
    last: Arc<Mutex<[Option<AccessToken>; KEYS + 1]>>,
    wrongs: Arc<Mutex<Vec<String>>>,
    /// Since the source has been away without a break: the questions that it had got by then, and the time since.
    away: Option<(usize, u64)>,
}

impl Walk {
    fn begin() -> Self {
        let (last, wrongs) = (Arc::default(), Arc::default());
        let kit = Kit::new(Mood::Gives(10));
        Self { kit, waiters: Vec::new(), last, wrongs, away: None }
    }

    fn use_key(&mut self, key: usize) {
        let (tokens, source) = (self.kit.tokens.clone(), Arc::clone(&self.kit.source));
        let (last, wrongs) = (Arc::clone(&self.last), Arc::clone(&self.wrongs));
        self.waiters.push(tokio::spawn(async move {
            let Ok(token) = tokens.token(&user(key), DEADLINE).await else { return };
            let (session, number) = read(token.expose());
            if session != user(key).session().unwrap().as_json() {
                wrongs.lock().unwrap().push(format!("{key} got the token of {session}"));
            }
            if source.ended(number) {
                wrongs.lock().unwrap().push(format!("{key} got token {number}, which had expired"));
            }
            last.lock().unwrap()[key] = Some(token);
        }));
    }

    fn step(&mut self, deed: &Deed) {
        match deed {
            Deed::Use(key) => self.use_key(*key),
            Deed::Advance(ms) => {
                self.kit.advance_ms(*ms);
                self.away = self.away.map(|(asked, away_ms)| (asked, away_ms + ms));
            }
            Deed::Turn(mood) => {
                self.kit.source.be(*mood);
                let since = self.away.unwrap_or((self.kit.asked(), 0));
                self.away = (*mood == Mood::Away).then_some(since);
            }
            Deed::Slow(slow) => self.kit.source.be_slow(*slow),
            Deed::Reject(key) => {
                if let Some(token) = &self.last.lock().unwrap()[*key] {
                    self.kit.tokens.reject(&user(*key), token);
                }
            }
            Deed::GiveUp(waiter) => {
                if let Some(waiter) = self.waiters.get(*waiter) {
                    waiter.abort();
                }
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let wrongs = self.wrongs.lock().unwrap();
        prop_assert!(wrongs.is_empty(), "{wrongs:?}");
        prop_assert_eq!(self.kit.source.doubled(), 0, "two fetches for one key");
        if let Some((before, away_ms)) = self.away {
            // Five failures close the source, one more for each key that was asked by then; after that one question
            // ends a pause: of 50 to 800 ms the first five, of at least 1 s each of the others.
            let most = 5 + KEYS + 6 + usize::try_from(away_ms / 1000).unwrap();
            let asked = self.kit.asked() - before;
            prop_assert!(asked <= most, "{asked} questions in {away_ms} ms, at most {most}");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_walk_doubles_a_fetch_or_serves_a_wrong_or_dead_token_or_hammers_a_source(
        deeds in vec(deed(), 1..120)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut walk = Walk::begin();
            for deed in &deeds {
                walk.step(deed);
                settle().await;
                walk.check()?;
            }
            Ok::<_, TestCaseError>(())
        })?;
    }
}
