//! Whether an address has an account cannot be told from status, body or time.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::caller::Answer;
use tests::system::System;

use super::{PASSWORD, People, without_time};

const SAMPLES: usize = 60;
/// What is done for one and not for the other would show as many times this.
const RATIO: f64 = 1.8;

/// Known and unknown addresses in turn, so that what else the machine does falls on both alike.
struct Samples {
    known: Vec<Duration>,
    unknown: Vec<Duration>,
}

impl Samples {
    async fn take(what: &str, mut ask: impl AsyncFnMut(&str) -> Answer) {
        let mut samples = Self { known: Vec::new(), unknown: Vec::new() };
        for number in 0..SAMPLES {
            let known = timed(&mut ask, &format!("known{number}@b.example")).await;
            let unknown = timed(&mut ask, &format!("other{number}@b.example")).await;
            assert_eq!(known.1, unknown.1, "{what}");
            samples.known.push(known.0);
            samples.unknown.push(unknown.0);
        }
        let (known, unknown) = (median(samples.known), median(samples.unknown));
        let ratio = known.as_secs_f64() / unknown.as_secs_f64();
        println!("{what}: known {known:?}, unknown {unknown:?}");
        assert!((1.0 / RATIO..RATIO).contains(&ratio), "{what}: {known:?} and {unknown:?}");
    }
}

/// How long it takes, and what is said but for the address itself.
async fn timed(ask: &mut impl AsyncFnMut(&str) -> Answer, email: &str) -> (Duration, String) {
    let began = Instant::now();
    let answer = ask(email).await;
    let took = began.elapsed();
    let said = format!("{} {}", answer.status, without_time(&answer));
    (took, said.replace(email, "E"))
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_tell_who_has_an_account() {
    let system = System::start().await;
    let people = People::of(&system).await;
    // Imported, which is quicker than to sign all of them up; those with a password have a test of their own.
    let batch = system.caller("user-service", r#"{"companyId":7,"userId":1}"#).await;
    let users: Vec<_> =
        (0..SAMPLES).map(|n| json!({"email": format!("known{n}@b.example")})).collect();
    let import = format!("{}/internal/users/import", people.url);
    assert_eq!(batch.post_json(&import, &json!({ "users": users })).await.status, 200);
    Samples::take("a code", async |email| people.ask(email, "PASSWORD_RESET").await).await;
    Samples::take("a code again", async |email| {
        let mut answer = people.ask(email, "PASSWORD_RESET").await;
        assert_eq!(answer.status, 429);
        answer.headers.remove("retry-after");
        answer
    })
    .await;
    Samples::take("a code to sign up", async |email| people.ask(email, "SIGNUP").await).await;
    Samples::take("a reset", async |email| people.reset((email, PASSWORD), "wrong").await).await;
    Samples::take("a sign-up", async |email| people.sign_up_with((email, PASSWORD), "x").await)
        .await;
    Samples::take("a login", async |email| people.log_in(email, "wrong password").await).await;
    system.stop().await;
}

/// One with a password, which is hashed, and others without, for whom nothing would be. What takes longer for what was sent
/// takes longer for all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_takes_as_long_whatever_it_fails_for() {
    let system = System::start().await;
    let people = People::of(&system).await;
    people.sign_up("a@b.example").await;
    people.log_in_socially(("GOOGLE", "1"), json!("social@b.example")).await;
    let long = "x".repeat(200_000);
    let table = [
        ("a@b.example", "wrong password"),
        ("nobody@b.example", "wrong password"),
        ("social@b.example", "wrong password"),
        ("not an address", "wrong password"),
        ("a@b.example", &long),
        ("nobody@b.example", &long),
        ("a@b.example", "nul\u{0}"),
        ("nobody@b.example", "nul\u{0}"),
    ];
    let mut times = vec![Vec::new(); table.len()];
    let mut said = std::collections::HashSet::new();
    for _ in 0..20 {
        for (place, (email, password)) in table.iter().enumerate() {
            let began = Instant::now();
            let answer = people.log_in(email, password).await;
            times[place].push(began.elapsed());
            assert_eq!(answer.verdict(), (401, "A006"), "{email}");
            said.insert(without_time(&answer));
        }
    }
    assert_eq!(said.len(), 1, "{said:?}");
    let medians: Vec<f64> = times.into_iter().map(|own| median(own).as_secs_f64()).collect();
    for (median, (email, password)) in medians.iter().zip(table) {
        let same = table.iter().position(|(_, own)| *own == password).unwrap();
        let ratio = median / medians[same];
        assert!((1.0 / RATIO..RATIO).contains(&ratio), "{email}: {medians:?}");
        assert!(median / medians[0] > 1.0 / RATIO, "hashed whatever it is: {medians:?}");
    }
    system.stop().await;
}

/// From the front door: three wrong passwords each, so that nobody has to wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_at_the_front_door_tells_nobody_who_has_an_account() {
    let system = System::start().await;
    let people = People::of(&system).await;
    for number in 0..8 {
        people.sign_up(&format!("known{number}@b.example")).await;
    }
    let url = format!("{}/api/v2/auth/login", system.services.auth.url());
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for number in 0..24 {
        for (times, who) in [(&mut known, "known"), (&mut unknown, "other")] {
            let email = format!("{who}{}@b.example", number % 8);
            let body = json!({"email": email, "password": "wrong password"});
            let began = Instant::now();
            let answer = people.stranger.post_json(&url, &body).await;
            times.push((began.elapsed(), without_time(&answer)));
            assert_eq!(answer.verdict(), (401, "A006"), "{email}");
        }
    }
    assert!(known.iter().chain(&unknown).all(|(_, said)| *said == known[0].1));
    let median = |times: Vec<(Duration, String)>| {
        median(times.into_iter().map(|(took, _)| took).collect()).as_secs_f64()
    };
    let (known, unknown) = (median(known), median(unknown));
    println!("a login at the front door: known {known:.4} s, unknown {unknown:.4} s");
    assert!((1.0 / RATIO..RATIO).contains(&(known / unknown)), "{known} and {unknown}");
    system.stop().await;
}
