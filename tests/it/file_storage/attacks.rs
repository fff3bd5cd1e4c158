//! What a stranger may send in place of a file.

use reqwest::Method;
use tests::caller::send;
use tests::half_sent::HalfSent;
use tests::store::Store;
use tests::system::System;

use super::{bytes, caller, used};

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_name_or_checksum_keeps_nothing() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let long = "x".repeat(256);
        let bad = [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a\nb",
            "a\r\nSet-Cookie: x",
            "a\0b",
            &long,
        ];
        for name in bad {
            let answer = caller.upload(&files, (name, "k"), b"x".to_vec()).await;
            assert_eq!(answer.verdict(), (400, "C001"), "{name:?}");
        }
        // The SHA-256 of nothing.
        let wrong = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        for (digest, verdict) in [(wrong, (422, "F003")), ("sha-256=:AA==:", (400, "C001"))] {
            let request = caller.request(Method::POST, &format!("{files}/api/files?name=a"));
            let answer = send(request.header("Content-Digest", digest).body("something")).await;
            assert_eq!(answer.verdict(), verdict, "{digest}");
        }
        assert_eq!((store.count(&system), used(&system, &caller).await), (0, 0));
        system.stop().await;
    }
}

/// Strange ones are names like others: they are kept as data, and never become paths.
#[tokio::test(flavor = "multi_thread")]
async fn a_strange_name_is_kept_and_its_bytes_are_under_our_own_id() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let names = ["CON", "..%2f..%2fx", "\u{202e}gpj.exe", "정산.csv", "~", "-rf", "a;b", "%00"];
        for (place, name) in names.into_iter().enumerate() {
            let key = place.to_string();
            let answer = caller.upload(&files, (name, &key), key.clone().into_bytes()).await;
            assert_eq!((answer.status, &answer.body["data"]["name"]), (201, &name.into()));
            let id = answer.body["data"]["id"].as_str().unwrap();
            let content = caller.get(&format!("{files}/api/files/{id}")).await;
            assert_eq!(content.text, key);
            let disposition = content.header("content-disposition");
            assert!(disposition.is_ascii() && disposition.starts_with("attachment"), "{name:?}");
        }
        assert_eq!(store.count(&system), names.len());
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_not_true_makes_no_file() {
    let system = System::start().await;
    let (files, caller) = caller(&system).await;
    let address = system.services.file.address;
    let line = "POST /api/files?name=a.bin";
    let short = HalfSent::begin(address, (&caller, line), &[("Content-Length", "100")], b"x");
    assert!(!short.await.answer().await.starts_with("HTTP/1.1 2"));
    for length in ["-1", "+5", "5,6", "99999999999999999999999"] {
        let headers = [("Content-Length", length)];
        let sent = HalfSent::begin(address, (&caller, line), &headers, b"hello").await;
        let answer = sent.answer().await;
        let refused = answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 413");
        assert!(refused || answer.is_empty(), "{length}: {answer}");
    }
    let both = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")];
    let sent = HalfSent::begin(address, (&caller, line), &both, b"0\r\n\r\n").await;
    assert!(!sent.answer().await.starts_with("HTTP/1.1 2"));
    let chunked = [("Transfer-Encoding", "chunked")];
    let sent = HalfSent::begin(address, (&caller, line), &chunked, b"5\r\nhel").await;
    assert!(!sent.answer().await.starts_with("HTTP/1.1 2"));
    // What is too much is another request's, and no byte of the file.
    let sent = HalfSent::begin(address, (&caller, line), &[("Content-Length", "5")], b"hello you");
    assert!(sent.await.answer().await.contains("\"sizeBytes\":5"));
    let list = caller.get(&format!("{files}/api/files")).await;
    assert_eq!(list.body["data"]["files"].as_array().unwrap().len(), 1);
    assert_eq!(used(&system, &caller).await, 5);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_and_while_it_comes() {
    for store in Store::each().await {
        let system = store.system(&[("max_file_bytes", "6000000")]).await;
        let (files, caller) = caller(&system).await;
        let known = caller.upload(&files, ("a", "k"), bytes(6_000_001)).await;
        assert_eq!(known.verdict(), (413, "F002"));
        let body = bytes(6_000_001);
        let pieces = body.chunks(100_000).map(|piece| Ok::<_, String>(piece.to_vec()));
        let pieces: Vec<_> = pieces.collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
        let unknown = caller.request(Method::POST, &format!("{files}/api/files?name=a")).body(body);
        assert_eq!(send(unknown).await.verdict(), (413, "F002"));
        assert_eq!((store.count(&system), used(&system, &caller).await), (0, 0));
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_who_pauses_for_too_long_is_cut_and_keeps_nothing() {
    let system = Store::Folder.system(&[("body_idle_timeout_s", "1")]).await;
    let (_, caller) = caller(&system).await;
    let address = system.services.file.address;
    let line = "POST /api/files?name=a.bin";
    let length = [("Content-Length", "100")];
    let mut sent = HalfSent::begin(address, (&caller, line), &length, b"x").await;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    sent.send(b"y").await;
    let answer = sent.answer().await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("F006"), "{answer}");
    assert_eq!((Store::Folder.count(&system), used(&system, &caller).await), (0, 0));
    system.stop().await;
}
