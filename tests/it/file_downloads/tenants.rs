//! Another company's file is one that does not exist, whatever is asked of it.

use reqwest::Method;
use tests::caller::{Answer, send};

use super::{Files, NO_ID, STRANGER, content};

fn without_moment(answer: &Answer) -> (u16, String, Vec<String>) {
    let mut body = answer.body.clone();
    if body.is_object() {
        body["timestamp"] = "then".into();
    }
    let names =
        answer.headers.keys().map(|name| format!("{name}={}", answer.header(name.as_str())));
    let of_the_moment =
        |line: &String| !line.starts_with("date=") && !line.starts_with("x-request");
    let mut names: Vec<String> = names.filter(of_the_moment).collect();
    names.sort();
    (answer.status, body.to_string(), names)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_companys_file_cannot_be_told_from_none() {
    let files = Files::start().await;
    let url = files.upload("application/octet-stream", content(1000)).await;
    let own = files.get(&url, &[]).await;
    let (tag, date) = (own.header("etag"), own.header("last-modified"));
    let stranger = files.system.caller("file-service", STRANGER).await;
    let questions: [&[(&str, &str)]; 10] = [
        &[],
        &[("Range", "bytes=0-0")],
        &[("Range", "bytes=0-0,500-")],
        &[("Range", "bytes=5000-")],
        &[("If-None-Match", tag)],
        &[("If-None-Match", "*")],
        &[("If-Match", "\"other\"")],
        &[("If-Modified-Since", date)],
        &[("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("Range", "bytes=0-"), ("If-Range", tag)],
    ];
    for question in questions {
        for method in [Method::GET, Method::HEAD] {
            let ask = |url: String| {
                let request = stranger.request(method.clone(), &url);
                send(question.iter().fold(request, |it, (name, value)| it.header(*name, *value)))
            };
            let theirs = ask(url.clone()).await;
            let none = ask(format!("{}/{NO_ID}", files.url)).await;
            assert_eq!(theirs.status, 404, "{method} {question:?}");
            assert_eq!(without_moment(&theirs), without_moment(&none), "{method} {question:?}");
        }
    }
    assert_eq!(stranger.get(&url).await.verdict(), (404, "F001"));
    assert_eq!(files.get(&url, &[]).await.status, 200, "it is there");
    files.system.stop().await;
}
