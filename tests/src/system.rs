//! [`System`]: all services, running in this process on databases of their own.

use std::time::Duration;

use serde_json::Value;
use standalone::options::Options;
use standalone::services::Services;
use standalone::settlement::client_for_all_companies;
use tempfile::TempDir;

use auth_service::domain::client::Client;
use auth_service::domain::policy::SessionPolicy;
use shared::Secret;
use shared::tls::ClientTls;

use crate::backend::Backend;
use crate::caller::Caller;
use crate::oauth::{OAuthClient, declared};
use crate::{known_secrets, logs};

/// Every scope that a service asks for.
pub const ALL_SCOPES: &str = "order:read order:write order:settle order:import order:export user:read user:import file:read file:write file:expire user:dormancy account:self";

/// The session policy that lets a client be anybody, with every role and attribute.
pub const ANY_SESSION: &str = r#"{"assert":{"companies":"any","roles":"any","attributes":"any"}}"#;

/// All services, running.
pub struct System {
    pub services: Services,
    pub options: Options,
    backend: Backend,
    /// Removed when the system goes.
    _folder: TempDir,
}

impl System {
    /// Starts all services on free ports.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with other options.
    pub async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        logs::start_if_wanted();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = Backend::new(folder.path()).await;
        let mut options = Options::embedded(folder.path());
        options.databases = backend.databases.clone();
        options.cache_url.clone_from(&backend.cache_url);
        change(&mut options);
        let services = Services::start(&options).await.expect("the services start");
        note_keys(&options);
        Self { services, options, backend, _folder: folder }
    }

    /// Registers a client that may act for every company, with every scope.
    pub async fn client_for_all(&self, id: &str) -> Secret {
        self.client(id, ALL_SCOPES, ANY_SESSION).await
    }

    /// Registers a client with this session policy.
    pub async fn client(&self, id: &str, scope: &str, policy: &str) -> Secret {
        let policy: SessionPolicy = policy.parse().expect("a session policy");
        let client = client_for_all_companies(id, scope).expect("a client");
        let client = Client { session_policy: policy, ..client };
        let secret = self.services.register(&client).await.expect("it is registered");
        known_secrets::note(secret.expose());
        secret
    }

    /// Somebody who may do everything at `/admin`.
    pub async fn admin(&self) -> Caller {
        let client = Client {
            scopes: "auth:admin".parse().unwrap(),
            audiences: ["auth-service".to_owned()].into(),
            ..declared("admin")
        };
        let answer = OAuthClient::register(self, &client).await.token(&[]).await;
        Caller::new(Some(answer.access_token().to_owned()))
    }

    /// The row of the audit log that this says yes to, as soon as it is written.
    pub async fn audit_row(&self, admin: &Caller, wanted: impl Fn(&Value) -> bool) -> Value {
        let url = format!("{}/admin/audit?limit=1000", self.services.auth.url());
        for _ in 0..100 {
            let rows = admin.get(&url).await.body["data"].clone();
            if let Some(row) = rows.as_array().and_then(|rows| rows.iter().find(|row| wanted(row)))
            {
                return row.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no such row in the audit log");
    }

    /// Asks user-service's database; rows of one column, `text`.
    pub async fn ask_user(&self, sql: &str) -> Vec<String> {
        self.backend.ask_user(sql).await
    }

    /// Somebody who calls without a token.
    pub fn stranger(&self) -> Caller {
        match &self.options.tls {
            None => Caller::new(None),
            Some(tls) => Caller::over_tls(&ClientTls::open(&tls.client).expect("files for TLS")),
        }
    }

    /// Somebody with a token of auth-service for this service, on behalf of this session.
    pub async fn caller(&self, service: &str, session: &str) -> Caller {
        let secret = self.client_for_all("test-caller").await;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "test-caller"),
            ("client_secret", secret.expose()),
            ("resource", service),
            ("session", session),
        ];
        let answer = self.stranger().post_form(&self.token_url(), &form).await;
        self.stranger().with_token(answer.access_token())
    }

    pub fn token_url(&self) -> String {
        format!("{}/oauth2/token", self.services.auth.url())
    }

    /// How many requests auth-service has answered at this path, from its metrics.
    pub async fn count_at_auth(&self, path: &str, status: u16) -> u64 {
        let url = format!("http://{}/metrics", self.services.auth.management_address);
        let metrics = self.stranger().get(&url).await.text;
        let labels = format!(r#"{{method="POST",route="{path}",status="{status}"}}"#);
        let line = metrics.lines().find(|line| line.contains(&labels));
        line.and_then(|line| line.rsplit_once(' ')).map_or(0, |(_, count)| count.parse().unwrap())
    }

    /// Stops the services and drops their databases.
    pub async fn stop(self) {
        self.services.stop().await;
        self.backend.drop_databases().await;
    }
}

/// The master key, and passwords in addresses.
fn note_keys(options: &Options) {
    let key = std::fs::read_to_string(options.data_dir.join("master.key"));
    known_secrets::note(&key.unwrap_or_default());
    let passwords =
        [&options.databases.auth, &options.cache_url].map(|url| url.parse::<url::Url>());
    for url in passwords.into_iter().flatten() {
        known_secrets::note(url.password().unwrap_or_default());
    }
}
