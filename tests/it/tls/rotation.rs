//! Certificates are replaced every day while services run: nobody notices, and what cannot be used changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shared::client::http::{Timeouts, http_client_with_tls};
use shared::tls::ClientTls;
use tests::certificates::{Signed, refusal, served};
use time::Duration as Days;

use super::*;

/// The files are looked at every 2 s; a busy machine gets some more.
const PROMISED: Duration = Duration::from_secs(8);

/// Calls all the time, by one connection and by a new one each time.
struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn begin(url: &str, tls: &ClientTls) -> Self {
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = |fresh: bool| {
            let (url, tls) = (url.to_owned(), tls.clone());
            let (stop, calls) = (Arc::clone(&stop), Arc::clone(&calls));
            tokio::spawn(async move {
                let mut failures = Vec::new();
                let mut http = http_client_with_tls(Timeouts::default(), &tls).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    if fresh {
                        http = http_client_with_tls(Timeouts::default(), &tls).unwrap();
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    match http.get(&url).send().await {
                        Ok(answer) if answer.status() == 200 => {}
                        other => failures.push(format!("{other:?}")),
                    }
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                failures
            })
        };
        let tasks = vec![task(false), task(false), task(true), task(true)];
        Self { stop, calls, tasks }
    }

    /// How many calls there were; none of them failed.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            let failures = task.await.unwrap();
            assert!(failures.is_empty(), "{} failed: {}", failures.len(), failures[0]);
        }
        self.calls.load(Ordering::Relaxed)
    }
}

/// Until this certificate is served.
async fn comes(system: &System, tls: &ClientTls, wanted: &Signed) -> Duration {
    let began = Instant::now();
    while served(system.services.auth.address, tls).await.unwrap() != wanted.der() {
        assert!(began.elapsed() < PROMISED, "the new certificate is not served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

async fn failures(system: &System, name: &str) -> f64 {
    let url = format!("http://{}/metrics", system.services.auth.management_address);
    metric(&Caller::new(None).get(&url).await.text, name)
}

/// First by the same authority; then by the next one, which both sides trust before it signs and after which the first is gone.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_roots_are_replaced_under_load_without_one_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (old, mut mounted) = mounted(folder.path());
    let system = system(&mounted, folder.path()).await;
    let tls = ClientTls::open(&mounted.client()).unwrap();
    let url = format!("{}/.well-known/jwks.json", system.services.auth.url());
    let load = Load::begin(&url, &tls);
    let next = Authority::new("the next authority");
    let both = format!("{}{}", old.pem(), next.pem());
    // Each certificate ends at another time, by which the caller's side is seen to have taken it over, with the roots.
    let steps = [
        (old.sign_until("all", Days::days(2)), old.pem()),
        (old.sign_until("all", Days::days(3)), &*both),
        (next.sign_until("all", Days::days(4)), &*both),
        (next.sign_until("all", Days::days(5)), next.pem()),
    ];
    let mut took = Vec::new();
    for (signed, roots) in steps {
        let before = tls.not_after_s();
        mounted.replace(&signed, roots);
        took.push(comes(&system, &tls, &signed).await);
        while tls.not_after_s() == before {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let calls = load.end().await;
    println!("{calls} calls, 0 failed; new certificates were served after {took:?}");
    assert!(calls > 100, "{calls}");

    // What the old authority has signed is no longer good, on either side.
    let late = Mounted::new(&folder.path().join("late"), &old.sign("late"), next.pem());
    let late = ClientTls::open(&late.client()).unwrap();
    let sent = Caller::over_tls(&late).request(reqwest::Method::GET, &url).send().await;
    sent.expect_err("it is of the old authority");
    let said = refusal(system.services.auth.address, &late).await;
    assert!(said.contains("UnknownCA"), "{said}");
    assert!(answers(&system).await, "services still call each other");
    system.stop().await;
}

/// order-service asks auth-service for tokens and brings file-service a receipt.
async fn answers(system: &System) -> bool {
    let (caller, orders, pen) = buyer(system).await;
    let url = placed(&caller, &orders, ("k", pen)).await;
    let paid = caller.change_order(&url, "p", "pay").await.status;
    crate::orders::receipts::written(&caller, &url).await;
    paid == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_leave_the_certificate_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, mut mounted) = mounted(folder.path());
    let first = authority.sign("first");
    mounted.replace(&first, authority.pem());
    let system = system(&mounted, folder.path()).await;
    let caller = Mounted::new(&folder.path().join("me"), &authority.sign("me"), authority.pem());
    let tls = ClientTls::open(&caller.client()).unwrap();
    let foreign = authority.sign("other").key;
    let broken = Signed { certificate: authority.sign("new").certificate, key: foreign };
    mounted.replace(&broken, authority.pem());
    let began = Instant::now();
    for name in ["tls_reload_failures_total", "tls_client_reload_failures_total"] {
        while failures(&system, name).await == 0.0 {
            assert!(began.elapsed() < PROMISED * 2, "{name} does not say so");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    tokio::time::sleep(PROMISED / 2).await;
    assert_eq!(failures(&system, "tls_reload_failures_total").await, 1.0, "it is said once");
    assert_eq!(served(system.services.auth.address, &tls).await.unwrap(), first.der());
    let good = authority.sign("good");
    mounted.replace(&good, authority.pem());
    comes(&system, &tls, &good).await;
    system.stop().await;
}
