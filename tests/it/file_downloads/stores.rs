//! What is true of downloads in a folder is true in a bucket.

use reqwest::Method;
use tests::caller::send;
use tests::store::Store;
use tests::tus::{Tus, encoded};

use super::{Files, SESSION, content};

impl Files {
    async fn start_on(store: &Store) -> Self {
        let system = store.system(&[]).await;
        let caller = system.caller("file-service", SESSION).await;
        let url = format!("{}/api/files", system.services.file.url());
        Self { system, caller, url }
    }

    /// The first byte alone, so that it is no beginning of anything.
    async fn upload_by_tus(&self, body: &str) -> String {
        let tus = Tus::new(&self.caller, &self.system.services.file.url());
        let metadata = format!("filename {},filetype {}", encoded("a.html"), encoded("text/html"));
        let beginning = tus.request(Method::POST, "/api/files/uploads");
        let beginning = beginning.header("Upload-Length", body.len());
        let begun = send(beginning.header("Upload-Metadata", metadata)).await;
        let path = begun.header("location");
        tus.send(path, 0, body[..1].into()).await;
        let last = tus.send(path, 1, body[1..].into()).await;
        format!("{}/{}", self.url, last.header("baton-file-id"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_and_conditions_are_the_same_on_every_store() {
    for store in Store::each().await {
        let files = Files::start_on(&store).await;
        let body = content(6_000_000);
        let url = files.upload("application/octet-stream", body.clone()).await;
        for (from, to) in [(0, 0), (5, 70_000), (3_000_000, 5_999_999)] {
            let range = format!("bytes={from}-{to}");
            let request = files.request(Method::GET, &url, &[("Range", &range)]);
            let answer = request.send().await.unwrap();
            let place = format!("bytes {from}-{to}/{}", body.len());
            assert_eq!(answer.status(), 206, "{range}");
            assert_eq!(answer.headers()["content-range"], place);
            assert!(answer.bytes().await.unwrap() == body[from..=to], "{range}");
        }
        let parts = files.get(&url, &[("Range", "bytes=0-0,-1")]).await;
        assert!(parts.header("content-type").starts_with("multipart/byteranges"));
        let beyond = files.get(&url, &[("Range", "bytes=6000000-")]).await;
        assert_eq!(beyond.verdict(), (416, "F004"));
        let tag = files.head(&url, &[]).await.header("etag").to_owned();
        assert_eq!(files.get(&url, &[("If-None-Match", &tag)]).await.status, 304);
        // It was looked up just now, and is gone for all that.
        assert_eq!(files.caller.delete(&url).await.status, 200);
        for headers in [&[][..], &[("Range", "bytes=0-0")], &[("If-None-Match", &tag)]] {
            assert_eq!(files.get(&url, headers).await.verdict(), (404, "F001"), "{headers:?}");
        }
        files.system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_is_plain_text_on_every_store_and_by_every_way_in() {
    let html = "<!DOCTYPE html><script>alert(1)</script>";
    for store in Store::each().await {
        let files = Files::start_on(&store).await;
        let raw = files.upload("text/html", html).await;
        let form = format!(
            "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.html\"\r\n\
             Content-Type: text/html\r\n\r\n{html}\r\n--X--\r\n"
        );
        let form = files.upload("multipart/form-data; boundary=X", form).await;
        for url in [raw, form, files.upload_by_tus(html).await] {
            let answer = files.get(&url, &[]).await;
            assert_eq!((answer.header("content-type"), &*answer.text), ("text/plain", html));
        }
        files.system.stop().await;
    }
}
