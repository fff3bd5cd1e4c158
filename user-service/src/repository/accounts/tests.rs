use std::sync::Arc;
use std::time::Duration;

use shared::db::Db;
use shared::testing::StoppedClock;
use shared::{Clock, UserId};

use super::*;
use crate::domain::account::{Account, Identity, NewAccount, Provider, Way};
use crate::domain::user::{Email, UserName};
use crate::repository::changes::Word;
use crate::startup::migrations;
use crate::upkeep::Erasing;

const DAY: Duration = Duration::from_secs(24 * 3600);

type Checked<T = ()> = Result<T, Box<dyn std::error::Error>>;

struct Fixture {
    erasing: Erasing,
    clock: StoppedClock,
    db: Db,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Checked<Fixture> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/user.db", folder.path().display());
    let db = Db::start(&url, 1, Some(migrations())).await?;
    let clock = StoppedClock::at(1_800_000_000);
    let accounts = AccountRepository::new(db.clone());
    let erasing = Erasing { accounts, clock: Arc::new(clock.clone()), after_days: 30 };
    Ok(Fixture { erasing, clock, db, _folder: folder })
}

impl Fixture {
    async fn sign_up(&self, email: &Email, subject: &str) -> Checked<Option<Account>> {
        let identity = Identity::parse(Provider::Kakao, subject)?;
        let new = NewAccount {
            email: Some(email.clone()),
            name: UserName::parse("서민")?,
            way: Way::Identity(identity),
            company: None,
        };
        Ok(self.erasing.accounts.insert(&new, self.clock.now()).await?)
    }

    async fn close(&self, id: UserId) -> Checked<bool> {
        let word = Word::default();
        Ok(self.erasing.accounts.close(id, (&word, self.clock.now())).await?)
    }
}

#[tokio::test]
async fn a_closed_account_keeps_its_address_for_thirty_days_and_then_nothing_but_its_provider()
-> Checked {
    let fixture = fixture().await?;
    let (accounts, email) = (&fixture.erasing.accounts, Email::parse("min@hanbit.example")?);
    let account = fixture.sign_up(&email, "1").await?.ok_or("it is free")?;
    assert!(account.company_id.get() >= 1_000_000_000);
    assert!(fixture.close(account.id).await? && !fixture.close(account.id).await?);
    assert_eq!(accounts.find(account.id).await?, None);
    fixture.clock.advance(30 * DAY - Duration::from_secs(1));
    assert_eq!(fixture.erasing.once().await?, 0);
    assert!(accounts.find_by_email(&email).await?.is_some_and(|holder| holder.is_closed));
    assert_eq!(fixture.sign_up(&email, "2").await?, None, "the address is still held");
    assert_eq!(accounts.find_former_provider(&email).await?, None);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(fixture.erasing.once().await?, 1);
    assert_eq!(fixture.erasing.once().await?, 0, "once");
    assert_eq!(accounts.find_by_email(&email).await?, None);
    assert_eq!(accounts.find_former_provider(&email).await?, Some(Provider::Kakao));
    let again = fixture.sign_up(&email, "1").await?.ok_or("address and identity are free")?;
    assert!(again.id > account.id && again.company_id > account.company_id);
    Ok(())
}

#[tokio::test]
async fn what_is_personal_is_in_no_column_any_more() -> Checked {
    use diesel::sql_types::Text;
    use diesel_async::RunQueryDsl;
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        all: String,
    }
    let fixture = fixture().await?;
    let email = Email::parse("min@hanbit.example")?;
    let account = fixture.sign_up(&email, "subject-1").await?.ok_or("it is free")?;
    fixture.close(account.id).await?;
    fixture.clock.advance(31 * DAY);
    fixture.erasing.once().await?;
    let query = "SELECT quote(email) || quote(name) || quote(password_hash) || \
                 (SELECT count(*) FROM identities) AS \"all\" FROM users";
    let Db::Sqlite(pool) = &fixture.db else { return Err("a file".into()) };
    let mut connection = pool.get().await?;
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut *connection).await?;
    assert_eq!(rows.iter().map(|row| row.all.as_str()).collect::<Vec<_>>(), ["NULL''NULL0"]);
    Ok(())
}
