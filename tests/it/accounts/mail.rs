//! Mail leaves, whatever the mail server does, and nobody waits for it.

use std::time::{Duration, Instant};

use reqwest::Method;
use shared::Secret;
use tests::caller::send;
use tests::process::free_port;
use tests::smtp::SmtpSink;
use tests::system::System;

use super::People;
use super::alone::Alone;

pub async fn with_server(port: u16) -> Alone {
    let url = Secret::new(format!("smtp://127.0.0.1:{port}"));
    Alone::start(|config| {
        config.mailbox_folder = None;
        config.smtp_url = Some(url);
        config.mail_from = "baton <no-reply@baton.example>".to_owned();
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_finds_no_server_arrives_when_there_is_one_and_once() {
    let port = free_port();
    let alone = with_server(port).await;
    let people = &alone.people;
    for email in ["a@b.example", "b@b.example"] {
        assert_eq!(people.ask(email, "SIGNUP").await.status, 202);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sink = SmtpSink::start(port).await;
    assert_eq!(people.ask("c@b.example", "SIGNUP").await.status, 202);
    sink.wait_for(3).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let received = sink.received();
    let mut to: Vec<&str> = received.iter().map(|mail| mail.to.as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["RCPT TO:<a@b.example>", "RCPT TO:<b@b.example>", "RCPT TO:<c@b.example>"]);
    let ids: std::collections::HashSet<&str> =
        received.iter().map(|mail| mail.header("Message-ID")).collect();
    assert_eq!(ids.len(), 3);
    for mail in &received {
        assert!(mail.from.starts_with("MAIL FROM:<no-reply@baton.example>"), "{}", mail.from);
        assert!(mail.header("Content-Type").starts_with("multipart/alternative"));
        assert!(mail.text.contains("text/plain") && mail.text.contains("text/html"));
    }
    assert_eq!(people.stranger.get(people.mailbox.page()).await.verdict(), (404, "C003"));
    alone.stop().await;
}

/// P12: it takes connections and never says a word.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_mail_server_that_is_silent() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let alone = with_server(silent.local_addr().unwrap().port()).await;
    let began = Instant::now();
    for number in 0..20 {
        let email = format!("{number}@b.example");
        assert_eq!(alone.people.ask(&email, "SIGNUP").await.status, 202);
    }
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_in_the_language_of_whoever_asked_and_the_page_shows_it() {
    let system = System::start().await;
    let people = People::of(&system).await;
    for (language, email, subject) in [
        ("en", "en@b.example", "Your sign-up code"),
        ("ko", "ko@b.example", "회원가입 인증 코드"),
        ("fr", "fr@b.example", "회원가입 인증 코드"),
    ] {
        let body = serde_json::json!({"email": email, "purpose": "SIGNUP"});
        let request = people.stranger.request(Method::POST, &people.path("/email-codes"));
        let answer = send(request.header("Accept-Language", language).json(&body)).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let letter = people.mailbox.newest_of(1, email).await;
        assert_eq!(letter.subject, subject);
        assert!(letter.html.contains(&letter.code().unwrap()), "{letter:?}");
    }
    let page = people.stranger.get(people.mailbox.page()).await;
    assert!(page.text.contains("en@b.example") && !page.text.contains("<script"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let request = people.stranger.request(Method::GET, people.mailbox.page());
    let rebound = send(request.header("Host", "evil.example")).await;
    assert_eq!(rebound.verdict(), (404, "C003"), "a name that leads here by accident");
    let folder = system.options.data_dir.join("mailbox");
    let extension = |entry: std::fs::DirEntry| entry.path().extension().map(|ext| ext.to_owned());
    let files = std::fs::read_dir(folder).unwrap().map(|entry| extension(entry.unwrap()));
    assert_eq!(files.filter(|ext| ext.as_deref() == Some("eml".as_ref())).count(), 3);
    system.stop().await;
}
