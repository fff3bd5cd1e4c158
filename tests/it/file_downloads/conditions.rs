//! What a caller says of the file that he has.

use super::{Files, content};

const PAST: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const FUTURE: &str = "Fri, 06 Nov 2099 08:49:37 GMT";

/// `TAG`, `WEAK`, `LIST` and `DATE` stand for those of the file.
#[rustfmt::skip]
const TABLE: [(&[(&str, &str)], u16); 26] = [
    (&[("If-None-Match", "TAG")], 304),
    (&[("If-None-Match", "WEAK")], 304),
    (&[("If-None-Match", "LIST")], 304),
    (&[("If-None-Match", "*")], 304),
    (&[("If-None-Match", "\"other\"")], 200),
    (&[("If-None-Match", "no tag at all")], 200),
    (&[("If-None-Match", "\"other\""), ("If-Modified-Since", "DATE")], 200),
    (&[("If-Modified-Since", "DATE")], 304),
    (&[("If-Modified-Since", FUTURE)], 304),
    (&[("If-Modified-Since", PAST)], 200),
    (&[("If-Modified-Since", "yesterday")], 200),
    (&[("If-Match", "TAG")], 200),
    (&[("If-Match", "LIST")], 200),
    (&[("If-Match", "*")], 200),
    (&[("If-Match", "WEAK")], 412),
    (&[("If-Match", "\"other\"")], 412),
    (&[("If-Match", "no tag at all")], 412),
    (&[("If-Match", "TAG"), ("If-Unmodified-Since", PAST)], 200),
    (&[("If-Match", "\"other\""), ("If-None-Match", "TAG")], 412),
    (&[("If-Match", "TAG"), ("If-None-Match", "TAG")], 304),
    (&[("If-Unmodified-Since", PAST)], 412),
    (&[("If-Unmodified-Since", "DATE")], 200),
    (&[("If-Unmodified-Since", "tomorrow")], 200),
    (&[("If-Match", "\"other\""), ("Range", "bytes=0-0")], 412),
    (&[("If-None-Match", "TAG"), ("Range", "bytes=0-0")], 304),
    (&[("If-Match", "TAG"), ("Range", "bytes=0-0")], 206),
];

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_looked_at_in_the_order_of_the_standard() {
    let files = Files::start().await;
    let url = files.upload("application/octet-stream", content(1000)).await;
    let first = files.get(&url, &[]).await;
    let (tag, date) = (first.header("etag").to_owned(), first.header("last-modified").to_owned());
    let (weak, list) = (format!("W/{tag}"), format!("\"a\", {tag} , W/\"b\""));
    let own = [("TAG", &tag), ("WEAK", &weak), ("LIST", &list), ("DATE", &date)];
    let real = |text: &'static str| {
        own.iter().find(|(word, _)| *word == text).map_or(text, |(_, own)| own.as_str())
    };
    for (headers, status) in TABLE {
        let headers: Vec<_> = headers.iter().map(|(name, text)| (*name, real(text))).collect();
        let headers = headers.as_slice();
        let (get, head) = (files.get(&url, headers).await, files.head(&url, headers).await);
        assert_eq!(get.status, status, "{headers:?}");
        assert_eq!(head.status, if status == 206 { 200 } else { status }, "HEAD {headers:?}");
        if status == 304 {
            assert_eq!((get.header("etag"), get.text.as_str()), (tag.as_str(), ""));
        }
        if status == 412 {
            assert_eq!(get.verdict(), (412, "F010"));
        }
    }
    files.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_only_sent_to_who_has_the_rest_of_the_same_file() {
    let files = Files::start().await;
    let (old, new) = (content(1000), content(2000)[1000..].to_vec());
    let url = files.upload("application/octet-stream", old).await;
    let first = files.get(&url, &[]).await;
    let (tag, date) = (first.header("etag").to_owned(), first.header("last-modified").to_owned());
    let weak = format!("W/{tag}");
    let table: [(&str, u16); 7] = [
        (&tag, 206),
        (&date, 206),
        (&weak, 200),
        ("\"other\"", 200),
        (PAST, 200),
        (FUTURE, 200),
        ("?", 200),
    ];
    for (if_range, status) in table {
        let headers = [("Range", "bytes=10-"), ("If-Range", if_range)];
        assert_eq!(files.get(&url, &headers).await.status, status, "{if_range}");
        let beyond = [("Range", "bytes=5000-"), ("If-Range", if_range)];
        let expected = if status == 206 { 416 } else { 200 };
        assert_eq!(files.get(&url, &beyond).await.status, expected, "{if_range}");
    }
    // The file is made anew: under another id, and with another tag.
    assert_eq!(files.caller.delete(&url).await.status, 200);
    let again = files.upload("application/octet-stream", new.clone()).await;
    let headers = [("Range", "bytes=10-"), ("If-Range", tag.as_str())];
    let request = files.request(reqwest::Method::GET, &again, &headers);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.unwrap() == new, "all of the new one");
    assert_eq!(files.get(&url, &headers).await.verdict(), (404, "F001"));
    files.system.stop().await;
}
