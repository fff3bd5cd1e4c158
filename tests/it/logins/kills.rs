//! kill -9 in the middle of renewals: never two successors, never a lost login.

use std::time::Duration;

use futures_util::future::join_all;
use tests::backend::Backend;
use tests::people::People;
use tests::replica::Cluster;
use tests::visitor::{Visitor, refresh_cookie};

use super::stores;

/// Logins that are renewed when the process is killed, each by two at once.
const LOGINS: i64 = 4;

/// `BATON_TEST_KILLS` says how often; each time with so many logins.
fn kills() -> usize {
    std::env::var("BATON_TEST_KILLS").map_or(10, |kills| kills.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_survives_kill_9_at_any_moment_of_a_renewal_with_one_successor() {
    for store in stores() {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        let people = People::start();
        let cluster = Cluster::new(&backend.databases.auth, &backend.cache_url, folder.path());
        let cluster = cluster.with("BATON_AUTH_USER_URL", &people.url);
        let mut replica = cluster.with("BATON_AUTH_LOGIN_STORE", store).start().await;
        let logins = (1..=LOGINS).map(|user| Visitor::logged_in(&replica.url, user));
        let mut visitors = join_all(logins).await;
        let mut answered = 0;
        for _ in 0..kills() {
            let under_way: Vec<_> = visitors.iter().cloned().map(renew_twice).collect();
            let renewals = tokio::spawn(join_all(under_way));
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..120_000))).await;
            replica.kill();
            let successors = renewals.await.unwrap();
            replica.restart().await;
            for (visitor, seen) in visitors.iter_mut().zip(successors) {
                answered += seen.len();
                let answer = visitor.refresh().await;
                assert_eq!(answer.status, 200, "{store}: not lost: {}", answer.text);
                let next = visitor.cookie.as_ref().unwrap();
                assert!(seen.iter().all(|seen| seen == next), "{store}: one successor");
            }
        }
        println!("{store}: {} kills, {answered} answers before them", kills());
        if *store != "redis" {
            let live = "SELECT COUNT(*) FROM logins WHERE ended_by IS NULL";
            assert_eq!(backend.count_in_auth(live).await, LOGINS, "{store}");
            assert_eq!(backend.count_in_auth("SELECT COUNT(*) FROM logins").await, LOGINS);
        }
        drop(replica);
        people.stop().await;
        backend.drop_databases().await;
    }
}

/// The successors that were seen before the end.
async fn renew_twice(visitor: Visitor) -> Vec<String> {
    let both = [visitor.post("refresh").send(), visitor.post("refresh").send()];
    let answers = join_all(both).await;
    let whole = answers.into_iter().flatten().filter(|answer| answer.status() == 200);
    whole.filter_map(|answer| refresh_cookie(answer.headers())).collect()
}
