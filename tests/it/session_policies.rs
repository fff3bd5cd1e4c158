//! On whose behalf a client may act: the same table at the token endpoint, at `/admin` and at the command line.

use std::path::Path;
use std::process::Output;

use auth_service::domain::client::Client;
use serde_json::{Value, json};
use tests::caller::{Answer, Caller};
use tests::oauth::{OAuthClient, claims_of, declared};
use tests::process;
use tests::system::System;

/// A policy, a session that is asked for (`""`: none), and the word of the rule that refuses (`""`: it is allowed).
type Case = (&'static str, &'static str, &'static str);

const SEVEN: &str = r#"{"companyId":7,"userId":1}"#;

const CASES: [Case; 22] = [
    ("none", "", ""),
    ("none", SEVEN, "policy none"),
    (r#"fixed:{"companyId":7,"userId":1}"#, "", ""),
    (r#"fixed:{"companyId":7,"userId":1}"#, SEVEN, ""),
    (r#"fixed:{"companyId":7,"userId":1}"#, r#"{"userId":1,"companyId":7}"#, ""),
    (r#"fixed:{"companyId":7,"userId":1}"#, r#"{"companyId":7,"userId":2}"#, "policy fixed"),
    (
        r#"fixed:{"companyId":7,"userId":1}"#,
        r#"{"companyId":7,"userId":1,"roles":["admin"]}"#,
        "policy fixed",
    ),
    ("assert:any", "", ""),
    ("assert:any", SEVEN, ""),
    ("assert:any", r#"{"companyId":7,"userId":1,"roles":["admin"]}"#, "assert.roles"),
    ("assert:any", r#"{"companyId":7,"userId":1,"team":"a"}"#, "assert.attributes"),
    ("assert:7,8", SEVEN, ""),
    ("assert:8", SEVEN, "company 7"),
    (r#"{"assert":{"companies":[7],"users":[1]}}"#, SEVEN, ""),
    (r#"{"assert":{"companies":[7],"users":[2]}}"#, SEVEN, "user 1"),
    (
        r#"{"assert":{"companies":[7],"roles":["clerk"]}}"#,
        r#"{"companyId":7,"userId":1,"roles":["clerk"]}"#,
        "",
    ),
    (
        r#"{"assert":{"companies":[7],"roles":["clerk"]}}"#,
        r#"{"companyId":7,"userId":1,"roles":["clerk","admin"]}"#,
        "assert.roles",
    ),
    (
        r#"{"assert":{"companies":[7],"attributes":{"team":["a"]}}}"#,
        r#"{"companyId":7,"userId":1,"team":"a"}"#,
        "",
    ),
    (
        r#"{"assert":{"companies":[7],"attributes":{"team":["a"]}}}"#,
        r#"{"companyId":7,"userId":1,"team":{"a":"a"}}"#,
        "assert.attributes",
    ),
    (
        r#"{"assert":{"companies":[7],"attributes":{"team":"any"}}}"#,
        r#"{"companyId":7,"userId":1,"team":{"a":"a"}}"#,
        "",
    ),
    (r#"{"assert":{"companies":[7],"max_ttl_s":60}}"#, SEVEN, ""),
    (r#"{"assert":{"companies":[]}}"#, SEVEN, "company 7"),
];

fn client(policy: &str) -> Client {
    Client { session_policy: policy.parse().unwrap(), ..declared("worker") }
}

async fn at_the_endpoint(client: &OAuthClient, session: &str) -> Answer {
    let session = [("session", session)];
    client.token(if session[0].1.is_empty() { &[] } else { &session }).await
}

async fn at_admin(admin: &Caller, url: &str, session: &str) -> Value {
    let mut question = json!({"client": "worker"});
    if !session.is_empty() {
        question["session"] = json!(session);
    }
    admin.post_json(url, &question).await.body["data"].clone()
}

/// Offline, on a file: no database, no settings.
fn at_the_command_line(client: &Client, session: &str, folder: &Path) -> Output {
    let file = folder.join("clients.toml");
    let policy = serde_json::to_string(&client.session_policy).unwrap();
    let policy = policy.replace("\":", "\"=");
    let text = format!(
        "[[client]]\nid = \"worker\"\nscope = \"{}\"\nresources = [\"order-service\"]\nsession_policy = {policy}\n",
        client.scopes
    );
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let mut arguments = vec!["policy", "explain", "--clients", &file, "--client", "worker"];
    if !session.is_empty() {
        arguments.extend(["--session", session]);
    }
    process::run("auth-service", &arguments, &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoint_admin_and_command_line_decide_the_same_and_name_the_rule() {
    let system = System::start().await;
    let folder = tempfile::tempdir().unwrap();
    let admin = system.admin().await;
    let url = format!("{}/admin/policy/explain", system.services.auth.url());
    for (policy, session, rule) in CASES {
        let case = format!("{policy} {session}");
        let declared = client(policy);
        let worker = OAuthClient::register(&system, &declared).await;
        let answer = at_the_endpoint(&worker, session).await;
        let explained = at_admin(&admin, &url, session).await;
        let said = at_the_command_line(&declared, session, folder.path());
        let allowed = rule.is_empty();
        assert_eq!(answer.status, if allowed { 200 } else { 400 }, "{case}: {}", answer.text);
        assert_eq!(explained["allowed"], allowed, "{case}: {explained}");
        assert_eq!(said.status.success(), allowed, "{case}: {said:?}");
        if allowed {
            continue;
        }
        assert_eq!(answer.body["error"], "unauthorized_client", "{case}");
        assert!(answer.body["error_description"].as_str().unwrap().contains(rule), "{case}");
        assert!(answer.body.get("access_token").is_none(), "{case}");
        assert!(explained["rule"].as_str().unwrap().contains(rule), "{case}: {explained}");
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("refused") && said.contains(rule), "{case}: {said}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_an_asserted_session_lives_no_longer_than_its_policy_says() {
    let system = System::start().await;
    let policy = r#"{"assert":{"companies":[7],"max_ttl_s":60}}"#;
    let worker = OAuthClient::register(&system, &client(policy)).await;
    let answer = worker.token(&[("session", SEVEN)]).await;
    assert_eq!(answer.body["expires_in"], 60);
    let claims = claims_of(answer.access_token());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    assert_eq!(worker.token(&[]).await.body["expires_in"], 300);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_session_is_in_the_audit_log_with_the_rule_and_what_was_asked() {
    let system = System::start().await;
    let admin = system.admin().await;
    let worker = OAuthClient::register(&system, &client("assert:8")).await;
    assert_eq!(worker.token(&[("session", SEVEN)]).await.status, 400);
    let row = system.audit_row(&admin, |row| row["event"] == "token.refused").await;
    assert_eq!((&row["actor"], &row["session"]), (&json!("worker"), &json!(SEVEN)));
    assert!(row["detail"].as_str().unwrap().contains("company 7"), "{row}");
    let eight = r#"{"companyId":8,"userId":1}"#;
    let answer = worker.token(&[("session", eight)]).await;
    let row =
        system.audit_row(&admin, |row| row["event"] == "token.granted" && row["actor"] == "worker");
    let row = row.await;
    assert_eq!(row["session"], eight);
    let jti = claims_of(answer.access_token())["jti"].as_str().unwrap().to_owned();
    assert!(row["detail"].as_str().unwrap().contains(&jti), "{row}");
    system.stop().await;
}
