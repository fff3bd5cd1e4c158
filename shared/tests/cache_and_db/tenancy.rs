//! Rows of companies: each transaction sees those of one.

use diesel_async::SimpleAsyncConnection;
use shared::db::{Db, DbError};
use shared::{Session, Tenant, across_tenants, with_tenant};

use super::db::databases;

const TABLE: &str = "CREATE TABLE notes (company_id BIGINT NOT NULL, text TEXT NOT NULL)";
const POLICY: &str = "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE notes FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON notes
        USING (current_setting('baton.company_id', true) IN (company_id::text, '*'));";

fn tenant(company: i64) -> Tenant {
    let session = Session::parse(&format!(r#"{{"companyId":{company},"userId":2}}"#));
    session.unwrap().tenant()
}

async fn in_company(db: &Db, company: i64, sql: &str) -> Result<(), DbError> {
    Ok(with_tenant!(db, tenant(company), |conn| conn.batch_execute(sql).await)?)
}

async fn texts_of(db: &Db, company: i64) -> Vec<String> {
    async fn ask(db: &Db, company: i64) -> Result<Vec<String>, DbError> {
        use diesel_async::RunQueryDsl;
        diesel::table! { notes (text) { company_id -> BigInt, text -> Text } }
        use diesel::QueryDsl;
        Ok(with_tenant!(db, tenant(company), |conn| notes::table
            .select(notes::text)
            .load(conn)
            .await)?)
    }
    ask(db, company).await.unwrap()
}

#[tokio::test]
async fn what_fails_in_a_tenants_transaction_has_not_happened() {
    for database in databases().await {
        let db = Db::open(&database.url, 1).unwrap();
        in_company(&db, 1, TABLE).await.unwrap();
        let broken = "INSERT INTO notes VALUES (1, 'a'); INSERT INTO notes VALUES (1, NULL)";
        assert!(matches!(in_company(&db, 1, broken).await, Err(DbError::Query(_))), "{db:?}");
        assert!(texts_of(&db, 1).await.is_empty(), "{db:?}");
        in_company(&db, 1, "INSERT INTO notes VALUES (1, 'b')").await.unwrap();
        assert_eq!(texts_of(&db, 1).await, ["b"], "{db:?}");
    }
}

#[tokio::test]
async fn a_query_without_a_where_finds_one_companys_rows_on_postgresql() {
    for database in databases().await {
        let db = Db::open(&database.url, 1).unwrap();
        if !matches!(db, Db::Postgres(_)) {
            continue;
        }
        shared::db::tenancy::check_role(&db).await.unwrap();
        in_company(&db, 1, &format!("{TABLE}; {POLICY}")).await.unwrap();
        in_company(&db, 1, "INSERT INTO notes VALUES (1, 'one')").await.unwrap();
        in_company(&db, 2, "INSERT INTO notes VALUES (2, 'two')").await.unwrap();
        assert_eq!(texts_of(&db, 1).await, ["one"]);
        assert_eq!(texts_of(&db, 2).await, ["two"]);
        let foreign = in_company(&db, 1, "INSERT INTO notes VALUES (2, 'forged')").await;
        assert!(matches!(foreign, Err(DbError::Query(_))), "{foreign:?}");
        in_company(&db, 1, "UPDATE notes SET text = 'mine'; DELETE FROM notes").await.unwrap();
        assert!(texts_of(&db, 1).await.is_empty());
        assert_eq!(texts_of(&db, 2).await, ["two"]);
        nothing_without_a_scope_and_all_with(&db).await;
    }
}

/// The connection is the one that has just served both: what they were has gone with their transactions.
async fn nothing_without_a_scope_and_all_with(db: &Db) {
    let count = "SELECT COUNT(*) AS number FROM notes";
    assert_eq!(super::db::number(db, count).await.unwrap(), 0);
    async fn delete(db: &Db) -> Result<(), DbError> {
        Ok(across_tenants!(db, |conn| conn.batch_execute("DELETE FROM notes").await)?)
    }
    delete(db).await.unwrap();
    assert!(texts_of(db, 2).await.is_empty());
}
