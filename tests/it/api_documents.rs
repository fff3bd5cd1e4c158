//! What the services say of themselves: in the repository, over HTTP, on a page; and whether it is so.

mod answers;
mod page;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::Routes;
use shared::openapi::to_json;
use tests::api_document::ApiDocument;
use tests::caller::send;
use tests::system::System;

type Service = (&'static str, fn() -> Routes);

pub const SERVICES: [Service; 4] = [
    ("auth", auth_service::routes::routes),
    ("user", user_service::routes::routes),
    ("order", order_service::routes::routes),
    ("file", file_service::routes::routes),
];

pub fn root(system: &System, service: &str) -> String {
    let services = &system.services;
    match service {
        "auth" => services.auth.url(),
        "user" => services.user.url(),
        "order" => services.order.url(),
        _ => services.file.url(),
    }
}

fn written(service: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/openapi");
    std::fs::read_to_string(format!("{folder}/{service}-service.json")).expect("a document")
}

pub fn document(service: &str) -> ApiDocument {
    ApiDocument(serde_json::from_str(&written(service)).expect("JSON"))
}

/// The service's own ones: those of the document and its page speak for themselves.
fn own_routes(routes: &Routes) -> Vec<(String, String, String)> {
    let own = routes.list().into_iter();
    own.filter(|(_, path, _)| path != "/openapi.json" && !path.starts_with("/docs")).collect()
}

#[test]
fn the_documents_in_the_repository_are_what_the_code_says() {
    for (service, routes) in SERVICES {
        let document = routes().document().expect("a document");
        assert!(
            to_json(&document) == written(service),
            "deploy/openapi/{service}-service.json is of another day: tests/api-documents write"
        );
    }
}

#[test]
fn every_route_is_described_and_no_other() {
    for (service, routes) in SERVICES {
        let document = document(service);
        let described = document.operations().into_iter();
        let described: BTreeSet<_> =
            described.map(|one| (one.method.to_string(), one.path.to_owned())).collect();
        let declared = own_routes(&routes()).into_iter().map(|(method, path, _)| (method, path));
        assert_eq!(described, declared.collect(), "{service}");
    }
}

/// `session, scope a` is `[{"bearer": ["a"]}]`, `optional` is that or nothing. Who is public may ask for another proof.
#[test]
fn the_security_of_each_operation_is_the_policy_of_its_route() {
    for (service, routes) in SERVICES {
        let document = document(service);
        for (method, path, policy) in own_routes(&routes()) {
            let security = &document.0["paths"][&path][method.to_lowercase()]["security"];
            let scopes: Vec<&str> =
                policy.split(", ").filter_map(|word| word.strip_prefix("scope ")).collect();
            let expected = match policy.as_str() {
                "public" => {
                    assert!(!security.to_string().contains("bearer"), "{service} {path}");
                    continue;
                }
                "optional" => json!([{}, {"bearer": scopes}]),
                _ => json!([{"bearer": scopes}]),
            };
            assert_eq!(*security, expected, "{service} {method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_serves_its_document_to_everybody_and_once() {
    let system = System::start().await;
    for (service, _) in SERVICES {
        let url = format!("{}/openapi.json", root(&system, service));
        let answer = system.stranger().get(&url).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        assert!(answer.text == written(service), "{service}");
        let again = system.stranger().request(reqwest::Method::GET, &url);
        let again = send(again.header("If-None-Match", answer.header("etag"))).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{service}");
    }
    system.stop().await;
}

/// A path that fits the template.
fn example(path: &str) -> String {
    path.replace("{id}", "1").replace("{provider}", "google")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_token_is_refused_as_the_documents_say() {
    let system = System::start().await;
    let mut asked = 0;
    for (service, _) in SERVICES {
        let document = document(service);
        for operation in document.operations() {
            let bearer = |way: &Value| way.get("bearer").is_some();
            let ways = operation.body["security"].as_array().expect("security");
            if ways.is_empty() || !ways.iter().all(bearer) {
                continue;
            }
            let url = format!("{}{}", root(&system, service), example(operation.path));
            let answer = send(system.stranger().request(operation.method.clone(), &url)).await;
            let method = operation.method.as_str().to_lowercase();
            let said = document.response((&method, operation.path), 401);
            let codes = said["x-error-codes"].as_array().expect("codes");
            assert!(codes.contains(&json!("A001")), "{url}");
            assert_eq!(
                (answer.status, answer.header("www-authenticate")),
                (401, "Bearer"),
                "{url}"
            );
            asked += 1;
        }
    }
    assert!(asked > 60, "{asked}");
    system.stop().await;
}
