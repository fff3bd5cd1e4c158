//! What an operator does: over HTTP with a token of scope `auth:admin`, and at the command line.

use std::path::Path;
use std::process::Output;

use auth_service::domain::client::Client;
use reqwest::Method;
use serde_json::json;
use tests::caller::{Caller, send};
use tests::oauth::{OAuthClient, declared};
use tests::process;
use tests::system::System;

/// The routes that only an operator may use, as `--routes` prints them.
fn admin_routes() -> Vec<(Method, String)> {
    let routes = auth_service::routes::routes().list();
    let admin = routes.into_iter().filter(|(_, path, _)| path.starts_with("/admin"));
    admin
        .map(|(method, path, policy)| {
            assert_eq!(policy, "scope auth:admin", "{path}");
            (method.parse().unwrap(), path.replace("{id}", "worker"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_operator_gets_through_to_admin() {
    let system = System::start().await;
    let auth = system.services.auth.url();
    let worker = OAuthClient::register(&system, &declared("worker")).await;
    let for_orders = worker.token(&[]).await.access_token().to_owned();
    let plain = Client { audiences: ["auth-service".to_owned()].into(), ..declared("plain") };
    let plain = OAuthClient::register(&system, &plain).await;
    let without_scope = plain.token(&[]).await.access_token().to_owned();
    let callers = [
        (Caller::new(None), (401, "A001")),
        (Caller::new(Some("a.b.c".to_owned())), (401, "A002")),
        (Caller::new(Some(for_orders)), (401, "A002")),
        (Caller::new(Some(without_scope)), (403, "A005")),
    ];
    let routes = admin_routes();
    assert!(routes.len() >= 12);
    for (method, path) in routes {
        for (caller, expected) in &callers {
            let request = caller.request(method.clone(), &format!("{auth}{path}"));
            let answer = send(request.json(&json!({}))).await;
            assert_eq!(answer.verdict(), *expected, "{method} {path}");
        }
    }
    for path in ["/%61dmin/clients", "//admin/clients", "/Admin/clients"] {
        let url = format!("{auth}{path}");
        let status = system.admin().await.get(&url).await.status;
        assert!(matches!(status, 401 | 404), "{path}: {status}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_made_changed_and_removed_over_http_and_each_step_is_written_down() {
    let system = System::start().await;
    let (admin, auth) = (system.admin().await, system.services.auth.url());
    let all = format!("{auth}/admin/clients");
    let one = format!("{all}/worker");
    let rights = json!({"id": "worker", "scope": "order:read", "resources": ["order-service"]});
    let made = admin.post_json(&all, &rights).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let secret = made.body["data"]["secret"].as_str().unwrap();
    let worker = OAuthClient::known(&auth, "worker", shared::Secret::new(secret));
    assert_eq!(worker.token(&[]).await.body["scope"], "order:read");
    assert_eq!(admin.post_json(&all, &rights).await.verdict(), (400, "C001"));

    let more = json!({"scope": "order:read order:write", "resources": ["order-service"],
        "session_policy": {"assert": {"companies": [7]}}});
    let put = send(admin.request(Method::PUT, &one).json(&more)).await;
    assert_eq!(put.status, 200, "{}", put.text);
    let session = [("session", r#"{"companyId":7,"userId":1}"#)];
    assert_eq!(worker.token(&session).await.body["scope"], "order:read order:write");
    let found = admin.get(&one).await;
    assert_eq!(found.body["data"]["session_policy"]["assert"]["companies"], json!([7]));
    assert!(!found.text.contains(secret) && !found.text.contains("sha256"), "{}", found.text);

    assert_eq!(admin.delete(&one).await.status, 200);
    assert_eq!(worker.token(&[]).await.refusal(), (401, "invalid_client"));
    assert_eq!(admin.delete(&one).await.verdict(), (404, "C003"));
    assert_eq!(admin.get(&one).await.verdict(), (404, "C003"));
    for event in ["client.created", "client.changed", "client.deleted"] {
        let row =
            system.audit_row(&admin, |row| row["event"] == event && row["client"] == "worker");
        assert_eq!(row.await["actor"], "admin", "{event}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_client_is_refused_by_name() {
    let system = System::start().await;
    let (admin, auth) = (system.admin().await, system.services.auth.url());
    let url = format!("{auth}/admin/clients");
    for body in [
        json!({}),
        json!([]),
        json!({"id": "a b"}),
        json!({"id": "a", "scopes": "x"}),
        json!({"id": "a", "scope": "x\"y"}),
        json!({"id": "a", "session_policy": "any"}),
        json!({"id": "a", "session_policy": {"assert": {"companies": "all"}}}),
        json!({"id": "a", "service_account": "prod/shop:default"}),
        json!({"id": "a", "keys": [{"kty": "oct", "k": "AAAA"}]}),
        json!({"id": "a", "secret_file": "/etc/passwd"}),
    ] {
        let answer = admin.post_json(&url, &body).await;
        assert_eq!(answer.verdict(), (400, "C001"), "{body}: {}", answer.text);
    }
    let other = json!({"id": "b", "scope": "x"});
    let answer = send(admin.request(Method::PUT, &format!("{url}/a")).json(&other)).await;
    assert_eq!(answer.verdict(), (400, "C001"));
    let answer = admin.post_json(&format!("{url}/nobody/secrets"), &json!({})).await;
    assert_eq!(answer.verdict(), (404, "C003"));
    for ask in
        [json!({"kind": "user", "value": "x"}), json!({"kind": "jti"}), json!({"kind": "al"})]
    {
        let answer = admin.post_json(&format!("{auth}/admin/revocations"), &ask).await;
        assert_eq!(answer.status, 400, "{ask}: {}", answer.text);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_without_a_gap_and_the_third_oldest_is_void() {
    let system = System::start().await;
    let (admin, auth) = (system.admin().await, system.services.auth.url());
    let first = OAuthClient::register(&system, &declared("worker")).await;
    let url = format!("{auth}/admin/clients/worker/secrets");
    let rotate = |query: &'static str| {
        let (admin, url, auth) = (admin.clone(), format!("{url}{query}"), auth.clone());
        async move {
            let answer = admin.post_json(&url, &json!({})).await;
            let secret = answer.body["data"]["secret"].as_str().unwrap().to_owned();
            OAuthClient::known(&auth, "worker", shared::Secret::new(secret))
        }
    };
    let second = rotate("").await;
    assert_eq!((first.token(&[]).await.status, second.token(&[]).await.status), (200, 200));
    let third = rotate("").await;
    assert_eq!(first.token(&[]).await.refusal(), (401, "invalid_client"));
    assert_eq!((second.token(&[]).await.status, third.token(&[]).await.status), (200, 200));
    let fourth = rotate("?overlap_s=0").await;
    assert_eq!(third.token(&[]).await.refusal(), (401, "invalid_client"));
    assert_eq!(fourth.token(&[]).await.status, 200);
    system.stop().await;
}

/// A server's settings, for a command that works on its database.
fn settings(system: &System) -> Vec<(&'static str, String)> {
    let key = system.options.data_dir.join("master.key");
    vec![
        ("BATON_AUTH_DATABASE_URL", system.options.databases.auth.clone()),
        ("BATON_AUTH_MASTER_KEY_FILE", key.display().to_string()),
    ]
}

async fn command(system: &System, arguments: &[&str]) -> Output {
    let settings = settings(system);
    let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        process::run("auth-service", &arguments, &settings)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn write(file: &Path, scope: &str, more: &str) {
    let text = format!(
        "[[client]]\nid = \"applied\"\nscope = \"{scope}\"\nresources = [\"order-service\"]\n{more}"
    );
    std::fs::write(file, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_what_the_file_says_and_a_running_server_knows_it() {
    let system = System::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (file, secret) = (folder.path().join("clients.toml"), folder.path().join("secret"));
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef-1\n").unwrap();
    let by_secret = format!("secret_file = \"{}\"\n", secret.display());
    write(&file, "order:read", &by_secret);
    let path = file.display().to_string();
    let apply = ["clients", "apply", "-f", &path];
    let applied = OAuthClient::known(
        &system.services.auth.url(),
        "applied",
        shared::Secret::new("0123456789abcdef0123456789abcdef-1"),
    );

    let dry = said(&command(&system, &[&apply[..], &["--dry-run"]].concat()).await);
    assert!(dry.contains("+ applied") && dry.contains("none made"), "{dry}");
    assert_eq!(applied.token(&[]).await.status, 401);
    let done = said(&command(&system, &apply).await);
    assert!(done.contains("2 changes made"), "{done}");
    assert_eq!(applied.token(&[]).await.body["scope"], "order:read");
    let again = said(&command(&system, &apply).await);
    assert!(again.contains("nothing to change"), "{again}");

    write(&file, "order:read order:write", &by_secret);
    let dry = said(&command(&system, &[&apply[..], &["--dry-run"]].concat()).await);
    assert!(dry.contains(r#"scope: ["order:read"] -> ["order:read","order:write"]"#), "{dry}");
    said(&command(&system, &apply).await);
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(applied.token(&[]).await.body["scope"], "order:read order:write");

    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_file_no_longer_declares_goes_when_that_is_asked_for() {
    let system = System::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.toml");
    let path = file.display().to_string();
    let apply = ["clients", "apply", "-f", &path];
    let kept = OAuthClient::register(&system, &declared("kept")).await;
    write(&file, "order:read", "");
    said(&command(&system, &apply).await);
    std::fs::write(&file, "").unwrap();
    assert!(said(&command(&system, &apply).await).contains("nothing to change"));
    let pruned = said(&command(&system, &[&apply[..], &["--prune"]].concat()).await);
    assert!(pruned.contains("- applied") && pruned.contains("1 changes"), "{pruned}");
    assert_eq!(kept.token(&[]).await.status, 200, "no file has declared it");

    let tail = said(&command(&system, &["audit", "tail", "-n", "100"]).await);
    for event in ["client.changed", "client.deleted"] {
        assert!(
            tail.lines().any(|line| line.contains(event) && line.contains("applied")),
            "{tail}"
        );
    }
    std::fs::write(&file, "[[client]]\nid = \"a b\"").unwrap();
    let refused = command(&system, &apply).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("client a b"), "{refused:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_revocations_at_the_command_line_reach_a_running_server() {
    let system = System::start().await;
    let client = OAuthClient::register(&system, &declared("worker")).await;
    let rotated = said(&command(&system, &["secret", "rotate", "worker"]).await);
    let secret = rotated.lines().find_map(|line| line.strip_prefix("secret: ")).unwrap();
    let secret = secret.split(' ').next().unwrap();
    let new = OAuthClient { secret: shared::Secret::new(secret), ..client.clone() };
    let token = new.token(&[("resource", "order-service")]).await.access_token().to_owned();
    said(&command(&system, &["revoke", "--client", "worker"]).await);
    let began = std::time::Instant::now();
    while client.introspect(&token).await.body["active"] == true {
        assert!(began.elapsed() < std::time::Duration::from_secs(1));
    }
    let none = command(&system, &["revoke"]).await;
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    let unknown = command(&system, &["secret", "rotate", "nobody"]).await;
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    system.stop().await;
}

/// The audit log must not hold what opens anything, and a client must not be able to write lines of his own into it.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_holds_no_secret_and_no_line_of_somebody_elses() {
    let system = System::start().await;
    let client = OAuthClient::register(&system, &declared("worker")).await;
    let token = client.token(&[]).await.access_token().to_owned();
    for (id, status) in [("x\n2026 client.deleted by admin", 400), ("x \u{2028}2026 by admin", 401)]
    {
        let forger = OAuthClient { id: id.to_owned(), ..client.clone() };
        assert_eq!(forger.token(&[("session", "\n2026 forged")]).await.status, status);
    }
    let admin = system.admin().await;
    system.audit_row(&admin, |row| row["event"] == "token.refused").await;
    let tail = said(&command(&system, &["audit", "tail", "-n", "100"]).await);
    assert!(!tail.contains(client.secret.expose()) && !tail.contains(&token));
    assert!(!tail.lines().any(|line| line.starts_with("2026 ")), "{tail}");
    assert!(!tail.contains('\u{2028}') && !tail.contains("forged"), "{tail}");
    system.stop().await;
}
