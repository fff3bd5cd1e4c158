//! A database that takes questions and never answers: frozen, or behind a partition.

use std::sync::Arc;

use shared::db::{Db, DbError};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::*;

/// Stands between a client and a server; can freeze the connections that are open.
struct Proxy {
    address: SocketAddr,
    freeze: Arc<watch::Sender<u32>>,
}

impl Proxy {
    async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let freeze = Arc::new(watch::channel(0).0);
        let frozen = Arc::clone(&freeze);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut frozen = frozen.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        // Both sides stay open, and nothing passes any more.
                        _ = frozen.changed() => tokio::time::sleep(Duration::from_secs(60)).await,
                    }
                });
            }
        });
        Self { address, freeze }
    }

    fn freeze(&self) {
        self.freeze.send_modify(|round| *round += 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_on_a_frozen_database_is_given_up_and_the_next_finds_a_new_connection() {
    let Some(url) = server_at("BATON_TEST_POSTGRES_URL") else { return };
    let (user, rest) = url.split_once('@').unwrap();
    let (server, database) = rest.split_once('/').unwrap();
    let proxy = Proxy::start(server.parse().unwrap()).await;
    let db = Db::open(&format!("{user}@{}/{database}", proxy.address), 2).unwrap();
    db.ping().await.unwrap();
    let frozen = db.clone();
    let asked = tokio::spawn(async move {
        let asked: Result<usize, DbError> = sleep_in_database(&frozen).await;
        asked
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    proxy.freeze();
    let asked = within(Duration::from_secs(12), asked).await.unwrap();
    assert!(matches!(asked, Err(DbError::Unavailable(_))), "{asked:?}");
    within(Duration::from_secs(4), db.ping()).await.unwrap();
}

/// Longer than the freeze is away, shorter than PostgreSQL's own limit.
async fn sleep_in_database(db: &Db) -> Result<usize, DbError> {
    use diesel_async::RunQueryDsl;
    let sleep = diesel::sql_query("SELECT pg_sleep(3)");
    Ok(shared::with_conn!(db, |conn| sleep.clone().execute(conn).await)?)
}
