use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use diesel_migrations::MigrationHarness;

use crate::startup::migrations;

type Checked = Result<(), Box<dyn std::error::Error + Send + Sync>>;

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Text)]
    row: String,
}

fn rows(connection: &mut SqliteConnection) -> Result<Vec<String>, diesel::result::Error> {
    let query = "SELECT id || ' ' || quote(email) AS row FROM users ORDER BY id";
    let rows: Vec<Row> = diesel::sql_query(query).load(connection)?;
    Ok(rows.into_iter().map(|row| row.row).collect())
}

/// Also one that has been deleted: its number stays its own.
#[test]
fn users_who_are_there_keep_their_ids_through_the_migration_and_back() -> Checked {
    let mut connection = SqliteConnection::establish(":memory:")?;
    connection.run_next_migration(migrations().sqlite)?;
    let insert = |email: &str| {
        format!(
            "INSERT INTO users (company_id, email, name, created_at) \
             VALUES (1, {email}, 'a', '2026-01-01 00:00:00');"
        )
    };
    connection.batch_execute(&(insert("'a@b.c'") + &insert("'b@b.c'")))?;
    connection.batch_execute("DELETE FROM users WHERE id = 1001")?;
    connection.run_next_migration(migrations().sqlite)?;
    assert!(connection.batch_execute(&insert("'a@b.c'")).is_err(), "addresses are still unique");
    connection.batch_execute(&(insert("NULL") + &insert("NULL")))?;
    assert_eq!(rows(&mut connection)?, ["1000 'a@b.c'", "1002 NULL", "1003 NULL"]);
    connection.revert_last_migration(migrations().sqlite)?;
    connection.batch_execute(&insert("'c@b.c'"))?;
    assert_eq!(rows(&mut connection)?, ["1000 'a@b.c'", "1004 'c@b.c'"]);
    Ok(())
}
