//! PostgreSQL over TLS, by the words of libpq in the URL.

use diesel_async::RunQueryDsl;
use shared::db::{Db, DbError};
use shared::with_conn;

use super::*;

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

/// What PostgreSQL says of this connection: whether it is encrypted, and who the client is by its certificate.
const ABOUT_ME: &str =
    "SELECT concat(ssl, ' ', client_dn) AS text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

async fn about_me(url: &str) -> Result<String, DbError> {
    let db = Db::open(url, 1)?;
    let rows: Result<Vec<Row>, DbError> =
        async { Ok(with_conn!(&db, |conn| diesel::sql_query(ABOUT_ME).load(conn).await)?) }.await;
    Ok(rows?.remove(0).text.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_known_by_its_certificate_as_closely_as_the_url_asks() {
    if !on_servers() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = postgres_tls::authority().await;
    let own = Mounted::new(&folder.path().join("own"), &authority.sign("me"), authority.pem());
    let strange = Authority::new("somebody else");
    let other = Mounted::new(&folder.path().join("other"), &strange.sign("me"), strange.pem());
    let server = std::env::var("BATON_TEST_POSTGRES_URL").unwrap();
    let named = server.replace("@127.0.0.1:", "@localhost:");
    let path = |mounted: &Mounted, name: &str| mounted.path(name).display().to_string();
    let (root, wrong) = (path(&own, "ca.crt"), path(&other, "ca.crt"));
    let me = format!("sslcert={}&sslkey={}", path(&own, "tls.crt"), path(&own, "tls.key"));
    let full = format!("sslmode=verify-full&sslrootcert={root}");
    let table = [
        (&server, String::new(), Ok("f")),
        (&server, "sslmode=disable".to_owned(), Ok("f")),
        (&server, "sslmode=prefer".to_owned(), Ok("t")),
        (&server, "sslmode=require".to_owned(), Ok("t")),
        (&server, full.clone(), Ok("t")),
        (&server, format!("{full}&channel_binding=require"), Ok("t")),
        (&server, format!("{full}&sslnegotiation=postgres"), Ok("t")),
        (&server, format!("{full}&{me}"), Ok("t /CN=me")),
        (&named, format!("sslmode=verify-ca&sslrootcert={root}"), Ok("t")),
        (&named, full, Err("certificate not valid for name")),
        (&server, format!("sslmode=verify-full&sslrootcert={wrong}"), Err("UnknownIssuer")),
        (&server, format!("sslmode=verify-ca&sslrootcert={wrong}"), Err("UnknownIssuer")),
        (&server, format!("sslmode=require&sslrootcert={wrong}"), Err("UnknownIssuer")),
        (&server, "sslmode=verify-full".to_owned(), Err("UnknownIssuer")),
    ];
    for (url, query, expected) in table {
        let said = about_me(&format!("{url}?{query}")).await.map_err(|error| error.to_string());
        match expected {
            Ok(expected) => assert_eq!(said.as_deref(), Ok(expected), "{query}"),
            Err(expected) => {
                let error = said.expect_err(&query);
                assert!(error.contains(expected), "{query}: {error}");
            }
        }
    }
}
