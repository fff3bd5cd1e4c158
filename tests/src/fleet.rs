//! [`Fleet`]: the four services as processes, any number of each, behind a balancer each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use auth_service::commands;
use auth_service::config::Config;
use auth_service::domain::client::{Client, ClientId};
use reqwest::Method;
use shared::Secret;
use standalone::services::exports_handed_on;
use tempfile::TempDir;

use crate::backend::Backend;
use crate::balancer::Balancer;
use crate::caller::Caller;
use crate::oauth::{OAuthClient, declared};
use crate::process::{Process, command, free_ports, is_ready};
use crate::system::ANY_SESSION;

/// A service that answers requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Auth,
    User,
    Order,
    File,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Auth, Self::User, Self::Order, Self::File];

    /// The name of its section of the settings.
    pub fn section(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::User => "user",
            Self::Order => "order",
            Self::File => "file",
        }
    }

    pub fn service(self) -> String {
        format!("{}-service", self.section())
    }
}

type Settings = BTreeMap<String, String>;

/// What the processes have in common. None of them has been started.
pub struct Fleet {
    pub balancers: BTreeMap<Kind, Balancer>,
    /// By service and key; they may be changed before a process is started.
    pub settings: BTreeMap<Kind, Settings>,
    auth: Config,
    backend: Backend,
    folder: TempDir,
}

/// One process of a service.
pub struct Member {
    pub kind: Kind,
    pub process: Process,
    pub address: SocketAddr,
    /// The root of its management port.
    pub management: String,
    settings: Settings,
}

impl Fleet {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::new(folder.path()).await;
        Self::on(folder, backend).await
    }

    /// The same on databases that may hold something already, with files in this folder.
    pub async fn on(folder: TempDir, backend: Backend) -> Self {
        let key = folder.path().join("master.key");
        commands::create_master_key_file(&key).expect("a master key");
        let auth = Config::embedded(&backend.databases.auth, &key).expect("settings");
        let mut balancers = BTreeMap::new();
        for kind in Kind::ALL {
            balancers.insert(kind, Balancer::start().await);
        }
        let mut fleet = Self { balancers, settings: BTreeMap::new(), auth, backend, folder };
        fleet.describe(key).await;
        fleet
    }

    pub fn url(&self, kind: Kind) -> String {
        self.balancers[&kind].url()
    }

    /// A client with all rights, which asks for its tokens by way of the balancer.
    pub async fn client(&self, id: &str) -> OAuthClient {
        let client = Client { session_policy: ANY_SESSION.parse().unwrap(), ..declared(id) };
        OAuthClient::known(&self.url(Kind::Auth), id, self.register(&client).await)
    }

    pub fn batch_database_url(&self) -> String {
        self.backend.databases.batch.clone()
    }

    pub async fn register(&self, client: &Client) -> Secret {
        commands::replace_client(&self.auth, client).await.expect("it is registered")
    }

    async fn describe(&mut self, master_key: PathBuf) {
        let auth = self.url(Kind::Auth);
        let [user, order] = self.secrets().await;
        let master_key = master_key.display().to_string();
        let files = format!("file://{}", self.folder.path().join("files").display());
        let cache = ("cache_url", self.backend.cache_url.clone());
        let databases = self.backend.databases.clone();
        let (user_url, file_url) = (self.url(Kind::User), self.url(Kind::File));
        let token_url = format!("{auth}/oauth2/token");
        let own = [
            vec![
                ("database_url", databases.auth),
                ("master_key_file", master_key),
                ("issuer", auth.clone()),
                ("user_url", user_url),
                cache.clone(),
            ],
            vec![
                ("database_url", databases.user),
                ("auth_url", auth.clone()),
                ("client_secret", user),
                cache.clone(),
            ],
            vec![
                ("database_url", databases.order),
                ("file_url", file_url),
                ("token_url", token_url),
                ("client_secret", order),
                cache,
            ],
            vec![("database_url", databases.file), ("storage_url", files)],
        ];
        for (kind, own) in Kind::ALL.into_iter().zip(own) {
            self.settings.insert(kind, settings_of(kind, own, &auth));
        }
    }

    /// Those of user-service and order-service, which are clients themselves.
    async fn secrets(&self) -> [String; 2] {
        let user = client("user-service", "auth:logins", "auth-service");
        let order = Client {
            hands_on: exports_handed_on().expect("constants"),
            exchange: ["file-service".to_owned()].into(),
            session_policy: "assert:any".parse().unwrap(),
            ..client("order-service", "file:write", "file-service")
        };
        let (user, order) = (self.register(&user).await, self.register(&order).await);
        [user, order].map(|secret| secret.expose().to_owned())
    }

    /// Starts one more process of this service, behind its balancer.
    pub fn start(&self, kind: Kind) -> Member {
        self.start_by(kind, |_| ())
    }

    /// The same, whose log lines can be waited for.
    pub fn start_watched(&self, kind: Kind) -> Member {
        self.start_by(kind, |command| {
            command.stderr(Stdio::piped());
        })
    }

    /// The same by a command that this has changed.
    pub fn start_by(&self, kind: Kind, prepare: impl FnOnce(&mut Command)) -> Member {
        let [port, management] = free_ports();
        let mut settings = self.settings[&kind].clone();
        settings.insert("listen".to_owned(), format!("127.0.0.1:{port}"));
        settings.insert("management_listen".to_owned(), format!("127.0.0.1:{management}"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let management = format!("http://127.0.0.1:{management}");
        let mut command = command_of(kind, &settings);
        prepare(&mut command);
        let process = Process::start(command);
        self.balancers[&kind].add(address, &format!("{management}/readyz"));
        Member { kind, process, address, management, settings }
    }

    /// Waits until so many of each service get connections.
    pub async fn has_ready(&self, replicas: usize) {
        self.has_ready_of(&Kind::ALL, replicas).await;
    }

    /// The same for some of the services.
    pub async fn has_ready_of(&self, kinds: &[Kind], replicas: usize) {
        for kind in kinds {
            while self.balancers[kind].ready() < replicas {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Brings the database of this service up to date, as a process of its own does.
    pub fn migrate(&self, kind: Kind) {
        let output = command_of(kind, &self.settings[&kind]).arg("migrate").output();
        assert!(output.expect("it runs").status.success());
    }

    pub async fn end(self, members: Vec<Member>) {
        drop(members);
        self.backend.drop_databases().await;
    }
}

impl Member {
    pub async fn is_ready(&self) {
        is_ready(&format!("{}/readyz", self.management)).await;
    }

    /// What it says at this path of its management port.
    pub async fn says(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.management);
        let Ok(answer) = Caller::new(None).request(Method::GET, &url).send().await else {
            return (0, String::new());
        };
        (answer.status().as_u16(), answer.text().await.unwrap_or_default())
    }

    /// SIGTERM, and the same again on the same ports when it has ended; gives the exit code.
    pub async fn restart(&mut self) -> Option<i32> {
        self.process.terminate();
        let mut old = std::mem::replace(&mut self.process, Process::start(nothing()));
        let code = tokio::task::spawn_blocking(move || old.wait()).await.expect("it ends");
        self.process = Process::start(command_of(self.kind, &self.settings));
        self.is_ready().await;
        code
    }
}

/// Stands in for a process that has been taken elsewhere.
fn nothing() -> Command {
    Command::new("true")
}

fn command_of(kind: Kind, settings: &Settings) -> Command {
    let prefix = format!("BATON_{}_", kind.section().to_uppercase());
    let variables: Vec<(String, String)> = settings
        .iter()
        .map(|(key, value)| (format!("{prefix}{}", key.to_uppercase()), value.clone()))
        .collect();
    let variables: Vec<(&str, String)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    command(&kind.service(), &variables)
}

fn settings_of(kind: Kind, own: Vec<(&str, String)>, auth: &str) -> Settings {
    let mut settings: Settings =
        own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    if kind != Kind::Auth {
        settings.extend(trusting(auth));
    }
    settings.insert("log".to_owned(), "warn".to_owned());
    settings
}

/// Where tokens come from, as all services but the issuer itself want to know it.
fn trusting(auth: &str) -> Settings {
    let settings = [
        ("issuer", auth.to_owned()),
        ("jwks_url", format!("{auth}/.well-known/jwks.json")),
        ("revocations_url", format!("{auth}/oauth2/revocations")),
    ];
    settings.map(|(key, value)| (key.to_owned(), value)).into()
}

fn client(id: &str, scope: &str, audience: &str) -> Client {
    let id = ClientId::parse(id).expect("a client id");
    let (scopes, audiences) = (scope.parse().expect("a scope"), [audience.to_owned()].into());
    Client { scopes, audiences, ..Client::new(id) }
}
