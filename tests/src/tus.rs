//! [`Tus`]: somebody who uploads by tus 1.0.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};

use crate::caller::{Answer, Caller, send};

pub struct Tus {
    pub caller: Caller,
    /// The root of file-service's routes.
    files: String,
}

impl Tus {
    pub fn new(caller: &Caller, files: &str) -> Self {
        Self { caller: caller.clone(), files: files.to_owned() }
    }

    /// The same at another replica.
    pub fn at(&self, files: &str) -> Self {
        Self::new(&self.caller, files)
    }

    /// A request that can still be changed; the path may be a whole URL's.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.files);
        self.caller.request(method, &url).header("Tus-Resumable", "1.0.0")
    }

    /// The request that begins an upload.
    pub fn beginning(&self, name: &str, length: u64) -> RequestBuilder {
        let metadata = format!("filename {},filetype {}", encoded(name), encoded("text/plain"));
        self.request(Method::POST, "/api/files/uploads")
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata)
    }

    /// Begins an upload; gives its path.
    pub async fn begin(&self, name: &str, length: u64) -> String {
        let answer = send(self.beginning(name, length)).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.header("location").to_owned()
    }

    /// The request that sends these bytes.
    pub fn patch(
        &self,
        path: &str,
        offset: u64,
        bytes: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        self.request(Method::PATCH, path)
            .header("Upload-Offset", offset)
            .header("Content-Type", "application/offset+octet-stream")
            .body(bytes)
    }

    pub async fn send(&self, path: &str, offset: u64, bytes: Vec<u8>) -> Answer {
        send(self.patch(path, offset, bytes)).await
    }

    pub async fn head(&self, path: &str) -> Answer {
        send(self.request(Method::HEAD, path)).await
    }

    /// How much has come.
    pub async fn offset(&self, path: &str) -> u64 {
        let answer = self.head(path).await;
        answer.header("upload-offset").parse().unwrap_or_else(|_| panic!("{answer:?}"))
    }

    /// The bytes of the file that the upload has become.
    pub async fn downloaded(&self, path: &str) -> Vec<u8> {
        let head = self.head(path).await;
        let id = head.header("baton-file-id");
        assert!(!id.is_empty(), "{head:?}");
        let response = self.request(Method::GET, &format!("/api/files/{id}")).send().await;
        response.expect("an answer").bytes().await.expect("a whole file").to_vec()
    }
}

pub fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}
