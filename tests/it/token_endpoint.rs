//! The token endpoint: what is issued, and what is refused.

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use shared::{Algorithm, Secret};
use tests::caller::{Answer, send};
use tests::system::System;

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Parameters, and the refusal that they lead to.
type BadRequest<'a> = (&'a [(&'a str, &'a str)], (u16, &'a str));

async fn ask(system: &System, client: (&str, &Secret), more: &[(&str, &str)]) -> Answer {
    let mut form = vec![GRANT, ("client_id", client.0), ("client_secret", client.1.expose())];
    form.extend_from_slice(more);
    system.stranger().post_form(&system.token_url(), &form).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_may_not_act_for_company_7_gets_no_token_for_it() {
    let system = System::start().await;
    let eight = system.client("eight", "order:read", "assert:8").await;
    let session = r#"{"companyId":7,"userId":1}"#;
    let answer = ask(&system, ("eight", &eight), &[("session", session)]).await;
    assert_eq!(answer.refusal(), (400, "unauthorized_client"));
    assert!(answer.body["error_description"].as_str().unwrap().contains("company 7"));
    assert!(answer.body.get("access_token").is_none());
    let allowed = r#"{"companyId":8,"userId":1}"#;
    let answer = ask(&system, ("eight", &eight), &[("session", allowed)]).await;
    assert_eq!(answer.status, 200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_policy_refuses_is_not_issued() {
    let system = System::start().await;
    let (seven, eight) = (r#"{"companyId":7,"userId":1}"#, r#"{"companyId":8,"userId":1}"#);
    let table = [
        ("none", None, 200),
        ("none", Some(seven), 400),
        (r#"fixed:{"companyId":7,"userId":1}"#, None, 200),
        (r#"fixed:{"companyId":7,"userId":1}"#, Some(seven), 200),
        (r#"fixed:{"companyId":7,"userId":1}"#, Some(eight), 400),
        ("assert:7", Some(eight), 400),
        ("assert:7,8", Some(eight), 200),
        ("assert:any", Some(eight), 200),
    ];
    for (policy, session, expected) in table {
        let secret = system.client("c", "order:read", policy).await;
        let session: Vec<_> = session.into_iter().map(|text| ("session", text)).collect();
        let answer = ask(&system, ("c", &secret), &session).await;
        assert_eq!(answer.status, expected, "{policy} {session:?}: {}", answer.text);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_request_is_answered_with_the_error_of_the_rfc_and_nothing_is_issued() {
    let system = System::start().await;
    let secret = system.client("c", "order:read", "assert:any").await;
    let before = system.count_at_auth("/oauth2/token", 200).await;
    let (long, longer) = ("x".repeat(20_000), "x".repeat(40_000));
    let big_session = format!(r#"{{"companyId":1,"userId":2,"a":"{}"}}"#, "x".repeat(3_000));
    let table: [BadRequest<'_>; 16] = [
        (&[("grant_type", "client_credentials")], (400, "invalid_request")),
        (&[("scope", "order:read"), ("scope", "order:read")], (400, "invalid_request")),
        (&[("scope", "order:read order:settle")], (400, "invalid_scope")),
        (&[("scope", "a\"b")], (400, "invalid_scope")),
        (&[("scope", &long)], (400, "invalid_scope")),
        (&[("scope", &longer)], (413, "invalid_request")),
        (&[("resource", "billing-service")], (400, "invalid_target")),
        (&[("resource", "order-service"), ("resource", "x")], (400, "invalid_target")),
        (&[("session", "{}")], (400, "invalid_request")),
        (&[("session", "not json")], (400, "invalid_request")),
        (&[("session", "null")], (400, "invalid_request")),
        (&[("session", r#"{"companyId":"1","userId":2}"#)], (400, "invalid_request")),
        (&[("session", r#"{"companyId":1,"companyId":2,"userId":2}"#)], (400, "invalid_request")),
        (&[("session", &big_session)], (400, "invalid_request")),
        (&[("x", "a\0b")], (400, "invalid_request")),
        (&[("session", r#"{"companyId":0,"userId":2}"#)], (400, "invalid_request")),
    ];
    for (more, expected) in table {
        let answer = ask(&system, ("c", &secret), more).await;
        assert_eq!(answer.refusal(), expected, "{more:.60?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(system.count_at_auth("/oauth2/token", 200).await, before);
    system.stop().await;
}

/// A case, the request, and status and error of its answer.
type Case = (&'static str, RequestBuilder, (u16, &'static str));

async fn check(cases: impl IntoIterator<Item = Case>) {
    for (case, request, expected) in cases {
        let answer = send(request).await;
        assert_eq!(answer.refusal(), expected, "{case}: {}", answer.text);
        let challenged = answer.header("www-authenticate").starts_with("Basic ");
        assert_eq!(challenged, answer.status == 401, "{case}");
    }
}

const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");
const INVALID_REQUEST: (u16, &str) = (400, "invalid_request");

#[tokio::test(flavor = "multi_thread")]
async fn who_a_client_is_has_to_be_proved_in_one_way() {
    let system = System::start().await;
    let secret = system.client("c", "order:read", "none").await;
    let url = system.token_url();
    let post = || system.stranger().request(Method::POST, &url);
    let basic = || post().basic_auth("c", Some(secret.expose()));
    let named = |id: &str, secret: &str| {
        post().form(&[GRANT, ("client_id", id), ("client_secret", secret)])
    };
    let own = [("client_id", "c"), ("client_secret", secret.expose())];
    check([
        ("basic", basic().form(&[GRANT]), (200, "")),
        ("post", named("c", secret.expose()), (200, "")),
        ("nobody", post().form(&[GRANT]), INVALID_CLIENT),
        ("wrong secret", named("c", "wrong"), INVALID_CLIENT),
        ("unknown", named("nobody", secret.expose()), INVALID_CLIENT),
        ("no secret", post().form(&[GRANT, own[0]]), INVALID_CLIENT),
        ("empty secret", post().basic_auth("c", Some("")).form(&[GRANT]), INVALID_CLIENT),
        ("both ways", basic().form(&[GRANT, own[0], own[1]]), INVALID_REQUEST),
        ("other id", basic().form(&[GRANT, ("client_id", "d")]), INVALID_REQUEST),
        ("two headers", basic().bearer_auth("x").form(&[GRANT]), INVALID_REQUEST),
        ("not base64", post().header("Authorization", "Basic !").form(&[GRANT]), INVALID_CLIENT),
        ("in the query", post().query(&own).form(&[GRANT]), INVALID_REQUEST),
    ])
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_form_with_the_one_grant_is_understood() {
    let system = System::start().await;
    let secret = system.client("c", "order:read", "none").await;
    let url = system.token_url();
    let basic = || {
        let request = system.stranger().request(Method::POST, &url);
        request.basic_auth("c", Some(secret.expose()))
    };
    let grant = |name: &str| basic().form(&[("grant_type", name)]);
    let json = json!({"grant_type": "client_credentials"});
    check([
        ("the one", grant("client_credentials"), (200, "")),
        ("json", basic().json(&json), (415, "invalid_request")),
        ("no type", basic().body("grant_type=client_credentials"), (415, "invalid_request")),
        ("no grant", basic().form(&[("a", "b")]), INVALID_REQUEST),
        ("password", grant("password"), (400, "unsupported_grant_type")),
        ("wrong case", grant("Client_Credentials"), (400, "unsupported_grant_type")),
    ])
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_answer_says_what_was_granted_and_holds_no_refresh_token() {
    let system = System::start().await;
    let secret = system.client("c", "order:read order:write", "none").await;
    let answer = ask(&system, ("c", &secret), &[("scope", "order:read")]).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.body["scope"], "order:read");
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 300);
    assert!(answer.body.get("refresh_token").is_none());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_every_algorithm_are_accepted_and_the_keys_hold_no_private_part() {
    for algorithm in Algorithm::ALL {
        let system = System::start_with(|options| options.signing_algorithm = algorithm).await;
        let caller = system.caller("order-service", r#"{"companyId":1,"userId":2}"#).await;
        let seen = caller.get(&format!("{}/api/session", system.services.order.url())).await;
        assert_eq!(seen.status, 200, "{algorithm}");
        let url = format!("{}/.well-known/jwks.json", system.services.auth.url());
        let keys = caller.get(&url).await;
        assert_eq!(keys.body["keys"][0]["alg"], algorithm.name());
        for member in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(keys.body["keys"][0].get(member).is_none(), "{algorithm}: {member}");
        }
        let again = caller.request(Method::GET, &url).header("If-None-Match", keys.header("etag"));
        assert_eq!(send(again).await.status, 304);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_names_the_endpoints_where_they_are() {
    let system = System::start().await;
    let auth = system.services.auth.url();
    let metadata =
        system.stranger().get(&format!("{auth}/.well-known/oauth-authorization-server")).await;
    assert_eq!(metadata.body["issuer"], auth);
    assert_eq!(metadata.body["token_endpoint"], system.token_url());
    let keys = metadata.body["jwks_uri"].as_str().unwrap();
    assert_eq!(system.stranger().get(keys).await.status, 200);
    let get = system.stranger().get(&system.token_url()).await;
    assert_eq!(get.verdict(), (405, "C004"));
    system.stop().await;
}
