//! TLS on the PostgreSQL of the tests: switched on by whoever needs it first. Others do not notice.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use tokio::sync::OnceCell;

use crate::certificates::Authority;

static AUTHORITY: OnceCell<Authority> = OnceCell::const_new();

/// Who has signed its certificate, which is for 127.0.0.1 and for no name. It asks for certificates of the same.
pub async fn authority() -> &'static Authority {
    AUTHORITY.get_or_init(switch_on).await
}

/// Its superuser has the files written by the server itself, which is another user of this machine.
async fn switch_on() -> Authority {
    let authority = Authority::new("PostgreSQL's authority");
    let signed = authority.sign("postgres");
    let url = std::env::var("BATON_TEST_POSTGRES_ADMIN_URL").expect("tests/run sets it");
    let mut admin = AsyncPgConnection::establish(&url).await.expect("PostgreSQL runs");
    let files = [
        ("tls.crt", &*signed.certificate),
        ("tls.key", &*signed.key),
        ("tls-ca.crt", authority.pem()),
    ];
    for (name, text) in files {
        let text = STANDARD.encode(text);
        let write = format!("umask 077; base64 -d > {name}");
        let copy = format!("COPY (SELECT '{text}') TO PROGRAM '{write}'");
        admin.batch_execute(&copy).await.expect("a file is written");
    }
    for setting in [
        "ssl_cert_file = 'tls.crt'",
        "ssl_key_file = 'tls.key'",
        "ssl_ca_file = 'tls-ca.crt'",
        "ssl = on",
    ] {
        let alter = format!("ALTER SYSTEM SET {setting}");
        admin.batch_execute(&alter).await.expect("a setting is written");
    }
    admin.batch_execute("SELECT pg_reload_conf()").await.expect("it is told");
    tokio::time::sleep(Duration::from_millis(500)).await;
    authority
}
