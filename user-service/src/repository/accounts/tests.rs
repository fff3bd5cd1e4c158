use std::sync::Arc;
use std::time::Duration;

use shared::Clock;
use shared::db::Db;
use shared::idempotency::IdempotencyKey;
use shared::testing::StoppedClock;

use super::*;
use crate::domain::account::{Account, EndReason, Identity, LoginEnd, NewAccount, Provider, Way};
use crate::domain::dormancy::{Term, Warning};
use crate::domain::password::PasswordHash;
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
    let db = Db::start(&url, 1, migrations(), true).await?;
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

    async fn close(&self, account: &Account) -> Checked<bool> {
        let word = Word::default();
        Ok(self.erasing.accounts.close(account, (&word, self.clock.now())).await?)
    }
}

#[tokio::test]
async fn a_closed_account_keeps_its_address_for_thirty_days_and_then_nothing_but_its_provider()
-> Checked {
    let fixture = fixture().await?;
    let (accounts, email) = (&fixture.erasing.accounts, Email::parse("min@hanbit.example")?);
    let account = fixture.sign_up(&email, "1").await?.ok_or("it is free")?;
    assert!(account.company_id.get() >= 1_000_000_000);
    assert!(fixture.close(&account).await? && !fixture.close(&account).await?);
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
    fixture.close(&account).await?;
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

/// Whoever has checked a password sees it by the version in the row that he has read.
#[tokio::test]
async fn a_change_raises_the_version_once_and_a_new_hash_of_the_same_password_does_not() -> Checked
{
    let fixture = fixture().await?;
    let (accounts, now) = (&fixture.erasing.accounts, fixture.clock.now());
    let email = Email::parse("min@hanbit.example")?;
    let first = fixture.sign_up(&email, "1").await?.ok_or("it is free")?;
    let end = LoginEnd::new(&first, EndReason::PasswordChanged);
    assert_eq!((first.credentials_version, end.version), (1, 2));
    let word = Word { login_end: Some(end), mail: None };
    let [one, two, three] = ["one", "two", "three"].map(|hash| PasswordHash::new(hash.to_owned()));
    accounts.rehash_password(&first, &one).await?;
    assert!(accounts.update_password(&first, &two, (&word, now)).await?, "it is the same password");
    assert!(!accounts.update_password(&first, &three, (&word, now)).await?, "it is not any more");
    accounts.rehash_password(&first, &three).await?;
    assert!(!fixture.close(&first).await?, "by whoever has shown the old one");
    let second = accounts.find(first.id).await?.ok_or("it is open")?;
    assert_eq!((second.credentials_version, second.password.as_ref()), (2, Some(&two)));
    assert!(fixture.close(&second).await?);
    let closed = accounts.find_by_email(&email).await?.ok_or("it is held")?;
    assert_eq!(closed.credentials_version, 3);
    Ok(())
}

/// Of a login and a withdrawal at once: whoever comes second finds out.
#[tokio::test]
async fn who_is_seen_before_the_withdrawal_stays_and_who_is_seen_after_it_is_not_let_in() -> Checked
{
    let fixture = fixture().await?;
    let (accounts, clock) = (&fixture.erasing.accounts, &fixture.clock);
    let (word, began) = (Word::default(), clock.now());
    for (number, seen_first) in [("1", true), ("2", false)] {
        let email = Email::parse(&format!("a{number}@hanbit.example"))?;
        let account = fixture.sign_up(&email, number).await?.ok_or("it is free")?;
        let key = IdempotencyKey::parse("k")?;
        let closes_on = began.date_naive();
        let warning = Warning { key, seen_before: clock.now(), closes_on };
        assert!(accounts.warn(account.id, &warning, (&word, clock.now())).await?);
        let term = Term { warned_before: clock.now(), seen_before: clock.now() };
        clock.advance(DAY);
        if seen_first {
            assert!(accounts.see(account.id, clock.now()).await?);
        }
        let closed = accounts.close_dormant(&account, &term, (&word, clock.now())).await?;
        assert_eq!(closed, !seen_first, "{number}");
        assert_eq!(accounts.see(account.id, clock.now()).await?, seen_first, "{number}");
    }
    Ok(())
}
