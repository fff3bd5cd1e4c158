//! What the first schema has kept is there after all migrations, and the services work with it.

use std::path::Path;

use shared::Secret;
use tests::backend::{Backend, ask, execute};
use tests::caller::Caller;
use tests::fleet::{Fleet, Kind};
use tests::oauth::OAuthClient;
use tests::process::run;

const SECRET: &str = "a-secret-that-the-first-schema-has-kept";
const SESSION: &str = r#"{"companyId":70,"userId":1001}"#;
const FILE: &str = "0198a000-0000-7000-8000-0000000000f1";
const ORDER: &str = "0198a000-0000-7000-8000-000000000001";

/// The first schema of this service, as its first migration made it, with what it kept.
async fn install(service: &str, url: &str, kept: &str) {
    let kind = if url.starts_with("sqlite") { "sqlite" } else { "postgres" };
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let folder = root.join(format!("{service}-service/migrations/{kind}"));
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let first = names.min().expect("a migration").into_string().unwrap();
    let version: String = first.split('_').next().unwrap().replace('-', "");
    let up = std::fs::read_to_string(folder.join(&first).join("up.sql")).unwrap();
    execute(url, &up).await;
    let noted = format!(
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
         run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); \
         INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}');"
    );
    execute(url, &noted).await;
    execute(url, kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_schema_has_kept_is_there_after_all_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new(folder.path()).await;
    let databases = &backend.databases;
    let kept = [
        ("auth", &databases.auth, include_str!("upgrade/auth.sql")),
        ("user", &databases.user, include_str!("upgrade/user.sql")),
        ("order", &databases.order, include_str!("upgrade/order.sql")),
        ("file", &databases.file, include_str!("upgrade/file.sql")),
        ("batch", &databases.batch, include_str!("upgrade/batch.sql")),
    ];
    for (service, url, kept) in kept {
        install(service, url, kept).await;
    }
    let batch = databases.batch.clone();
    let objects = folder.path().join("files/70");
    std::fs::create_dir_all(&objects).unwrap();
    std::fs::write(objects.join(FILE), "kept from before").unwrap();
    let fleet = Fleet::on(folder, backend).await;
    let members: Vec<_> = Kind::ALL.into_iter().map(|kind| fleet.start(kind)).collect();
    for member in &members {
        member.is_ready().await;
    }
    fleet.has_ready(1).await;
    let client = OAuthClient::known(&fleet.url(Kind::Auth), "old-shop", Secret::new(SECRET));
    let token = client.token(&[("session", SESSION)]).await;
    assert_eq!(token.status, 200, "the old client and its secret: {}", token.body);
    let caller = client.caller.with_token(token.access_token());
    look_at_all(&fleet, &caller).await;
    look_at_statements(&batch).await;
    fleet.end(members).await;
}

async fn look_at_all(fleet: &Fleet, caller: &Caller) {
    let users = caller.get(&format!("{}/api/users", fleet.url(Kind::User))).await;
    let users = users.body["data"]["users"].as_array().expect("users").clone();
    let names: Vec<_> = users.iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["one", "two"], "those of the company");
    let orders = fleet.url(Kind::Order);
    let list = caller.get(&format!("{orders}/api/orders")).await;
    let numbers = list.body["data"]["orders"].as_array().expect("orders").len();
    assert_eq!(numbers, 2, "{}", list.body);
    let order = caller.get(&format!("{orders}/api/orders/{ORDER}")).await;
    let lines = &order.body["data"]["items"];
    assert_eq!((order.status, &lines[0]["quantity"]), (200, &2.into()), "{}", order.body);
    let file = caller.get(&format!("{}/api/files/{FILE}", fleet.url(Kind::File))).await;
    assert_eq!((file.status, file.text.as_str()), (200, "kept from before"));
}

/// A statement of before is still one that has been written.
async fn look_at_statements(database: &str) {
    let url = "http://127.0.0.1:1".to_owned();
    let settings = [
        ("BATON_BATCH_DATABASE_URL", database.to_owned()),
        ("BATON_BATCH_TOKEN_URL", url.clone()),
        ("BATON_BATCH_ORDER_URL", url.clone()),
        ("BATON_BATCH_USER_URL", url.clone()),
        ("BATON_BATCH_FILE_URL", url),
        ("BATON_BATCH_CLIENT_SECRET", "s".to_owned()),
    ];
    let migrated = run("batch-service", &["migrate"], &settings);
    assert_eq!(migrated.status.code(), Some(0));
    let kept = ask(database, "SELECT state || ' ' || file_ids AS text FROM settlements").await;
    assert_eq!(kept, [format!("CLOSED {FILE}")]);
}
