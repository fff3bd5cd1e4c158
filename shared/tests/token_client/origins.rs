//! Where a token may go: to the origins that were named, and nowhere that an answer points to.

use reqwest::Method;
use shared::client::{CallError, ServiceClient, ServiceUrl, Target};

use super::calls::Shop;
use super::*;

fn redirect(status: u16, location: &str) -> Reply {
    Reply::with_headers(status, &format!("Location: {location}\r\n"), "")
}

#[tokio::test]
async fn an_absolute_url_gets_the_token_only_when_its_origin_was_named() {
    let shop = Shop::answering(|_| Reply::json(200, "")).await;
    let [named, stranger] = [
        FakeServer::start(|_| Reply::json(200, "")).await,
        FakeServer::start(|_| Reply::json(200, "")).await,
    ];
    let base_url: ServiceUrl = shop.service.url("/base").parse().unwrap();
    let target = Target::new(base_url, AUDIENCE, Default::default())
        .also(&named.url("/any/path").parse().unwrap());
    let client = ServiceClient::new(http(), shop.bench.tokens.clone(), target).without_session();
    let call = |url: String| client.call_url(Method::GET, url.parse().unwrap()).send();
    for url in [shop.service.url("/next?page=2"), named.url("/next?page=2")] {
        assert_eq!(call(url).await.unwrap().status(), 200);
    }
    assert!(named.asked()[0].text.starts_with("GET /next?page=2 "));
    assert!(named.asked()[0].header("authorization").is_some());
    let address = shop.service.url("");
    let (_, port) = address.rsplit_once(':').unwrap();
    let refused = [
        stranger.url("/"),
        format!("http://localhost:{port}/"),
        address.replace("http:", "https:"),
        address.replace("http://", "http://a:b@"),
        "ftp://127.0.0.1/".to_owned(),
        "data:,x".to_owned(),
    ];
    for url in refused {
        let error = call(url.clone()).await.unwrap_err();
        assert!(matches!(error, CallError::NotPermitted(_)), "{url}: {error}");
        assert!(!error.to_string().contains("a:b"), "{error}");
    }
    assert_eq!((stranger.count(), shop.service.count()), (0, 1));
}

#[tokio::test]
async fn a_redirect_at_home_keeps_the_token_when_redirects_are_followed() {
    let shop = Shop::answering(|asked| match asked.text.split(' ').nth(1) {
        Some("/old") => redirect(302, "/middle?x=1"),
        Some("/middle?x=1") => redirect(307, "/new"),
        _ => Reply::json(200, r#"{"data":1}"#),
    })
    .await;
    let call = shop.of_user(1).get("/old").header("X-A", "b").follow_redirects();
    assert_eq!(call.fetch::<u32>().await.unwrap(), 1);
    let asked = shop.service.asked();
    assert_eq!(asked.len(), 3);
    for asked in asked {
        assert!(asked.header("authorization").is_some() && asked.header("traceparent").is_some());
        assert_eq!(asked.header("x-a"), Some("b"));
    }
}

/// Another port is another service. And the way back does not bring the token back.
#[tokio::test]
async fn a_redirect_elsewhere_loses_token_trace_request_id_and_headers_for_good() {
    let elsewhere = FakeServer::start(|_| Reply::json(200, "")).await;
    let away = elsewhere.url("/steal");
    let shop = Shop::answering(move |asked| match asked.text.split(' ').nth(1) {
        Some("/back") => Reply::json(200, ""),
        _ => redirect(302, &away),
    })
    .await;
    let home = shop.service.url("/back");
    for detour in [false, true] {
        let home = home.clone();
        elsewhere.answer(move |_| if detour { redirect(302, &home) } else { Reply::json(200, "") });
        let call = shop.of_user(1).with_request_id("r-1").get("/").header("X-Api-Key", "k");
        assert_eq!(call.follow_redirects().send().await.unwrap().status(), 200);
    }
    let back = shop.service.asked().pop().unwrap();
    assert!(back.text.starts_with("GET /back "));
    for asked in elsewhere.asked().into_iter().chain([back]) {
        for header in ["authorization", "traceparent", "x-request-id", "x-api-key"] {
            assert_eq!(asked.header(header), None, "{}", asked.text);
        }
    }
}

/// What a stranger says about a token that it has not seen is no reason to drop it.
#[tokio::test]
async fn a_401_from_elsewhere_costs_no_token() {
    let elsewhere =
        FakeServer::start(|_| Reply::with_headers(401, super::calls::INVALID, "")).await;
    let away = elsewhere.url("/");
    let shop = Shop::answering(move |_| redirect(302, &away)).await;
    for _ in 0..2 {
        let call = shop.of_user(1).get("/").follow_redirects();
        assert_eq!(call.send().await.unwrap().status(), 401);
    }
    assert_eq!((shop.bench.endpoint.count(), shop.bench.tokens.counts().rejected), (1, 0));
}

#[tokio::test]
async fn a_redirect_in_a_circle_or_to_nowhere_is_an_error() {
    let locations = ["/", "ftp://a/", "http://a:b@127.0.0.1/", "http://", "javascript:x"];
    for location in locations {
        let shop = Shop::answering(move |_| redirect(302, location)).await;
        let error = shop.of_user(1).get("/").follow_redirects().send().await.unwrap_err();
        assert!(matches!(error, CallError::Redirect(_)), "{location}: {error}");
        assert!(shop.service.count() <= 4, "three are followed");
    }
}

#[tokio::test]
async fn only_a_get_or_head_follows() {
    let shop = Shop::answering(|asked| match asked.text.split(' ').nth(1) {
        Some("/") => redirect(307, "/new"),
        _ => Reply::json(200, ""),
    })
    .await;
    for (method, status) in [("POST", 307), ("PUT", 307), ("DELETE", 307), ("GET", 200)] {
        let call = shop.of_user(1).call(method.parse().unwrap(), "/").follow_redirects();
        assert_eq!(call.send().await.unwrap().status().as_u16(), status, "{method}");
    }
}
