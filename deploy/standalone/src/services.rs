//! [`Services`]: all services, running.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::{DirBuilder, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use auth_service::commands::{self, CommandError};
use auth_service::domain::client::{Client, ClientId};
use auth_service::domain::purpose::{Handing, Purpose, Taking};
use batch_service::jobs::order_exports;
use shared::Secret;

use shared::server::{BoundServer, StartupError, Stopper};
use tokio::task::JoinHandle;
use url::Url;

use crate::options::{Options, Tls};

/// Calls of the batch under way at once.
/// The longest token lifetime that the services accept, in seconds.
const MAX_TOKEN_LIFETIME_S: i64 = 3600;

/// The four services that answer requests, running in this process.
pub struct Services {
    /// auth-service.
    pub auth: Running,
    /// user-service.
    pub user: Running,
    /// order-service.
    pub order: Running,
    /// file-service.
    pub file: Running,
    auth_config: auth_service::config::Config,
    /// Held while they run: two at once on one folder would take the batch's secret from each other.
    _lock: File,
}

/// A service that runs.
#[derive(Debug)]
pub struct Running {
    /// Where its routes are.
    pub address: SocketAddr,
    /// Where its health is.
    pub management_address: SocketAddr,
    scheme: &'static str,
    stopper: Stopper,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    fn start(server: BoundServer, options: &Options) -> Self {
        Self {
            scheme: scheme(options),
            address: server.address(),
            management_address: server.management_address(),
            stopper: server.stopper(),
            task: tokio::spawn(server.run()),
        }
    }

    /// The root of its routes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Finishes the requests under way, then stops.
    pub async fn stop(self) {
        self.stopper.stop().await;
        // What the task has to say about its end interests nobody any more.
        let _ = self.task.await;
    }
}

impl Services {
    /// Starts all of them. The folder and the master key are made where they are missing.
    ///
    /// # Errors
    /// When the folder cannot be written, a port is taken or a database is away.
    pub async fn start(options: &Options) -> Result<Self, StartupError> {
        make_folder(&options.data_dir)?;
        let lock = lock(&options.data_dir)?;
        let mut auth_config = auth_config(options)?;
        let master_key = options.data_dir.join("master.key");
        commands::create_master_key_file(&master_key).map_err(StartupError::part("master key"))?;
        // auth-service and user-service call each other: the one has an address before the other starts.
        let listeners = auth_service::startup::listen(&auth_config)?;
        let auth_url = format!("{}://{}", scheme(options), listeners.address);
        let issuer = options.other_issuer.clone().unwrap_or_else(|| auth_url.clone());
        let user_secret = register_service(&auth_config, user_service()?).await?;
        let order_secret = register_service(&auth_config, order_service()?).await?;
        let configs = Configs { options, issuer, auth_url, user_secret, order_secret };
        let user = Running::start(user_service::startup::bind(&configs.user()?).await?, options);
        let own = url(&user.url())?;
        auth_config.user_url = Some(options.user_url.clone().unwrap_or(own));
        let auth = auth_service::startup::bind_to(listeners, &auth_config).await?;
        let auth = Running::start(auth, options);
        let file = Running::start(file_service::startup::bind(&configs.file()?).await?, options);
        let order = order_service::startup::bind(&configs.order(&file.url())?).await?;
        let order = Running::start(order, options);
        Ok(Self { auth, user, order, file, auth_config, _lock: lock })
    }

    /// Registers a client, or gives it new rights; gives its new secret.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn register(&self, client: &Client) -> Result<Secret, CommandError> {
        commands::replace_client(&self.auth_config, client).await
    }

    /// The settings of a batch that works with these services.
    ///
    /// # Errors
    /// When `batch_settings` has one that there is not.
    pub fn batch_config(
        &self,
        options: &Options,
        (client_id, secret): (&str, Secret),
    ) -> Result<batch_service::config::Config, StartupError> {
        let mut settings = vec![
            ("database_url", options.databases.batch.clone()),
            ("token_url", format!("{}/oauth2/token", self.auth.url())),
            ("client_id", client_id.to_owned()),
            ("client_secret", secret.expose().to_owned()),
            ("order_url", self.order.url()),
            ("user_url", self.user.url()),
            ("file_url", self.file.url()),
        ];
        settings.extend(options.tls.iter().flat_map(client_settings));
        settings.extend(options.batch_settings.clone());
        batch_service::config::Config::of(settings).map_err(StartupError::part("settings"))
    }

    /// Stops all of them.
    pub async fn stop(self) {
        let Self { auth, user, order, file, .. } = self;
        tokio::join!(user.stop(), order.stop(), file.stop());
        auth.stop().await;
    }
}

fn scheme(options: &Options) -> &'static str {
    if options.tls.is_some() { "https" } else { "http" }
}

/// The names of the batch's settings.
fn client_settings(tls: &Tls) -> Vec<(&'static str, String)> {
    let Tls { client: files, .. } = tls;
    let named = [
        ("ca_file", &files.ca),
        ("tls_client_certificate_file", &files.certificate),
        ("tls_client_key_file", &files.key),
    ];
    let set = named.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?)));
    set.map(|(name, path)| (name, path.display().to_string())).collect()
}

/// Sets the files of TLS in the settings of a service, which have the same names in each.
macro_rules! set_tls {
    ($config:expr, $options:expr) => {
        if let Some(Tls { listener, client }) = $options.tls.clone() {
            $config.tls_certificate_file = listener.certificate;
            $config.tls_key_file = listener.key;
            $config.tls_client_ca_file = listener.client_ca;
            $config.ca_file = client.ca;
            $config.tls_client_certificate_file = client.certificate;
            $config.tls_client_key_file = client.key;
        }
    };
}

fn url(text: &str) -> Result<Url, StartupError> {
    text.parse().map_err(StartupError::part("address"))
}

fn make_folder(folder: &Path) -> Result<(), StartupError> {
    let failed = |error: &dyn Display| StartupError::Part {
        part: "data folder",
        cause: format!("{}: {error}", folder.display()),
    };
    // Keys, orders and statements: nobody else's business on this machine.
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))
}

/// The lock goes with the process, however that ends.
fn lock(folder: &Path) -> Result<File, StartupError> {
    let path = folder.join("lock");
    let failed = |cause: String| StartupError::Part { part: "data folder", cause };
    let file =
        File::create(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(failed(format!("{} is in use by another process", folder.display()))),
    }
}

fn auth_config(options: &Options) -> Result<auth_service::config::Config, StartupError> {
    let master_key = options.data_dir.join("master.key");
    let config = auth_service::config::Config::embedded(&options.databases.auth, &master_key);
    let mut config = config.map_err(StartupError::part("settings of auth-service"))?;
    (config.listen, config.management_listen) = options.listen(0);
    config.workers = options.workers;
    set_tls!(config, options);
    config.otlp_url.clone_from(&options.otlp_url);
    config.cache_url.clone_from(&options.cache_url);
    config.signing_algorithm = options.signing_algorithm;
    config.token_ttl_s = options.token_ttl_s;
    config.client_rate_per_s = options.client_rate_per_s.unwrap_or(config.client_rate_per_s);
    config.trusted_issuers.clone_from(&options.trusted_issuers);
    config.social.clone_from(&options.social);
    if let Some(url) = &options.front_end_url {
        config.front_end_url.clone_from(url);
    }
    Ok(config)
}

/// The settings of the services that trust this issuer.
struct Configs<'o> {
    options: &'o Options,
    issuer: String,
    auth_url: String,
    user_secret: Secret,
    order_secret: Secret,
}

/// A service that calls others, with a secret of its own for this run.
async fn register_service(
    auth_config: &auth_service::config::Config,
    client: Client,
) -> Result<Secret, StartupError> {
    let secret = commands::replace_client(auth_config, &client).await;
    secret.map_err(StartupError::part("client of a service"))
}

/// user-service tells auth-service whose logins end.
fn user_service() -> Result<Client, StartupError> {
    let id = ClientId::parse("user-service").map_err(StartupError::part("client"))?;
    Ok(Client {
        scopes: "auth:logins".parse().map_err(StartupError::part("client"))?,
        audiences: ["auth-service".to_owned()].into(),
        ..Client::new(id)
    })
}

/// What the batch takes over from order-service: the sessions of users who have asked for an export.
///
/// # Errors
/// Never in practice: it is made of constants.
pub fn exports_taken_over() -> Result<Taking, StartupError> {
    Ok(Taking {
        resources: ["order-service", "file-service"].map(str::to_owned).into(),
        scope: "order:read file:read file:write".parse().map_err(StartupError::part("client"))?,
    })
}

/// What order-service hands on for that.
///
/// # Errors
/// Never in practice: it is made of constants.
pub fn exports_handed_on() -> Result<BTreeMap<Purpose, Handing>, StartupError> {
    let Taking { resources, scope } = exports_taken_over()?;
    let batch = ClientId::parse("batch-service").map_err(StartupError::part("client"))?;
    let handing = Handing {
        executors: [batch].into(),
        resources,
        scope,
        max_uses: 24,
        max_age_s: 2 * 24 * 3600,
        may_outlive_logout: true,
    };
    let purpose = Purpose::parse(order_exports::NAME).map_err(StartupError::part("client"))?;
    Ok([(purpose, handing)].into())
}

/// order-service writes receipts, by exchanging the payer's token, or in his session when that has ended; and it hands sessions
/// on to the batch.
fn order_service() -> Result<Client, StartupError> {
    let id = ClientId::parse("order-service").map_err(StartupError::part("client"))?;
    Ok(Client {
        hands_on: exports_handed_on()?,
        scopes: "file:write".parse().map_err(StartupError::part("client"))?,
        audiences: ["file-service".to_owned()].into(),
        exchange: ["file-service".to_owned()].into(),
        session_policy: "assert:any".parse().map_err(StartupError::part("client"))?,
        ..Client::new(id)
    })
}

impl Configs<'_> {
    /// Another issuer may have none.
    fn revocations_url(&self) -> Option<String> {
        let own = self.options.other_issuer.is_none();
        own.then(|| format!("{}/oauth2/revocations", self.issuer))
    }

    /// Mail is kept in the folder, to be seen at `/mailbox`, unless there is a server for it.
    fn user(&self) -> Result<user_service::config::Config, StartupError> {
        let options = self.options;
        let config = user_service::config::Config::embedded(&options.databases.user, &self.issuer);
        let mut config = config.map_err(StartupError::part("settings of user-service"))?;
        (config.listen, config.management_listen) = options.listen(1);
        config.workers = options.workers;
        set_tls!(config, options);
        config.otlp_url.clone_from(&options.otlp_url);
        config.revocations_url = self.revocations_url();
        config.max_token_lifetime_s = MAX_TOKEN_LIFETIME_S;
        config.cache_url.clone_from(&options.cache_url);
        config.auth_url = Some(url(&self.auth_url)?);
        config.client_secret = Some(self.user_secret.clone());
        config.smtp_url.clone_from(&options.smtp_url);
        config.mailbox_folder =
            options.smtp_url.is_none().then(|| options.data_dir.join("mailbox"));
        config.code_pause_s = options.code_pause_s.unwrap_or(config.code_pause_s);
        config.codes_per_ip_per_hour =
            options.codes_per_ip_per_hour.unwrap_or(config.codes_per_ip_per_hour);
        Ok(config)
    }

    fn order(&self, file_url: &str) -> Result<order_service::config::Config, StartupError> {
        let options = self.options;
        let config =
            order_service::config::Config::embedded(&options.databases.order, &self.issuer);
        let mut config = config.map_err(StartupError::part("settings of order-service"))?;
        (config.listen, config.management_listen) = options.listen(2);
        config.workers = options.workers;
        set_tls!(config, options);
        config.otlp_url.clone_from(&options.otlp_url);
        config.cache_url.clone_from(&options.cache_url);
        config.revocations_url = self.revocations_url();
        config.max_token_lifetime_s = MAX_TOKEN_LIFETIME_S;
        config.file_url = Some(options.file_url.clone().map_or_else(|| url(file_url), Ok)?);
        config.token_url = Some(url(&format!("{}/oauth2/token", self.auth_url))?);
        config.client_secret = Some(self.order_secret.clone());
        Ok(config)
    }

    /// Files are in the folder, unless the settings say otherwise.
    fn file(&self) -> Result<file_service::config::Config, StartupError> {
        let options = self.options;
        let folder = ("storage_url", storage_url(&options.data_dir));
        let settings: Vec<_> =
            [folder].into_iter().chain(options.file_settings.iter().cloned()).collect();
        let database = &options.databases.file;
        let config = file_service::config::Config::embedded(database, &self.issuer, &settings);
        let mut config = config.map_err(StartupError::part("settings of file-service"))?;
        (config.listen, config.management_listen) = options.listen(3);
        config.workers = options.workers;
        set_tls!(config, options);
        config.otlp_url.clone_from(&options.otlp_url);
        config.revocations_url = self.revocations_url();
        config.max_token_lifetime_s = MAX_TOKEN_LIFETIME_S;
        Ok(config)
    }
}

/// The address of the folder, which a URL can only name from the root.
fn storage_url(data_dir: &Path) -> String {
    let folder = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    format!("file://{}", folder.join("files").display())
}
