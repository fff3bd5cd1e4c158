//! A guard around which nothing finds out who calls: nobody is let in.

use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use axum::routing::get;
use shared::tower::RequireLayer;
use shared::{Policy, Session, require_session};

use crate::raw_http;

#[actix_web::test]
async fn a_guard_of_actix_without_the_middleware_lets_nobody_in() {
    let guarded = web::resource("/guard").wrap(require_session()).to(async || "let in");
    let argument =
        web::resource("/argument").to(async |session: Session| session.as_json().to_owned());
    let maybe = web::resource("/maybe").to(async |_: shared::MaybeSession| "let in");
    let app = init_service(App::new().service(guarded).service(argument).service(maybe)).await;
    for path in ["/guard", "/argument", "/maybe"] {
        let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
}

#[actix_web::test]
async fn a_guard_of_tower_without_the_layer_lets_nobody_in() {
    let guarded = get(async || "let in").layer(RequireLayer::new(Policy::SESSION));
    let app = axum::Router::new()
        .route("/guard", guarded)
        .route("/argument", get(async |session: Session| session.as_json().to_owned()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    for path in ["/guard", "/argument"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        let answer = raw_http::send(address, request.as_bytes()).await;
        assert_eq!(answer.status, 401, "{path}");
    }
}
