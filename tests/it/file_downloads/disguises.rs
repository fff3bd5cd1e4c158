//! Files that are not what they are said to be, and what a browser is told.

use super::{Files, NO_ID};

type Headers = &'static [(&'static str, &'static str)];

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn a_type_is_what_the_bytes_are_and_only_what_is_harmless_is_shown() {
    let files = Files::start().await;
    let html = b"<!DOCTYPE html><script>alert(1)</script>".as_slice();
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>"#.as_slice();
    let table: [(&[u8], &str, &str, &str); 10] = [
        (PNG, "image/png", "image/png", "inline"),
        (PNG, "text/html", "image/png", "inline"),
        (html, "image/png", "text/plain", "inline"),
        (svg, "image/png", "text/plain", "inline"),
        (html, "text/html", "text/plain", "inline"),
        (svg, "image/svg+xml", "text/plain", "inline"),
        (b"<?xml version=\"1.0\"?><a/>", "application/xml", "text/plain", "inline"),
        (b"%PDF-1.7\n", "text/plain", "application/pdf", "attachment"),
        (b"a,b\n", "text/csv; charset=utf-8", "text/csv; charset=utf-8", "attachment"),
        (b"\0\0\0\0", "image/png", "application/octet-stream", "attachment"),
    ];
    for (body, declared, expected, disposition) in table {
        let url = files.upload(declared, body).await;
        let plain = files.get(&url, &[]).await;
        assert_eq!(plain.header("content-type"), expected, "{declared}");
        assert!(plain.header("content-disposition").starts_with("attachment; "), "{declared}");
        let shown = files.get(&format!("{url}?disposition=inline"), &[]).await;
        let begin = format!("{disposition}; filename=\"a _b_.x\"; filename*=UTF-8''a%20%22b%22.x");
        assert_eq!(shown.header("content-disposition"), begin, "{declared}");
        assert_eq!(shown.header("content-type"), expected, "{declared}");
    }
    files.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_lets_a_browser_guess_or_run() {
    let files = Files::start().await;
    let url = files.upload("text/html", "<script>alert(1)</script>").await;
    let table: [(&str, Headers, u16); 5] = [
        ("", &[], 200),
        ("?disposition=inline", &[], 200),
        ("", &[("Range", "bytes=0-3")], 206),
        ("", &[("Range", "bytes=0-0,-1")], 206),
        ("", &[("If-None-Match", "*")], 304),
    ];
    for (query, headers, status) in table {
        let answer = files.get(&format!("{url}{query}"), headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "sandbox; default-src 'none'");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        assert!(!answer.header("content-type").contains("html"));
    }
    let missing = format!("{}/{NO_ID}", files.url);
    let wrong = format!("{url}?disposition=run");
    let refused: [(&str, Headers, (u16, &str)); 4] = [
        (&url, &[("Range", "bytes=99-")], (416, "F004")),
        (&url, &[("If-Match", "\"a\"")], (412, "F010")),
        (&missing, &[], (404, "F001")),
        (&wrong, &[], (400, "C001")),
    ];
    for (url, headers, verdict) in refused {
        let answer = files.get(url, headers).await;
        assert_eq!(answer.verdict(), verdict, "{url}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{url}");
    }
    files.system.stop().await;
}
