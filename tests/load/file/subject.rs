//! file-service as it is measured: a process of its own with SQLite, a folder, and its session guard.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use file_service::config::Config;
use file_service::startup::bind;
use serde_json::{Value, json};

use super::baseline::piece;
use super::transfers::{self, Transfers};
use crate::harness::Failure;
use crate::issuer::{ISSUER, PublishedIssuer};
use crate::process::{READY, Running};

const COMPANY: u64 = 100;
/// Of one upload; more of them are a failure.
const MOST_REFUSALS: usize = 5;
const RETRY_AFTER: Duration = Duration::from_secs(2);
const CLOSE: &str = "Connection: close\r\n";

/// What the process is told.
#[derive(Args)]
pub struct Server {
    /// Its port; the next one is that of its health.
    port: u16,
    /// Where its database and its objects are.
    folder: PathBuf,
    /// Where the keys are.
    jwks_url: String,
}

/// Serves until it is killed.
pub async fn serve(server: &Server) -> Result<(), Failure> {
    let folder = server.folder.display();
    let config: Config = serde_json::from_value(json!({
        "listen": format!("127.0.0.1:{}", server.port),
        "management_listen": format!("127.0.0.1:{}", server.port + 1),
        "database_url": format!("sqlite://{folder}/file.db"),
        "storage_url": format!("file://{folder}/objects"),
        "max_file_bytes": 2_u64 << 30,
        "issuer": ISSUER,
        "jwks_url": server.jwks_url,
        "log": "warn",
    }))?;
    shared::telemetry::start(&config.log);
    let bound = bind(&config).await?;
    println!("{READY}");
    Ok(bound.run().await?)
}

/// A file of the service, and where its bytes are below the folder of the objects.
pub struct Stored {
    pub id: String,
    pub object: String,
}

/// The running process, and what its callers need.
pub struct Subject {
    server: Running,
    objects: PathBuf,
    token: String,
    jwks_url: String,
}

impl Subject {
    pub fn start(folder: &Path) -> Result<Self, Failure> {
        let issuer = PublishedIssuer::start()?;
        let session = json!({"companyId": COMPANY, "userId": 1}).to_string();
        let token = issuer.token(("file-service", "file:read file:write"), &session)?;
        let jwks_url = issuer.jwks_url().to_owned();
        Self::start_with(folder, token, jwks_url)
    }

    /// Another process beside it, with the same files.
    pub fn again(&self, folder: &Path) -> Result<Self, Failure> {
        Self::start_with(folder, self.token.clone(), self.jwks_url.clone())
    }

    fn start_with(folder: &Path, token: String, jwks_url: String) -> Result<Self, Failure> {
        let server = Running::start("file", &[&folder.display().to_string(), &jwks_url])?;
        Ok(Self { server, objects: folder.join("objects"), token, jwks_url })
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    pub fn process(&self) -> u32 {
        self.server.process()
    }

    pub fn objects(&self) -> PathBuf {
        self.objects.clone()
    }

    pub fn get(&self, file: &Stored) -> String {
        self.request("GET", &format!("/api/files/{}", file.id), "")
    }

    /// A request for the first so many bytes.
    pub fn get_range(&self, file: &Stored, bytes: usize) -> String {
        let range = format!("Range: bytes=0-{}\r\n", bytes - 1);
        self.request("GET", &format!("/api/files/{}", file.id), &range)
    }

    pub fn download(&self, request: &str, bytes: usize) -> Result<(), Failure> {
        transfers::download(self.port(), request, bytes)
    }

    pub fn upload(&self, transfers: &Transfers, bytes: usize) -> Result<Stored, Failure> {
        let answer = transfers.upload(self.port(), &self.post(bytes), bytes)?;
        let id = answer["data"]["id"].as_str().ok_or("no id")?.to_owned();
        Ok(Stored { object: format!("{COMPANY}/{id}"), id })
    }

    /// The same for a thread of its own. A disk that so many write to at once may hold up SQLite for seconds; who is refused
    /// for that comes again, as he is told to. Gives how often.
    pub fn upload_alone(&self, bytes: usize) -> Result<usize, Failure> {
        let mut refused = 0;
        loop {
            match transfers::upload(self.port(), (&self.post(bytes), &piece()), bytes) {
                Ok(_) => return Ok(refused),
                Err(failure) if refused == MOST_REFUSALS => return Err(failure),
                Err(_) => refused += 1,
            }
            std::thread::sleep(RETRY_AFTER);
        }
    }

    pub fn delete(&self, transfers: &Transfers, file: &Stored) -> Result<(), Failure> {
        let request = self.request("DELETE", &format!("/api/files/{}", file.id), CLOSE);
        transfers.upload(self.port(), &request, 0).map(drop)
    }

    fn post(&self, bytes: usize) -> String {
        self.request(
            "POST",
            "/api/files?name=load.bin",
            &format!("{CLOSE}Content-Length: {bytes}\r\n"),
        )
    }

    fn request(&self, method: &str, path: &str, headers: &str) -> String {
        let token = &self.token;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        )
    }
}

/// What an answer says, which has to be a success.
pub fn parsed(answer: &[u8]) -> Result<Value, Failure> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
    if head.starts_with("HTTP/1.1 20") { Ok(serde_json::from_str(body)?) } else { Err(text.into()) }
}
