//! A gRPC client reads the status of the call in `grpc-status`, not in HTTP's.

use crate::{Pair, SESSION};

#[actix_web::test]
async fn a_refused_grpc_call_ends_with_headers_alone() {
    let pair = Pair::with_tokens().await;
    let user = format!("Bearer {}", pair.token("", Some(SESSION)));
    let [_, axum] = &pair.servers;
    let cases = [
        ("POST /public", vec![("Authorization", "Bearer a.b.c")], "16"),
        ("POST /settle", vec![("Authorization", user.as_str())], "7"),
        ("POST /settle", vec![], "16"),
    ];
    for (request, mut headers, status) in cases {
        headers.extend([("Content-Type", "application/grpc+proto"), ("Content-Length", "0")]);
        let answer = axum.ask(request, &headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
        assert_eq!(answer.header("grpc-status"), Some(status), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/grpc"), "{answer:?}");
        assert!(answer.header("grpc-message").is_some_and(|text| !text.is_empty()), "{answer:?}");
    }
}
