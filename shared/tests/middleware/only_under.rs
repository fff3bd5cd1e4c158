//! A server that looks at tokens on a part of its routes only: an authorization server, whose clients prove themselves
//! to its own endpoints in other ways.

use shared::health::Readiness;
use shared::server::Parts;
use shared::{Reason, SessionSource};

use crate::{AUDIENCE, Service, issuer, refusal};

const BASIC: (&str, &str) = ("Authorization", "Basic YTpi");

fn service() -> (Service, SessionSource) {
    let issuer = issuer();
    let source = SessionSource::token(issuer.verifier(AUDIENCE).unwrap()).only_under(&["/orders/"]);
    let service =
        Service::start_of(issuer, Parts::new(Readiness::new()).with_source(source.clone()));
    (service, source)
}

#[actix_web::test]
async fn elsewhere_authorization_is_the_handlers_own_affair() {
    let (service, source) = service();
    for (path, headers) in [
        ("/public", vec![BASIC]),
        ("/public", vec![BASIC, BASIC]),
        ("/public", vec![("Authorization", "Bearer nonsense")]),
        ("/public?access_token=x", vec![]),
        ("/greet", vec![("Authorization", "Bearer nonsense")]),
    ] {
        let answer = service.get(path, &headers).await;
        assert_eq!(answer.status, 200, "{path} {headers:?}");
        assert!(!answer.body.contains("user"), "{answer:?}");
    }
    assert_eq!(service.get_as("/greet", &service.token("")).await.body, "stranger");
    assert!(source.refusals().iter().all(|(_, count)| *count == 0));
}

#[actix_web::test]
async fn under_it_everything_is_as_ever() {
    let (service, source) = service();
    assert_eq!(service.get_as("/orders/7", &service.token("")).await.status, 200);
    assert_eq!(service.get("/orders/7", &[]).await.status, 401);
    assert_eq!(refusal(&service.get("/orders/7", &[BASIC]).await).1, "A002");
    assert_eq!(refusal(&service.get_as("/orders/7", "nonsense").await).1, "A002");
    assert_eq!(service.get_as("http://test/orders/7", &service.token("")).await.status, 200);
    let counted = source.refusals().into_iter().find(|(own, _)| *own == Reason::NotABearerToken);
    assert_eq!(counted, Some((Reason::NotABearerToken, 1)));
}

/// The router reads `%6f` as `o`. Who comes that way is nobody, and the guard says so.
#[actix_web::test]
async fn a_path_that_is_spelled_in_another_way_is_outside_and_guards_refuse_it() {
    let (service, _) = service();
    let token = service.token("auth:admin");
    for path in ["/%6frders/7", "/%6Frders/7", "/orders", "/orders?/orders/7", "/admin", "/%61dmin"]
    {
        let answer = service.get_as(path, &token).await;
        assert_eq!(refusal(&answer).1, "A001", "{path}");
    }
    for path in ["//orders/7", "/./orders/7", "/ORDERS/7", "/x/../orders/7", "/orders%2f7"] {
        let answer = service.get_as(path, &token).await;
        assert!([400, 401, 404].contains(&answer.status), "{path}: {answer:?}");
    }
}

/// Nobody vouches for them there either.
#[actix_web::test]
async fn headers_that_claim_a_session_are_taken_out_everywhere() {
    let (service, source) = service();
    service.get("/public", &[("X-User-Id", "200")]).await;
    assert_eq!(source.dropped_headers(), 1);
}
