//! auth-service as it is measured: a process of its own with one worker, without limits and without rows for tokens, and
//! a client in it that may act for everybody.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use auth_service::commands;
use auth_service::config::Config;
use auth_service::domain::client::{Client, ClientId};
use auth_service::startup::bind;
use clap::Args;
use serde_json::json;
use shared::{Algorithm, Secret};
use tempfile::TempDir;
use url::form_urlencoded;

use crate::connection::Connection;
use crate::harness::Failure;
use crate::process::{READY, Running};

/// What the tokens are for.
pub const AUDIENCE: &str = "order-service";
/// What they may be used for.
pub const SCOPE: &str = "order:read";
/// The client's name.
pub const CLIENT: &str = "load";
/// For whom it acts.
pub const SESSION: &str = r#"{"companyId":100,"userId":200}"#;
/// Only what goes wrong is logged.
pub const WARN: &str = "warn";
/// The default: a line for each token and one for each request.
pub const INFO: &str = "info";

/// What the process is told.
#[derive(Args)]
pub struct Server {
    /// Its port; the next one is that of its health.
    port: u16,
    /// Where its database and its master key are.
    folder: PathBuf,
    algorithm: Algorithm,
    log: String,
}

/// Serves until it is killed.
pub async fn serve(server: &Server) -> Result<(), Failure> {
    let mut config = config(&server.folder, server.algorithm)?;
    config.listen = format!("127.0.0.1:{}", server.port);
    config.management_listen = format!("127.0.0.1:{}", server.port + 1);
    config.log = server.log.clone().try_into()?;
    shared::telemetry::start(&config.log);
    let bound = bind(&config).await?;
    println!("{READY}");
    Ok(bound.run().await?)
}

fn config(folder: &Path, algorithm: Algorithm) -> Result<Config, Failure> {
    let database = format!("sqlite://{}", folder.join("auth.db").display());
    Ok(Config {
        workers: NonZeroUsize::MIN,
        signing_algorithm: algorithm,
        client_rate_per_s: 0,
        address_rate_per_s: 0,
        audit_grants: false,
        ..Config::embedded(&database, &folder.join("master.key"))?
    })
}

/// The running process.
pub struct Auth {
    server: Running,
    secret: Secret,
    /// Removed when it goes.
    _folder: TempDir,
}

impl Auth {
    /// Starts it on a database of its own. What it logs is thrown away.
    pub fn start(algorithm: Algorithm, log: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        commands::create_master_key_file(&folder.path().join("master.key"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let config = config(folder.path(), algorithm)?;
        let secret = runtime.block_on(commands::replace_client(&config, &client()?))?;
        let arguments = [&folder.path().display().to_string(), algorithm.name(), log];
        let stderr = if log == WARN { Stdio::inherit() } else { Stdio::null() };
        let server = Running::start_with("auth", &arguments, stderr)?;
        Ok(Self { server, secret, _folder: folder })
    }

    pub fn server(&self) -> &Running {
        &self.server
    }

    /// The client's secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// A request for one token.
    pub fn token_request(&self) -> String {
        let form = token_form(self.secret.expose());
        post("/oauth2/token", "application/x-www-form-urlencoded", &form)
    }

    /// A request for so many tokens at once, each for another user.
    pub fn tokens_request(&self, sessions: usize) -> String {
        let session = |user: usize| json!({"companyId": 100, "userId": user + 1}).to_string();
        let body = json!({
            "client_id": CLIENT,
            "client_secret": self.secret.expose(),
            "scope": SCOPE,
            "resource": [AUDIENCE],
            "sessions": (0..sessions).map(session).collect::<Vec<_>>(),
        });
        post("/oauth2/tokens", "application/json", &body.to_string())
    }

    /// How many tokens it has issued one by one, by its own count.
    pub async fn issued(&self) -> Result<usize, Failure> {
        let labels = r#"http_requests_total{method="POST",route="/oauth2/token",status="200"} "#;
        let metrics = self.metrics().await?;
        let count = metrics.lines().find_map(|line| line.strip_prefix(labels));
        Ok(count.ok_or("no tokens are counted")?.parse()?)
    }

    /// How often it has been asked for one token or for many, whatever it has answered.
    pub async fn token_calls(&self) -> Result<usize, Failure> {
        let labels = r#"http_requests_total{method="POST",route="/oauth2/token"#;
        let metrics = self.metrics().await?;
        let lines = metrics.lines().filter(|line| line.starts_with(labels));
        let counts = lines.filter_map(|line| line.rsplit(' ').next());
        Ok(counts.map(str::parse::<usize>).sum::<Result<_, _>>()?)
    }

    async fn metrics(&self) -> Result<String, Failure> {
        let mut health = Connection::open(self.server.port() + 1).await?;
        health.exchange("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await?;
        Ok(String::from_utf8_lossy(health.answer()).into_owned())
    }
}

/// A form that asks for a token.
pub fn token_form(secret: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", CLIENT)
        .append_pair("client_secret", secret)
        .append_pair("scope", SCOPE)
        .append_pair("resource", AUDIENCE)
        .append_pair("session", SESSION)
        .finish()
}

fn client() -> Result<Client, Failure> {
    Ok(Client {
        scopes: SCOPE.parse()?,
        audiences: [AUDIENCE.to_owned()].into(),
        session_policy: "assert:any".parse()?,
        ..Client::new(ClientId::parse(CLIENT)?)
    })
}

/// A request as it is sent.
pub fn post(path: &str, media_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}
