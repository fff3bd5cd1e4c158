//! Mail: what is written to people, and how it leaves.

pub(crate) mod post;
pub(crate) mod mailbox;
pub(crate) mod smtp;
pub(crate) mod texts;

use lettre::Message;
use lettre::message::{Mailbox, MultiPart};
use shared::Timestamp;

use crate::domain::user::Email;

/// A letter to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The same however often it is sent.
    pub(crate) id: String,
    pub(crate) to: Email,
    pub(crate) letter: Letter,
    pub(crate) created_at: Timestamp,
    /// From then on it is good for nothing.
    pub(crate) expires_at: Timestamp,
    /// How often it has been tried to send it.
    pub(crate) attempts: i32,
}

/// What is written. It may hold a code, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Letter({:?}, hidden)", self.subject)
    }
}

impl Mail {
    pub(crate) fn new(to: &Email, letter: Letter, (now, until): (Timestamp, Timestamp)) -> Self {
        let id = uuid::Uuid::now_v7().to_string();
        Self { id, to: to.clone(), letter, created_at: now, expires_at: until, attempts: 0 }
    }
}

/// Mail cannot be sent. The text holds no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the mail cannot be put together: {0}")]
    Malformed(String),
    #[error("{0}")]
    Away(String),
}

/// The mail as it goes out (RFC 5322): plain text, and the same as HTML.
fn message(mail: &Mail, from: &Mailbox) -> Result<Message, SendError> {
    let malformed = |error: &dyn std::fmt::Display| SendError::Malformed(error.to_string());
    let to = mail.to.as_str().parse().map_err(|error| malformed(&error))?;
    let Letter { subject, text, html } = &mail.letter;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(subject)
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .date(mail.created_at.into())
        .multipart(MultiPart::alternative_plain_html(text.clone(), html.clone()))
        .map_err(|error| malformed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::user::BadUser;

    #[test]
    fn a_message_names_itself_the_same_each_time_and_its_letter_does_not_print()
    -> Result<(), Box<dyn std::error::Error>> {
        let to = Email::parse("min@hanbit.example").map_err(|_: BadUser| "an address")?;
        let letter = Letter {
            subject: "인증 코드".to_owned(),
            text: "코드: 123456".to_owned(),
            html: "<p>코드: 123456</p>".to_owned(),
        };
        let mail = Mail::new(&to, letter, (Timestamp::default(), Timestamp::default()));
        let from = "baton <no-reply@baton.example>".parse()?;
        let ids = || -> Result<Vec<String>, Box<dyn std::error::Error>> {
            let text = String::from_utf8(message(&mail, &from)?.formatted())?;
            assert!(
                text.contains("multipart/alternative") && text.contains("To: min@hanbit.example")
            );
            let id = text.lines().filter(|line| line.starts_with("Message-ID:"));
            Ok(id.map(str::to_owned).collect())
        };
        assert_eq!(ids()?, [format!("Message-ID: <{}@baton.example>", mail.id)]);
        assert_eq!(ids()?, ids()?);
        assert!(!format!("{mail:?}").contains("123456"));
        Ok(())
    }
}
