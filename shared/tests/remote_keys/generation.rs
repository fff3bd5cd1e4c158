//! When what was verified before has to be verified again: exactly when a key is no longer good.

use std::time::Duration;

use serde_json::{Value, json};
use shared::token::key_set::KeySource;

use crate::fake_server::Reply;
use crate::{Bench, COOLDOWN, SOON, set_of};

impl Bench {
    async fn generation_after(&self, reply: Reply) -> u64 {
        self.server.answer(move |_| reply.clone());
        self.clock.advance(COOLDOWN);
        let before = self.server.count();
        // A fresh id each time: the issuer is not asked again for one that it has denied.
        assert_eq!(self.verdict_on_kid(&format!("unknown-{before}")).await, "unknown_key");
        assert_eq!(self.server.count(), before + 1);
        self.keys.generation()
    }
}

fn renamed(mut set: Value, kids: &[&str]) -> Value {
    for (key, kid) in set["keys"].as_array_mut().unwrap().iter_mut().zip(kids) {
        key["kid"] = json!(kid);
    }
    set
}

#[tokio::test]
async fn it_rises_when_a_key_is_withdrawn_or_replaced_and_at_nothing_else() {
    let bench = Bench::new().await;
    let (one, two, three) = (&bench.issuer, bench.another_issuer(), bench.another_issuer());
    let set = |issuers: &[_], kids: &[_]| renamed(set_of(issuers), kids);
    let foreign = json!({"kty": "EC", "kid": "a", "alg": "ES512", "crv": "P-521"});
    let mut with_foreign = set(&[one, &two], &["a", "b"]);
    with_foreign["keys"].as_array_mut().unwrap().push(foreign);
    bench.keys.warm_up().await.unwrap();
    assert_eq!(bench.keys.generation(), 0, "the first set");
    let table = [
        ("the same", 0, set_of(&[one])),
        ("renamed: the old id is gone", 1, set(&[one], &["a"])),
        ("one more", 1, set(&[one, &two], &["a", "b"])),
        ("another order", 1, set(&[&two, one], &["b", "a"])),
        ("a key that we do not use, under an id that we do", 1, with_foreign),
        ("replaced under its id", 2, set(&[one, &three], &["a", "b"])),
        ("exchanged", 3, set(&[&three, one], &["a", "b"])),
        ("withdrawn", 4, set(&[&three], &["a"])),
        ("one added and one withdrawn", 5, set(&[&two], &["b"])),
        ("empty: stays", 5, json!({"keys": []})),
    ];
    for (name, generation, set) in table {
        assert_eq!(bench.generation_after(Reply::json(200, set)).await, generation, "{name}");
    }
    assert_eq!(bench.generation_after(Reply::json(500, "")).await, 5, "away");
}

#[tokio::test]
async fn it_stays_when_the_set_is_not_modified() {
    let bench = Bench::new().await;
    bench.publish("ETag: \"one\"\r\n", &[&bench.issuer]);
    bench.keys.warm_up().await.unwrap();
    assert_eq!(bench.generation_after(Reply::json(304, "")).await, 0);
    assert_eq!(bench.keys.counts().not_modified, 1);
}

/// Also when nobody has looked for a key since.
#[tokio::test]
async fn it_rises_once_when_the_keys_have_become_too_old() {
    let bench = Bench::new().await;
    let _ = bench.keys.clone().usable_for(Duration::from_secs(600));
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.issuer_goes_away();
    bench.clock.advance(Duration::from_secs(599));
    assert_eq!(bench.keys.generation(), 0);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!((bench.keys.generation(), bench.keys.generation()), (1, 1));
    assert_eq!(bench.verdict_on_good().await, "keys_unavailable");
    assert_eq!(bench.keys.generation(), 1);
    bench.publish("", &[&bench.issuer]);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.verdict_on_good().await, "accepted");
    assert_eq!(bench.keys.generation(), 1, "the same keys are good again");
    bench.issuer_goes_away();
    bench.clock.advance(Duration::from_secs(600));
    assert_eq!(bench.keys.generation(), 2);
}

/// Who keeps what he has verified asks for nothing but the generation; a withdrawn key must come to his ears, too.
#[tokio::test]
async fn to_ask_for_it_is_to_use_the_keys() {
    let bench = Bench::new().await;
    assert_eq!(bench.verdict_on_good().await, "accepted");
    bench.publish("", &[&bench.another_issuer()]);
    bench.clock.advance(Duration::from_secs(300));
    let rises = async {
        while bench.keys.generation() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, rises).await.unwrap();
    assert_eq!(bench.server.count(), 2);
}
