//! [`Search`]: whether a line holds a secret.

use std::collections::HashMap;

/// Shorter ones would be found everywhere.
const LEAST_CHARS: usize = 6;

/// Secrets, each under its longest word: a line is looked at once, however many there are.
pub struct Search {
    by_word: HashMap<String, Vec<String>>,
    count: usize,
}

impl Search {
    pub fn of<'s>(secrets: impl Iterator<Item = &'s str>) -> Self {
        let mut by_word: HashMap<String, Vec<String>> = HashMap::new();
        let mut count = 0;
        for secret in secrets.filter(|secret| secret.len() >= LEAST_CHARS) {
            let Some(word) = words(secret).max_by_key(|word| word.len()) else { continue };
            let same = by_word.entry(word.to_owned()).or_default();
            if !same.iter().any(|known| known == secret) {
                same.push(secret.to_owned());
                count += 1;
            }
        }
        Self { by_word, count }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// What of it is secret, in words that do not say it again.
    pub fn found_in(&self, line: &str) -> Vec<&'static str> {
        let known = words(line).filter_map(|word| self.by_word.get(word)).flatten();
        let known = known.filter(|secret| holds(line, secret)).map(|_| "a known secret");
        let looks = [
            ("a signed token", has_token(line)),
            ("a private key", line.contains("PRIVATE KEY")),
            ("an authorization", has_authorization(line)),
        ];
        known.chain(looks.into_iter().filter(|(_, is)| *is).map(|(what, _)| what)).collect()
    }

    /// It would be a bad check that finds nothing because it cannot.
    pub fn check_itself() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJlb2Zub2JvZHk";
        let search =
            Self::of(["correct horse battery", "482913", "s3cr3t-of_a.client"].into_iter());
        let planted = [
            r#"{"cause":"wrong password: correct horse battery"}"#.to_owned(),
            r#"{"message":"the code is 482913"}"#.to_owned(),
            r#"{"cause":"client_secret=s3cr3t-of_a.client&grant_type=x"}"#.to_owned(),
            format!(r#"{{"cause":"{token}"}}"#),
            r#"{"headers":"authorization: Bearer abcdefghijkl"}"#.to_owned(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
        ];
        for line in &planted {
            assert!(!search.found_in(line).is_empty(), "it does not find what was planted: {line}");
        }
        let clean = [
            r#"{"timestamp":"2026-01-01T00:00:00.482913Z","took_us":482913}"#,
            r#"{"message":"the header says Bearer","cause":"a correct battery"}"#,
        ];
        for line in clean {
            assert!(search.found_in(line).is_empty(), "it finds what is not there: {line}");
        }
    }
}

fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_of_a_word(c)).filter(|word| word.len() >= LEAST_CHARS)
}

/// A few digits are a code only where a text has them: as a number of JSON they count something.
fn holds(line: &str, secret: &str) -> bool {
    let is_code = secret.bytes().all(|byte| byte.is_ascii_digit());
    line.match_indices(secret).any(|(place, _)| {
        let (before, after) = (&line[..place], &line[place + secret.len()..]);
        let alone = !before.ends_with(is_of_a_word) && !after.starts_with(is_of_a_word);
        !is_code || alone && !before.ends_with([':', '.'])
    })
}

/// Three parts, of which the first is a JSON object.
fn has_token(line: &str) -> bool {
    line.match_indices("eyJ").any(|(place, _)| {
        let end = |c: char| !is_of_a_word(c) && c != '.';
        let text = line[place..].split(end).next().unwrap_or_default();
        let parts: Vec<&str> = text.split('.').collect();
        parts.len() == 3 && parts.iter().all(|part| part.len() >= 10)
    })
}

fn has_authorization(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices("bearer ").any(|(place, found)| {
        let rest = &lower[place + found.len()..];
        rest.chars().take_while(|c| is_of_a_word(*c) || *c == '.').count() >= 12
    })
}
