//! A new release, or a new node under the pods: each process of each service is replaced while callers go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tests::caller::Caller;
use tests::fleet::{Fleet, Kind, Member};
use tests::oauth::OAuthClient;
use tests::system::ALL_SCOPES;
use tokio::task::JoinHandle;

const REPLICAS: usize = 3;
/// Between two requests of one caller.
const PAUSE: Duration = Duration::from_millis(60);
const SESSION: &str = r#"{"companyId":7,"userId":8}"#;

/// The first product of a new database.
const PEN: i64 = 1;

/// One caller after the other of what services offer.
#[derive(Clone, Copy, Debug)]
enum Load {
    Tokens,
    Products,
    Orders,
    Files,
    Users,
}

#[derive(Default)]
struct Tally {
    done: AtomicU64,
    stop: AtomicBool,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_everything_fails_no_request() {
    let fleet = Fleet::new().await;
    let mut members = start_all(&fleet).await;
    let client = fleet.client("shop").await;
    make_a_product(&fleet, &client).await;
    let tally = Arc::new(Tally::default());
    let loads: Vec<_> = [Load::Tokens, Load::Products, Load::Orders, Load::Files, Load::Users]
        .into_iter()
        .map(|load| (load, go_on(&fleet, (load, client.clone()), Arc::clone(&tally))))
        .collect();
    let before = warmed_up(&tally).await;
    // One replica of each service at a time, as a Deployment does.
    for replica in 0..REPLICAS {
        let of_each = members.iter_mut().map(|replicas| replicas[replica].restart());
        let codes = futures_util::future::join_all(of_each).await;
        assert_eq!(codes, [Some(0); 4], "each ends by itself");
    }
    let during = tally.done.load(Ordering::SeqCst) - before;
    tally.stop.store(true, Ordering::SeqCst);
    for (load, task) in loads {
        task.await.unwrap_or_else(|error| panic!("{load:?}: {error}"));
    }
    assert!(during > 100, "{during} requests while the processes were replaced");
    println!("{during} requests during a rolling restart of {} processes, 0 failed", 4 * REPLICAS);
    fleet.end(members.into_iter().flatten().collect()).await;
}

async fn start_all(fleet: &Fleet) -> Vec<Vec<Member>> {
    let mut members = Vec::new();
    for kind in Kind::ALL {
        let replicas: Vec<_> = (0..REPLICAS).map(|_| fleet.start(kind)).collect();
        for replica in &replicas {
            replica.is_ready().await;
        }
        members.push(replicas);
    }
    fleet.has_ready(REPLICAS).await;
    members
}

async fn make_a_product(fleet: &Fleet, client: &OAuthClient) {
    let token = client.token(&[("session", SESSION)]).await;
    let order = json!({
        "orderNo": "1", "userId": 8, "product": "pen", "quantity": 1, "unitPriceMinor": 150,
        "currency": "USD", "paidAt": "2026-07-16T12:00:00Z"
    });
    let url = format!("{}/internal/orders/import", fleet.url(Kind::Order));
    let caller = client.caller.with_token(token.access_token());
    let answer = caller.post_json(&url, &json!({ "orders": [order] })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn warmed_up(tally: &Tally) -> u64 {
    loop {
        let done = tally.done.load(Ordering::SeqCst);
        if done >= 20 {
            return done;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks again and again; the first answer that is not the right one ends it.
fn go_on(fleet: &Fleet, (load, client): (Load, OAuthClient), tally: Arc<Tally>) -> JoinHandle<()> {
    let urls = Kind::ALL.map(|kind| fleet.url(kind));
    tokio::spawn(async move {
        let token = client.token(&[("session", SESSION), ("scope", ALL_SCOPES)]).await;
        let caller = client.caller.with_token(token.access_token());
        let mut round = 0_u32;
        while !tally.stop.load(Ordering::SeqCst) {
            ask((load, &urls), (&client, &caller), round).await;
            tally.done.fetch_add(1, Ordering::SeqCst);
            round += 1;
            tokio::time::sleep(PAUSE).await;
        }
    })
}

async fn ask(
    (load, [_, users, orders, files]): (Load, &[String; 4]),
    (client, caller): (&OAuthClient, &Caller),
    round: u32,
) {
    let answer = match load {
        Load::Tokens => client.token(&[("session", SESSION)]).await,
        Load::Products => caller.get(&format!("{orders}/api/products")).await,
        Load::Orders if round.is_multiple_of(2) => {
            caller.get(&format!("{orders}/api/orders?limit=5")).await
        }
        Load::Orders => caller.place_order(orders, &format!("r{round}"), (PEN, 1)).await,
        Load::Files => {
            let name = format!("{round}.txt");
            caller.upload(files, (&name, &name), vec![b'x'; 64 * 1024]).await
        }
        Load::Users => caller.get(&format!("{users}/api/users?limit=5")).await,
    };
    assert!(
        matches!(answer.status, 200 | 201),
        "{load:?} {round}: {} {}",
        answer.status,
        answer.body
    );
}
