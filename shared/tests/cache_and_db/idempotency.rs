//! Requests under a key: one effect, one answer, whoever asks how often.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use shared::db::Db;
use shared::idempotency::{
    Claim, IdempotencyError, IdempotencyKey, IdempotentConnection, KeptAnswer, KeyedRequest,
    forget_before,
};
use shared::{Session, Timestamp, with_tenant};

use super::db::{databases, number};

const TABLES: &str = "CREATE TABLE idempotent_requests (company_id BIGINT NOT NULL, key TEXT NOT NULL,
    sha256 TEXT NOT NULL, answer TEXT, created_at TIMESTAMP NOT NULL, PRIMARY KEY (company_id, key));
    CREATE TABLE effects (number BIGINT NOT NULL);";

fn request(key: &str, asked: &str) -> KeyedRequest {
    let session = Session::parse(r#"{"companyId":1,"userId":2}"#).unwrap();
    KeyedRequest::new(&session, IdempotencyKey::parse(key).unwrap(), &[asked])
}

fn answer(body: &str) -> KeptAnswer {
    let headers = vec![("etag".to_owned(), "\"1\"".to_owned())];
    KeptAnswer { status: 201, headers, body: body.to_owned(), replayed: false }
}

async fn prepared(url: &str) -> Db {
    let db = Db::open(url, 4).unwrap();
    async fn prepare(db: &Db) -> Result<(), shared::db::DbError> {
        Ok(shared::with_conn!(db, |conn| conn.batch_execute(TABLES).await)?)
    }
    prepare(&db).await.unwrap();
    db
}

/// One effect for each request, with an answer that is known beforehand or not; `breaks` fails after the effect.
async fn carry_out(
    db: &Db,
    request: &KeyedRequest,
    kept: &KeptAnswer,
    breaks: bool,
) -> Result<KeptAnswer, IdempotencyError> {
    let beforehand = kept.body.len().is_multiple_of(2).then_some(kept);
    with_tenant!(db, request.tenant(), |conn| {
        match conn.claim(request, Timestamp::UNIX_EPOCH, beforehand).await? {
            Claim::Replay(before) => Ok(before),
            Claim::New => {
                diesel::sql_query("INSERT INTO effects VALUES (1)").execute(conn).await?;
                if breaks {
                    return Err(IdempotencyError::NotAKey);
                }
                conn.keep(request, kept).await?;
                Ok(kept.clone())
            }
        }
    })
}

async fn effects(db: &Db) -> i64 {
    number(db, "SELECT COUNT(*) AS number FROM effects").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_equal_requests_one_has_an_effect_and_all_have_its_answer() {
    for database in databases().await {
        let db = prepared(&database.url).await;
        for (round, key) in ["even", "odd"].into_iter().enumerate() {
            let own = request(key, "same");
            let answers: Vec<_> =
                (0..50).map(|n| answer(&format!("{}{:03}", "x".repeat(round), n))).collect();
            let all = join_all(answers.iter().map(|kept| carry_out(&db, &own, kept, false))).await;
            let all: Vec<KeptAnswer> = all.into_iter().map(Result::unwrap).collect();
            assert!(all.iter().all(|one| one.body == all[0].body && one.status == 201), "{db:?}");
            assert_eq!(all.iter().filter(|one| !one.replayed).count(), 1, "{db:?}");
            assert_eq!(effects(&db).await, round as i64 + 1, "{db:?}");
            let other = carry_out(&db, &request(key, "other"), &answer("z"), false).await;
            assert!(matches!(other, Err(IdempotencyError::Reused)), "{other:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_gives_its_key_back_and_a_day_later_nobody_remembers() {
    for database in databases().await {
        let db = prepared(&database.url).await;
        let own = request("k", "same");
        assert!(carry_out(&db, &own, &answer("a"), true).await.is_err());
        assert_eq!(effects(&db).await, 0, "{db:?}");
        let done = carry_out(&db, &own, &answer("a"), false).await.unwrap();
        assert!(!done.replayed, "{db:?}");
        assert_eq!(forget_before(&db, Timestamp::UNIX_EPOCH).await.unwrap(), 0);
        assert!(carry_out(&db, &own, &answer("b"), false).await.unwrap().replayed);
        let later = Timestamp::UNIX_EPOCH + shared::idempotency::KEPT_FOR * 2;
        assert_eq!(forget_before(&db, later).await.unwrap(), 1);
        assert!(!carry_out(&db, &own, &answer("b"), false).await.unwrap().replayed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_while_the_first_is_at_work_is_told_so() {
    for database in databases().await {
        let db = prepared(&database.url).await;
        if !matches!(db, Db::Postgres(_)) {
            continue;
        }
        let own = request("k", "same");
        let (started, go_on) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let first = async {
            let claimed: Result<(), IdempotencyError> = async {
                with_tenant!(&db, own.tenant(), |conn| {
                    conn.claim(&own, Timestamp::UNIX_EPOCH, Some(&answer("a"))).await?;
                    started.notify_one();
                    go_on.notified().await;
                    Ok(())
                })
            }
            .await;
            claimed.unwrap();
        };
        let second = async {
            started.notified().await;
            let told = carry_out(&db, &own, &answer("b"), false).await;
            assert!(matches!(told, Err(IdempotencyError::Running)), "{told:?}");
            go_on.notify_one();
        };
        tokio::join!(first, second);
        assert_eq!(carry_out(&db, &own, &answer("b"), false).await.unwrap().body, "a");
    }
}
