//! [`Replica`]: auth-service as a process, one of several on one database.

use std::path::Path;

use auth_service::commands;
use auth_service::config::Config;
use auth_service::domain::client::Client;
use shared::{Expectation, RemoteKeys, RevocationFeed, TokenVerifier};

use crate::logs;
use crate::oauth::OAuthClient;
use crate::process::{Process, free_ports, is_ready, unheard};

/// What tokens say that they come from, whichever replica has signed them.
pub const ISSUER: &str = "https://auth.test";

/// What replicas have in common.
pub struct Cluster {
    config: Config,
    cache_url: String,
    more: Vec<(&'static str, String)>,
}

impl Cluster {
    /// Replicas on this database, with a master key in this folder.
    pub fn new(database_url: &str, cache_url: &str, folder: &Path) -> Self {
        let key = folder.join("master.key");
        commands::create_master_key_file(&key).expect("a master key");
        let config = Config::embedded(database_url, &key).expect("settings");
        Self { config, cache_url: cache_url.to_owned(), more: Vec::new() }
    }

    /// The same with this setting, too.
    pub fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.more.push((variable, value.to_owned()));
        self
    }

    fn settings(&self, ports: [u16; 2]) -> Vec<(&'static str, String)> {
        let file = self.config.master_key_file.as_ref().expect("a master key");
        let mut settings = vec![
            ("BATON_AUTH_DATABASE_URL", self.config.database_url.clone()),
            ("BATON_AUTH_MASTER_KEY_FILE", file.display().to_string()),
            ("BATON_AUTH_CACHE_URL", self.cache_url.clone()),
            ("BATON_AUTH_ISSUER", ISSUER.to_owned()),
            ("BATON_AUTH_LISTEN", format!("127.0.0.1:{}", ports[0])),
            ("BATON_AUTH_MANAGEMENT_LISTEN", format!("127.0.0.1:{}", ports[1])),
            ("BATON_AUTH_LOG", logs::level("warn")),
        ];
        settings.extend(self.more.iter().cloned());
        settings
    }

    /// Starts one that is not to become ready; gives its exit code.
    pub async fn start_in_vain(&self) -> Option<i32> {
        let mut replica = Replica::start(self.settings(free_ports()));
        tokio::task::spawn_blocking(move || replica.process.wait()).await.expect("it ends")
    }

    /// Starts one, and waits until it is ready.
    pub async fn start(&self) -> Replica {
        let replica = Replica::start(self.settings(free_ports()));
        is_ready(&replica.health).await;
        replica
    }

    /// Registers a client in the database itself.
    pub async fn register(&self, client: &Client, replica: &Replica) -> OAuthClient {
        let secret = commands::replace_client(&self.config, client).await.expect("registered");
        OAuthClient::known(&replica.url, client.id.as_str(), secret)
    }

    pub fn config(&self) -> &Config {
        &self.config
    }
}

pub struct Replica {
    pub url: String,
    health: String,
    process: Process,
    settings: Vec<(&'static str, String)>,
}

impl Replica {
    fn start(settings: Vec<(&'static str, String)>) -> Self {
        let at = |name: &str| {
            let (_, address) = settings.iter().find(|(own, _)| *own == name).expect("an address");
            format!("http://{address}")
        };
        let url = at("BATON_AUTH_LISTEN");
        let health = format!("{}/readyz", at("BATON_AUTH_MANAGEMENT_LISTEN"));
        let process = Process::start(unheard("auth-service", &settings));
        Self { url, health, process, settings }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, and its exit code.
    pub async fn terminate(mut self) -> Option<i32> {
        self.process.terminate();
        tokio::task::spawn_blocking(move || self.process.wait()).await.expect("it ends")
    }

    /// The same again, on the same ports.
    pub async fn restart(&mut self) {
        self.process = Process::start(unheard("auth-service", &self.settings));
        is_ready(&self.health).await;
    }

    /// A verifier that gets keys and revocations from this replica.
    pub fn verifier(&self, audience: &str) -> TokenVerifier {
        let expectation = Expectation {
            issuer: ISSUER.to_owned(),
            audience: audience.to_owned(),
            max_lifetime_s: 3600,
        };
        let keys =
            RemoteKeys::verifier(&format!("{}/.well-known/jwks.json", self.url), expectation);
        let (verifier, keys) = keys.expect("a verifier");
        let feed = format!("{}/oauth2/revocations", self.url);
        RevocationFeed::following(verifier, &keys, &feed).expect("a feed").0
    }
}
