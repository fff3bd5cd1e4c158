//! S06, S07. No spelling of a path and no method leads around a guard.

use crate::{Service, refusal};

#[actix_web::test]
async fn no_spelling_of_a_guarded_path_gets_in_without_a_session() {
    let service = Service::start();
    let paths = [
        "//orders",
        "/orders/",
        "/orders//7",
        "/orders/./7",
        "/./orders",
        "/public/../orders",
        "/public/..%2forders",
        "/orders;x",
        "/orders;x=1/7",
        "/orders%2f7",
        "/orders%2F7",
        "/%6frders",
        "/%6Frders/7",
        "/ORDERS",
        "/Orders/7",
        "/orders%00",
        "/orders%20",
        "/orders?/public",
        "/orders#/public",
        "/orders/7/../8",
        "/orders/%2e%2e/public",
        "/admin/",
        "//admin",
        "/admin%2f",
        "/%61dmin",
        "/settle/",
        "http://test/orders",
        "http://evil/orders/7",
    ];
    for path in paths {
        let answer = service.get(path, &[]).await;
        assert!([400, 401, 404].contains(&answer.status), "{path}: {answer:?}");
    }
    for (path, status) in
        [("/%6frders", 200), ("http://test/orders", 200), ("//orders", 404), ("/ORDERS", 404)]
    {
        let answer = service.get_as(path, &service.token("")).await;
        assert_eq!(answer.status, status, "{path} with a session");
    }
}

#[actix_web::test]
async fn no_method_gets_in_without_a_session() {
    let service = Service::start();
    for method in
        ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "GETX", "get"]
    {
        let answer = service.ask(method, "/orders", &[]).await;
        assert_eq!(answer.status, 401, "{method}");
    }
}

#[actix_web::test]
async fn a_header_does_not_change_the_method() {
    let service = Service::start();
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let answer = service.ask("POST", "/public", &[(name, "GET")]).await;
        assert_eq!(refusal(&answer).1, "C004", "{name}");
    }
}

/// RFC 9110 section 15.5.6. A route of `App::route` does not know the methods of its siblings, so `Allow` is
/// there for `web::resource` only.
#[actix_web::test]
async fn a_method_that_a_path_does_not_have_is_405() {
    let service = Service::start();
    for method in ["POST", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "GETX", "get"] {
        for path in ["/public", "/cors"] {
            let answer = service.ask(method, path, &[]).await;
            assert_eq!(refusal(&answer), (405, "C004".to_owned(), String::new()), "{method}");
            assert_eq!(answer.header("allow"), (path == "/cors").then_some("GET"), "{method}");
        }
        let answer = service.ask(method, "/nowhere", &[]).await;
        assert_eq!(refusal(&answer).1, "C003", "{method}");
    }
    for path in ["/orders", "/orders/7"] {
        let bearer = format!("Bearer {}", service.token(""));
        let answer = service.ask("PUT", path, &[("Authorization", &bearer)]).await;
        assert_eq!(refusal(&answer).1, "C004", "{path}");
    }
    let head = service.ask("HEAD", "/public", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (405, ""));
}
