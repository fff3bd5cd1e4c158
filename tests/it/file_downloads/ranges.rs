//! Parts of files.

use std::process::Command;

use super::{Files, content};

/// Beyond 64 bits.
const HUGE: &str = "99999999999999999999999999";

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_answered_as_the_standard_says() {
    let files = Files::start().await;
    let body = content(1000);
    let url = files.upload("application/octet-stream", body.clone()).await;
    let table: [(&str, u16, &str); 22] = [
        ("bytes=0-0", 206, "bytes 0-0/1000"),
        ("bytes=0-", 206, "bytes 0-999/1000"),
        ("bytes=-1", 206, "bytes 999-999/1000"),
        ("bytes=-5000", 206, "bytes 0-999/1000"),
        ("Bytes=500-5000", 206, "bytes 500-999/1000"),
        (&format!("bytes=999-{HUGE}"), 206, "bytes 999-999/1000"),
        ("bytes=0-9,5-20", 206, "bytes 0-20/1000"),
        ("bytes=5000-,1-2", 206, "bytes 1-2/1000"),
        ("bytes=1000-", 416, "bytes */1000"),
        ("bytes=1000-1001,2000-", 416, "bytes */1000"),
        (&format!("bytes={HUGE}-{HUGE}"), 416, "bytes */1000"),
        ("bytes=-0", 416, "bytes */1000"),
        ("bytes=", 200, ""),
        ("bytes=-", 200, ""),
        ("bytes=,,,", 200, ""),
        ("bytes=9-0", 200, ""),
        ("bytes=0-1,9-0", 200, ""),
        ("bytes=a-b", 200, ""),
        ("bytes=0x0-0x9", 200, ""),
        ("chars=0-9", 200, ""),
        ("0-9", 200, ""),
        ("bytes", 200, ""),
    ];
    for (range, status, content_range) in table {
        let request = files.request(reqwest::Method::GET, &url, &[("Range", range)]);
        let response = request.send().await.unwrap();
        let place = response.headers().get("content-range").map_or("", |it| it.to_str().unwrap());
        assert_eq!((response.status().as_u16(), place), (status, content_range), "{range}");
        let got = response.bytes().await.unwrap();
        match status {
            206 => assert!(got == body[span(content_range)], "{range}"),
            200 => assert!(got == body, "{range}"),
            _ => assert!(String::from_utf8_lossy(&got).contains("F004"), "{range}"),
        }
    }
    files.system.stop().await;
}

/// `bytes 5-9/10`.
fn span(content_range: &str) -> std::ops::Range<usize> {
    let (first, rest) = content_range.trim_start_matches("bytes ").split_once('-').unwrap();
    let last: usize = rest.split('/').next().unwrap().parse().unwrap();
    first.parse().unwrap()..last + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ranges_come_in_parts_that_are_what_they_say() {
    let files = Files::start().await;
    let body = content(300_000);
    let url = files.upload("application/octet-stream", body.clone()).await;
    let ranges = [("Range", "bytes=200000-299999, 0-9 ,100-100000,-10")];
    let response = files.request(reqwest::Method::GET, &url, &ranges).send().await.unwrap();
    assert_eq!(response.status(), 206);
    assert!(!response.headers().contains_key("content-range"));
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let answer = response.bytes().await.unwrap();
    assert_eq!(answer.len(), length);
    let expected = ["bytes 0-9/300000", "bytes 100-100000/300000", "bytes 200000-299999/300000"];
    let mut places = parts(&answer, boundary, &body);
    places.sort();
    assert_eq!(places, expected);
    files.system.stop().await;
}

/// Where the parts are from; each has to be what it says.
fn parts(answer: &[u8], boundary: &str, body: &[u8]) -> Vec<String> {
    let mut places = Vec::new();
    let mut rest = answer;
    let opening = format!("\r\n--{boundary}\r\n").into_bytes();
    while let Some(part) = rest.strip_prefix(opening.as_slice()) {
        let end = part.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&part[..end]).unwrap();
        assert!(head.contains("Content-Type: application/octet-stream\r\n"), "{head}");
        let place = head.rsplit_once("Content-Range: ").unwrap().1;
        let span = span(place);
        let content = &part[end + 4..end + 4 + span.len()];
        assert!(content == &body[span.clone()], "{place}");
        rest = &part[end + 4 + span.len()..];
        places.push(place.to_owned());
    }
    assert_eq!(rest, format!("\r\n--{boundary}--\r\n").as_bytes());
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_ranges_gets_no_more_than_the_file() {
    let files = Files::start().await;
    let url = files.upload("application/octet-stream", content(300_000)).await;
    let many = |range: fn(usize) -> String, count| {
        format!("bytes={}", (0..count).map(range).collect::<Vec<_>>().join(","))
    };
    let floods = [
        (many(|_| "0-".to_owned(), 16), 206),
        (many(|_| "0-".to_owned(), 1000), 200),
        (many(|place| format!("{place}-"), 1000), 200),
        (many(|place| format!("{}-{}", place * 200, place * 200 + 1), 1000), 200),
        (many(|place| format!("-{place}"), 2000), 200),
        (format!("bytes={}0-1", ",".repeat(50_000)), 206),
    ];
    for (flood, status) in floods {
        let answer = files.get(&url, &[("Range", &flood)]).await;
        let length: usize = answer.header("content-length").parse().unwrap();
        let name = &flood[..20];
        assert_eq!(answer.status, status, "{name}");
        assert!(length <= 300_000, "{name}: {length}");
    }
    files.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_empty_file_there_is_no_part() {
    let files = Files::start().await;
    let url = files.upload("application/octet-stream", "").await;
    for (range, verdict) in [("bytes=0-", (416, "F004")), ("bytes=-5", (200, ""))] {
        let answer = files.get(&url, &[("Range", range)]).await;
        assert_eq!(answer.verdict(), verdict, "{range}");
    }
    files.system.stop().await;
}

/// `curl -r`, as people use it; and `-C -`, which goes on where it was cut.
#[tokio::test(flavor = "multi_thread")]
async fn what_curl_fetches_in_parts_is_the_file() {
    let files = Files::start().await;
    let body = content(1_000_003);
    let url = files.upload("application/octet-stream", body.clone()).await;
    let (token, folder) = (files.caller.token().to_owned(), tempfile::tempdir().unwrap());
    let curl = move |more: &[&str]| {
        let header = format!("Authorization: Bearer {token}");
        let command = ["--silent", "--show-error", "--fail", "--max-time", "60", "-H", &header];
        let output = Command::new("curl").args(command).args(more).arg(&url).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let fetched = tokio::task::spawn_blocking(move || {
        let parts = ["0-99999", "100000-100000", "100001-899999", "900000-"];
        let whole: Vec<u8> = parts.iter().flat_map(|part| curl(&["-r", part])).collect();
        let path = folder.path().join("half");
        std::fs::write(&path, &whole[..500_000]).unwrap();
        curl(&["-C", "-", "-o", path.to_str().unwrap()]);
        (whole, std::fs::read(path).unwrap())
    });
    let (whole, resumed) = fetched.await.unwrap();
    assert!(whole == body);
    assert!(resumed == body);
    files.system.stop().await;
}
