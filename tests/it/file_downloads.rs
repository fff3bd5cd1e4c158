//! Files on their way out: in parts, on conditions, and never as something that a browser runs.

mod conditions;
mod disguises;
mod ranges;
mod readers;
mod stores;
mod tenants;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use standalone::options::Options;
use tests::caller::{Answer, Caller, send};
use tests::system::System;

const SESSION: &str = r#"{"companyId":1,"userId":2}"#;
const STRANGER: &str = r#"{"companyId":2,"userId":2}"#;
/// What no file has.
const NO_ID: &str = "019f0000-0000-7000-8000-000000000000";

/// Somebody with files.
struct Files {
    system: System,
    caller: Caller,
    url: String,
}

impl Files {
    async fn start() -> Self {
        let system = System::start().await;
        let caller = system.caller("file-service", SESSION).await;
        let url = format!("{}/api/files", system.services.file.url());
        Self { system, caller, url }
    }

    /// Uploads; the path of the new file.
    async fn upload(&self, declared: &str, body: impl Into<Vec<u8>>) -> String {
        let request = self.caller.request(Method::POST, &self.url).query(&[("name", "a \"b\".x")]);
        let answer = send(request.header(CONTENT_TYPE, declared).body(body.into())).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        format!("{}/{}", self.url, answer.body["data"]["id"].as_str().unwrap())
    }

    fn request(&self, method: Method, url: &str, headers: &[(&str, &str)]) -> RequestBuilder {
        let request = self.caller.request(method, url);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }

    async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        send(self.request(Method::GET, url, headers)).await
    }

    async fn head(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        send(self.request(Method::HEAD, url, headers)).await
    }

    /// Where the bytes of a file are.
    fn object(&self, url: &str) -> std::path::PathBuf {
        let Options { data_dir, .. } = &self.system.options;
        data_dir.join("files/1").join(url.rsplit('/').next().unwrap())
    }
}

/// Bytes of which no two neighbourhoods are alike; not text.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place % 251) as u8 ^ (place / 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn head_says_what_get_says() {
    let files = Files::start().await;
    for size in [0, 1, 100_000] {
        let url = files.upload("application/octet-stream", content(size)).await;
        let (get, head) = (files.get(&url, &[]).await, files.head(&url, &[]).await);
        assert_eq!((get.status, head.status), (200, 200));
        assert_eq!((get.header("content-length"), head.text.len()), (&*size.to_string(), 0));
        for name in get.headers.keys() {
            if !["date", "x-request-id"].contains(&name.as_str()) {
                assert_eq!(get.headers[name], head.headers[name], "{name}");
            }
        }
        assert_eq!(get.headers.len(), head.headers.len());
        assert_eq!(head.header("accept-ranges"), "bytes");
        let ranged = files.head(&url, &[("Range", "bytes=0-0")]).await;
        assert_eq!(
            (ranged.status, ranged.header("content-range")),
            (200, ""),
            "only GET has ranges"
        );
    }
    files.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_short_or_gone_is_not_made_up() {
    let files = Files::start().await;
    let url = files.upload("application/octet-stream", content(1000)).await;
    std::fs::write(files.object(&url), content(999)).unwrap();
    let partial = [("Range", "bytes=0-9")];
    let same = [("If-None-Match", "*")];
    for headers in [&[][..], &partial, &same] {
        assert_eq!(files.get(&url, headers).await.verdict(), (500, "C009"), "{headers:?}");
    }
    std::fs::remove_file(files.object(&url)).unwrap();
    assert_eq!(files.get(&url, &[]).await.verdict(), (500, "C009"));
    assert_eq!(files.head(&url, &[]).await.status, 500);
    files.system.stop().await;
}
