//! Who may use it, for what, how often, until when, and why a use would be refused now: at the command line and at `/admin`.

use serde_json::{Value, json};
use tests::handoffs::Parties;
use tests::process::run;
use tests::system::System;

use super::received;

/// Exit code and what was printed.
fn explain(system: &System, arguments: &[&str]) -> (Option<i32>, String, String) {
    let options = &system.options;
    let settings = [
        ("BATON_AUTH_DATABASE_URL", options.databases.auth.clone()),
        ("BATON_AUTH_MASTER_KEY_FILE", options.data_dir.join("master.key").display().to_string()),
        ("BATON_AUTH_LISTEN", "127.0.0.1:0".to_owned()),
    ];
    let arguments = [&["handoffs", "explain"], arguments].concat();
    let output = run("auth-service", &arguments, &settings);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn in_words(system: &System, id: &str) {
    let (code, text, _) = explain(system, &[id]);
    assert_eq!(code, Some(0), "{text}");
    for said in [
        "for nightly",
        "handed on by shop",
        r#"{"companyId":100,"userId":200}"#,
        "to worker alone, for file-service order-service with file:write order:read",
        "used 0 of 2 times",
        "a use now: allowed",
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_explains_itself_by_its_id_and_by_its_name() {
    let system = System::start().await;
    let (parties, admin) = (Parties::of(&system).await, system.admin().await);
    let id = parties.handed_on(&received(&system).await, &[("max_uses", "2")]).await;
    let url = |id: &str| format!("{}/admin/handoffs/{id}", system.services.auth.url());
    let at_admin = admin.get(&url(&id)).await;
    let explained = &at_admin.body["data"];
    assert_eq!(
        (&explained["usable"], &explained["refusal"]),
        (&json!(true), &Value::Null),
        "{}",
        at_admin.text
    );
    let name = explained["handoff"].as_str().unwrap();
    assert_eq!(admin.get(&url(name)).await.body["data"], *explained);
    in_words(&system, &id);
    for _ in 0..2 {
        assert_eq!(parties.redeem(&id, &[]).await.status, 200);
    }
    let (code, text, error) = explain(&system, &[name]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("used 2 of 2 times, last at"), "{text}");
    assert!(text.contains("a use now: refused, the handoff is used up"), "{text}");
    assert!(error.contains("the handoff is used up"), "{error}");
    let (code, text, _) = explain(&system, &["--json", &id]);
    let told: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((code, &told["refusal"]), (Some(1), &json!("used_up")));
    assert_eq!(parties.shop.revoke(&id).await.status, 200);
    let (_, text, _) = explain(&system, &[&id]);
    assert!(text.contains("the handoff has ended: HANDED_ON_BY"), "{text}");
    let (code, _, error) = explain(&system, &["ho_nothing"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("there is no handoff ho_nothing"), "{error}");
    assert_eq!(admin.get(&url("ho_nothing")).await.verdict(), (404, "C003"));
    system.stop().await;
}
