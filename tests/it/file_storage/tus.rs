//! Resumable uploads by tus 1.0.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use reqwest::Method;
use tests::caller::send;
use tests::half_sent::HalfSent;
use tests::process::wait_until;
use tests::store::Store;
use tests::system::System;
use tests::tus::{Tus, encoded};

use super::{bytes, caller, picture, used};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_pieces_becomes_the_file_that_was_sent() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let (tus, body) = (Tus::new(&caller, &files), picture(20_000_007));
        let path = tus.begin("정산.txt", body.len() as u64).await;
        // Smaller and larger than a piece, than a part of ours, and than one of an S3 store.
        let mut offset = 0;
        for end in [1, 300_000, 300_000, 6_000_000, body.len()] {
            let answer = tus.send(&path, offset as u64, body[offset..end].to_vec()).await;
            assert_eq!(answer.status, 204, "{}", answer.text);
            assert_eq!(answer.header("upload-offset"), end.to_string());
            assert_eq!(answer.header("tus-resumable"), "1.0.0");
            offset = end;
        }
        let head = tus.head(&path).await;
        assert_eq!(head.header("upload-length"), body.len().to_string());
        assert_eq!(head.header("cache-control"), "no-store");
        assert!(head.header("upload-metadata").contains(&encoded("정산.txt")));
        assert!(tus.downloaded(&path).await == body);
        let url = format!("{files}/api/files/{}/metadata", head.header("baton-file-id"));
        let file = caller.get(&url).await.body["data"].clone();
        // What it is its bytes say, although the first of them has come alone.
        assert_eq!(
            (&file["name"], &file["contentType"]),
            (&"정산.txt".into(), &"image/png".into())
        );
        let sha256: String =
            digest(&SHA256, &body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file["sha256"], sha256);
        // Of the pieces nothing is left, and who asks again is told the same.
        assert_eq!(store.count(&system), 1);
        let again = tus.send(&path, body.len() as u64, Vec::new()).await;
        assert_eq!(again.header("baton-file-id"), head.header("baton-file-id"));
        let beyond = tus.send(&path, body.len() as u64, vec![1]).await;
        assert_eq!(beyond.verdict(), (413, "F002"));
        // The upload may go; the file stays.
        assert_eq!(send(tus.request(Method::DELETE, &path)).await.status, 204);
        assert_eq!(tus.head(&path).await.status, 404);
        assert_eq!(store.count(&system), 1);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_ask_what_is_spoken_here() {
    let system = Store::Folder.system(&[("max_file_bytes", "1234")]).await;
    let files = system.services.file.url();
    let request = system.stranger().request(Method::OPTIONS, &format!("{files}/api/files/uploads"));
    let answer = send(request).await;
    assert_eq!((answer.status, answer.header("tus-version")), (204, "1.0.0"));
    assert_eq!(answer.header("tus-max-size"), "1234");
    assert_eq!(answer.header("tus-checksum-algorithm"), "sha256,sha1");
    let extensions: Vec<&str> = answer.header("tus-extension").split(',').collect();
    for extension in ["creation", "creation-with-upload", "termination", "checksum", "expiration"] {
        assert!(extensions.contains(&extension), "{extension}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_tus_has_it_begins_nothing() {
    let system = Store::Folder.system(&[("max_file_bytes", "1000")]).await;
    let (files, caller) = caller(&system).await;
    let tus = Tus::new(&caller, &files);
    let begin = |length: &str, metadata: &str| {
        tus.request(Method::POST, "/api/files/uploads")
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata)
    };
    let named = |name: &str| format!("filename {}", encoded(name));
    let good = named("a");
    let table = [
        (begin("-1", &good), (400, "C001")),
        (begin("+1", &good), (400, "C001")),
        (begin("1.5", &good), (400, "C001")),
        (begin("", &good), (400, "C001")),
        (begin("1001", &good), (413, "F002")),
        (begin("9223372036854775808", &good), (413, "F002")),
        (begin("99999999999999999999999999", &good), (413, "F002")),
        (begin("5", ""), (400, "C001")),
        (begin("5", "filename"), (400, "C001")),
        (begin("5", "filename !!!"), (400, "C001")),
        (begin("5", &format!("{good},{good}")), (400, "C001")),
        (begin("5", &named("../../x")), (400, "C001")),
        (begin("5", &named("a\0b")), (400, "C001")),
        (begin("5", &named(&"x".repeat(256))), (400, "C001")),
        (begin("5", &format!("{good},x {}", "A".repeat(8000))), (400, "C001")),
        (tus.request(Method::POST, "/api/files/uploads"), (400, "C001")),
    ];
    for (request, verdict) in table {
        let shown = format!("{request:?}");
        let answer = send(request).await;
        assert_eq!(answer.verdict(), verdict, "{shown}");
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
    }
    assert_eq!((used(&system, &caller).await, Store::Folder.count(&system)), (0, 0));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_another_version_is_told_ours() {
    let system = System::start().await;
    let (files, caller) = caller(&system).await;
    for version in ["0.2.2", "2.0.0", ""] {
        let url = format!("{files}/api/files/uploads");
        let request = caller.request(Method::POST, &url).header("Tus-Resumable", version);
        let answer = send(request.header("Upload-Length", 5)).await;
        assert_eq!((answer.verdict(), answer.header("tus-version")), ((412, "F008"), "1.0.0"));
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_taken_at_the_offset_and_nowhere_else() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let tus = Tus::new(&caller, &files);
        let path = tus.begin("a", 10).await;
        assert_eq!(tus.send(&path, 0, bytes(4)).await.status, 204);
        for offset in [0, 3, 5, u64::MAX] {
            let answer = tus.send(&path, offset, bytes(1)).await;
            assert_eq!(answer.verdict(), (409, "F005"), "{offset}");
            assert_eq!(answer.body["data"]["offsetBytes"], 4);
        }
        assert_eq!(tus.send(&path, 4, bytes(7)).await.verdict(), (413, "F002"));
        let chunked = futures_util::stream::iter([Ok::<_, String>(bytes(7))]);
        let chunked = tus.patch(&path, 4, reqwest::Body::wrap_stream(chunked));
        assert_eq!(send(chunked).await.verdict(), (413, "F002"));
        for offset in ["-4", "", "4.0", " "] {
            let request = tus.request(Method::PATCH, &path).header("Upload-Offset", offset);
            let request = request.header("Content-Type", "application/offset+octet-stream");
            assert_eq!(send(request.body("x")).await.verdict(), (400, "C001"), "{offset:?}");
        }
        let plain = tus.request(Method::PATCH, &path).header("Upload-Offset", 4).body("x");
        assert_eq!(send(plain).await.verdict(), (415, "C006"));
        let nowhere = "/api/files/uploads/01980000-0000-7000-8000-000000000000";
        assert_eq!(tus.send(nowhere, 0, bytes(1)).await.verdict(), (404, "F001"));
        assert_eq!(tus.offset(&path).await, 4);
        assert_eq!(tus.send(&path, 4, bytes(6)).await.status, 204);
        assert!(tus.downloaded(&path).await == [bytes(4), bytes(6)].concat());
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_send_the_same_bytes_at_once_one_adds_them() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let tus = Tus::new(&caller, &files);
        let path = tus.begin("a", 16 * 100_000).await;
        for round in 0..16_u8 {
            let offset = u64::from(round) * 100_000;
            let sent = (0..8).map(|own| tus.send(&path, offset, vec![round * 8 + own; 100_000]));
            let answers = join_all(sent).await;
            let done = answers.iter().filter(|answer| answer.status == 204).count();
            for answer in answers.iter().filter(|answer| answer.status != 204) {
                assert!([(423, "F007"), (409, "F005")].contains(&answer.verdict()), "{answer:?}");
            }
            assert_eq!(done, 1, "{round}");
        }
        let content = tus.downloaded(&path).await;
        for (round, piece) in content.chunks(100_000).enumerate() {
            assert!(piece.iter().all(|byte| *byte == piece[0]), "{round}");
            assert_eq!(usize::from(piece[0] / 8), round);
        }
        assert_eq!(store.count(&system), 1);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_come_before_a_connection_breaks_is_kept() {
    for store in Store::each().await {
        let system = store.system(&[]).await;
        let (files, caller) = caller(&system).await;
        let (tus, body) = (Tus::new(&caller, &files), bytes(9_000_000));
        let path = tus.begin("a", body.len() as u64).await;
        let line = format!("PATCH {path}");
        let headers = [
            ("Tus-Resumable", "1.0.0"),
            ("Upload-Offset", "0"),
            ("Content-Type", "application/offset+octet-stream"),
            ("Content-Length", "9000000"),
        ];
        let address = system.services.file.address;
        let half = HalfSent::begin(address, (&caller, &line), &headers, &body[..7_000_000]).await;
        wait_until("bytes have come", || store.count(&system) >= 1);
        drop(half);
        let mut offset = 0;
        for _ in 0..200 {
            offset = tus.offset(&path).await;
            if offset > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!((1..=7_000_000).contains(&offset), "{offset}");
        let rest = body[usize::try_from(offset).unwrap()..].to_vec();
        let sent = tus.send(&path, offset, rest).await;
        assert_eq!(sent.status, 204, "{}", sent.text);
        assert!(tus.downloaded(&path).await == body);
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_checksum_is_taken_only_if_it_is_right() {
    let system = System::start().await;
    let (files, caller) = caller(&system).await;
    let tus = Tus::new(&caller, &files);
    let path = tus.begin("a", 20).await;
    let checksum = |name: &str, algorithm: &'static Algorithm, of: &[u8]| {
        format!("{name} {}", STANDARD.encode(digest(algorithm, of)))
    };
    let send_with = |offset, checksum: String| {
        let request = tus.patch(&path, offset, bytes(10)).header("Upload-Checksum", checksum);
        send(request)
    };
    let wrong = [
        checksum("sha1", &SHA1_FOR_LEGACY_USE_ONLY, b"other"),
        checksum("sha256", &SHA256, b"other"),
    ];
    for wrong in wrong {
        assert_eq!(send_with(0, wrong).await.verdict(), (460, "F003"));
        assert_eq!((tus.offset(&path).await, Store::Folder.count(&system)), (0, 0));
    }
    for bad in ["md5 AAAA", "sha1", "sha1 AAAA", "sha256 ***"] {
        assert_eq!(send_with(0, bad.to_owned()).await.verdict(), (400, "C001"), "{bad}");
    }
    let right = checksum("sha1", &SHA1_FOR_LEGACY_USE_ONLY, &bytes(10));
    assert_eq!(send_with(0, right).await.status, 204);
    assert_eq!(send_with(10, checksum("sha256", &SHA256, &bytes(10))).await.status, 204);
    assert!(tus.downloaded(&path).await == bytes(10).repeat(2));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_bytes_may_come_with_the_beginning() {
    let system = System::start().await;
    let (files, caller) = caller(&system).await;
    let tus = Tus::new(&caller, &files);
    let begin = |length: u64, body: Vec<u8>| {
        let request = tus.beginning("a", length);
        send(request.header("Content-Type", "application/offset+octet-stream").body(body))
    };
    let some = begin(10, bytes(4)).await;
    assert_eq!((some.status, some.header("upload-offset")), (201, "4"));
    assert!(some.header("upload-expires").ends_with("GMT"));
    let path = some.header("location");
    assert_eq!(tus.send(path, 4, bytes(6)).await.status, 204);
    let all = begin(10, bytes(10)).await;
    assert_eq!((all.status, all.header("upload-offset")), (201, "10"));
    assert!(!all.header("baton-file-id").is_empty());
    let nothing = begin(0, Vec::new()).await;
    assert!(!nothing.header("baton-file-id").is_empty());
    // Nobody hears where it is, so it is nowhere.
    let too_much = begin(10, bytes(11)).await;
    assert_eq!(too_much.verdict(), (413, "F002"));
    assert_eq!((used(&system, &caller).await, Store::Folder.count(&system)), (20, 3));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_no_method_but_post_says_which_it_means() {
    let system = System::start().await;
    let (files, caller) = caller(&system).await;
    let tus = Tus::new(&caller, &files);
    let path = tus.begin("a", 4).await;
    let post =
        |method: &str| tus.request(Method::POST, &path).header("X-HTTP-Method-Override", method);
    let patch = post("PATCH").header("Upload-Offset", 0);
    let patch = patch.header("Content-Type", "application/offset+octet-stream").body(bytes(4));
    assert_eq!(send(patch).await.status, 204);
    assert_eq!(send(post("HEAD")).await.header("upload-offset"), "4");
    assert_eq!(send(post("GET")).await.verdict(), (405, "C004"));
    assert_eq!(send(post("DELETE")).await.status, 204);
    assert_eq!(tus.head(&path).await.status, 404);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_nobody_goes_on_with_ends_and_gives_back_its_room() {
    let settings = [("resumable_ttl_s", "1"), ("sweep_interval_s", "1")];
    for store in Store::each().await {
        let system = store.system(&settings).await;
        let (files, caller) = caller(&system).await;
        let tus = Tus::new(&caller, &files);
        let path = tus.begin("a", 10).await;
        assert_eq!(tus.send(&path, 0, bytes(4)).await.status, 204);
        wait_until("it has ended", || store.count(&system) == 0);
        assert_eq!(tus.head(&path).await.status, 404);
        assert_eq!(tus.send(&path, 4, bytes(6)).await.verdict(), (404, "F001"));
        assert_eq!(used(&system, &caller).await, 0);
        system.stop().await;
    }
}
