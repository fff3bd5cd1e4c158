//! What a change of an account writes beside it, in the same transaction: who must be told of it.

use crate::domain::account::LoginEnd;
use crate::mail::Mail;

/// Word of a change. What is written down in the same transaction cannot get lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Word {
    /// For auth-service.
    pub(crate) login_end: Option<LoginEnd>,
    /// For the owner, if he has an address.
    pub(crate) mail: Option<Mail>,
}

/// Writes it down, on a connection of either kind; in a transaction.
macro_rules! insert_word {
    ($conn:expr, $word:expr, $now:expr) => {{
        if let Some(end) = &$word.login_end {
            let row = crate::repository::login_ends::LoginEndRow::new(end, $now);
            diesel::insert_into(crate::repository::schema::login_ends::table)
                .values(row)
                .execute($conn)
                .await?;
        }
        if let Some(mail) = &$word.mail {
            let row = crate::repository::mail_outbox::MailRow::new(mail);
            diesel::insert_into(crate::repository::schema::mail_outbox::table)
                .values(row)
                .execute($conn)
                .await?;
        }
    }};
}

pub(crate) use insert_word;
