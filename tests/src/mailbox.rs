//! [`Mailbox`]: the mail that user-service would have sent, as its page shows it.

use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::caller::Caller;
use crate::known_secrets;

/// A mail.
#[derive(Clone, Debug, Deserialize)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub at: String,
}

impl Letter {
    /// The code in it, if there is one.
    pub fn code(&self) -> Option<String> {
        let numbers = self.text.split(|c: char| !c.is_ascii_digit());
        numbers.filter(|number| number.len() == 6).map(str::to_owned).next()
    }
}

/// Somebody who looks into the mailbox of a user-service.
#[derive(Clone)]
pub struct Mailbox {
    url: String,
    caller: Caller,
}

impl Mailbox {
    /// That of the user-service at this URL.
    pub fn at(user_url: &str) -> Self {
        Self { url: format!("{user_url}/mailbox"), caller: Caller::new(None) }
    }

    /// The page itself.
    pub fn page(&self) -> &str {
        &self.url
    }

    /// All mail to this address, the newest first.
    pub async fn to(&self, address: &str) -> Vec<Letter> {
        let answer = self.caller.get(&format!("{}/messages", self.url)).await;
        let letters: Vec<Letter> = serde_json::from_value(answer.body).expect("letters");
        letters.iter().filter_map(Letter::code).for_each(|code| known_secrets::note(&code));
        letters.into_iter().filter(|letter| letter.to == address).collect()
    }

    /// The newest mail to this address, when there are so many.
    pub async fn newest_of(&self, count: usize, address: &str) -> Letter {
        let began = Instant::now();
        loop {
            let letters = self.to(address).await;
            assert!(letters.len() <= count, "no more than {count} to {address}: {letters:?}");
            if letters.len() == count {
                return letters[0].clone();
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{count} mails to {address}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The code in it.
    pub async fn code(&self, count: usize, address: &str) -> String {
        let letter = self.newest_of(count, address).await;
        letter.code().unwrap_or_else(|| panic!("a code in {letter:?}"))
    }
}
