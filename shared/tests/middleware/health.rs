//! The management port: alive, ready, counted.

use shared::health::Readiness;

use crate::raw_http::{self, Answer};
use crate::{AUDIENCE, Service, issuer};

pub async fn ask(service: &Service, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    raw_http::send(service.management_address, request.as_bytes()).await
}

fn start(readiness: Readiness) -> Service {
    let issuer = issuer();
    let verifier = issuer.verifier(AUDIENCE).unwrap();
    Service::start_with(issuer, verifier, readiness)
}

#[actix_web::test]
async fn a_service_is_ready_when_all_its_parts_are_there() {
    let service = start(Readiness::new().needs("database", || Box::pin(async { Ok(()) })));
    assert_eq!(ask(&service, "/livez").await.status, 200);
    let answer = ask(&service, "/readyz").await;
    assert_eq!((answer.status, &answer.json()["parts"]["database"]), (200, &"ok".into()));
    let answer = service.get("/livez", &[]).await;
    assert_eq!(answer.status, 404, "the health is not on the port of the routes");
}

#[actix_web::test]
async fn a_service_whose_part_is_away_or_silent_is_alive_but_not_ready() {
    let away = || Err("postgres://user:s3cret@db is away".to_owned());
    let readiness = Readiness::new()
        .needs("database", move || Box::pin(async move { away() }))
        .needs("cache", || Box::pin(std::future::pending()))
        .needs("keys", || Box::pin(async { Ok(()) }));
    let service = start(readiness);
    assert_eq!(ask(&service, "/livez").await.status, 200);
    let answer = ask(&service, "/readyz").await;
    assert_eq!(answer.status, 503);
    let parts = serde_json::json!({"database": "away", "cache": "away", "keys": "ok"});
    assert_eq!(answer.json()["parts"], parts);
    assert!(!answer.body.contains("s3cret"), "{answer:?}");
}

/// A label for every path that somebody makes up would fill the memory.
#[actix_web::test]
async fn requests_are_counted_by_route_and_unknown_ones_share_a_label() {
    let service = start(Readiness::new());
    let token = service.token("");
    for id in 0..3 {
        service.get_as(&format!("/orders/{id}"), &token).await;
        service.get(&format!("/made-up/{id}"), &[]).await;
        service.ask(&format!("MADEUP{id}"), "/public", &[]).await;
    }
    let metrics = ask(&service, "/metrics").await.body;
    for line in [
        r#"http_requests_total{method="GET",route="/orders/{id}",status="200"} 3"#,
        r#"http_requests_total{method="GET",route="unmatched",status="404"} 3"#,
        r#"http_requests_total{method="OTHER",route="/public",status="405"} 3"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("made-up") && !metrics.contains("MADEUP"), "{metrics}");
}
