//! What the tests come to know that must never stand in a log: each is noted where it is learned.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::caller::Answer;
use crate::logs;

/// The file in the folder of logs, a secret in each line.
pub const FILE: &str = "secrets";

/// Members of answers that are secrets.
const MEMBERS: [&str; 7] = [
    "access_token",
    "accessToken",
    "refresh_token",
    "client_secret",
    "secret",
    "token",
    "assertion",
];

/// Members of what is said that are.
const SAID: [&str; 9] = [
    "client_assertion",
    "client_secret",
    "code",
    "currentPassword",
    "newPassword",
    "password",
    "refresh_token",
    "subject_token",
    "token",
];

/// This must not stand in a log.
pub fn note(secret: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let Some(folder) = logs::folder() else { return };
    let _writing = WRITING.lock();
    let path = folder.join(FILE);
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file");
    let is_one = |line: &&str| !line.trim().is_empty() && !is_handoff(line);
    for line in secret.lines().filter(is_one) {
        file.write_all(format!("{line}\n").as_bytes()).expect("it is written");
    }
}

/// Whatever is secret in an answer: tokens in its body, values of cookies, codes in where it leads.
pub fn note_answer(answer: &Answer) {
    if logs::folder().is_none() {
        return;
    }
    // What a document shows as an example is nobody's.
    if answer.body["openapi"].is_null() {
        note_members(&answer.body);
    }
    for cookie in answer.headers.get_all("set-cookie") {
        let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        if value.len() >= 16 {
            note(value);
        }
    }
    if let Ok(url) = url::Url::parse(answer.header("location")) {
        let secret = |name: &str| ["code", "state"].contains(&name);
        url.query_pairs().filter(|(name, _)| secret(name)).for_each(|(_, value)| note(&value));
    }
}

/// Whatever is secret in what a test says: passwords, codes, tokens.
pub fn note_sent(request: &RequestBuilder) {
    if logs::folder().is_none() {
        return;
    }
    let Some(Ok(request)) = request.try_clone().map(RequestBuilder::build) else { return };
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let form = url::form_urlencoded::parse(body).into_owned();
    let json: BTreeMap<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let json =
        json.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    for (name, value) in form.chain(json) {
        if SAID.contains(&name.as_str()) && is_a_secret(&value) {
            note(&value);
        }
    }
}

/// What a test says wrongly on purpose is a word, or the same again and again.
fn is_a_secret(said: &str) -> bool {
    let is_code = said.len() == 6 && said.bytes().all(|byte| byte.is_ascii_digit());
    let various = said.chars().collect::<BTreeSet<_>>().len() > 2;
    let is_plain = said.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == ' ');
    let is_phrase = said.split(' ').count() > 2;
    various && (is_code || said.len() >= 10 && (is_phrase || !is_plain))
}

fn note_members(value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if MEMBERS.contains(&name.as_str()) && text.len() >= 6 => note(text),
                    _ => note_members(value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(note_members),
        _ => {}
    }
}

/// The id of a handoff may lie in a log: it is of no use without its executor's own proof.
fn is_handoff(text: &str) -> bool {
    text.starts_with("ho_") && text.len() == 46
}
