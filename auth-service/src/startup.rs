//! From settings to a server that listens: the one place that constructs things.

use std::net::SocketAddr;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared::clock::SystemClock;
use shared::db::{self, Db, Migrations};
use shared::health::Readiness;
use shared::server::{BoundServer, Listeners, Parts, StartupError};
use shared::{Clock, TokenSigner};

use crate::config::Config;
use crate::domain::grant::Terms;
use crate::domain::key::{KeyRing, StoredKey};
use crate::error::CommandError;
use crate::repository::clients::ClientRepository;
use crate::repository::keys::KeyRepository;
use crate::routes;
use crate::seal::MasterKey;
use crate::state::AppState;

const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

fn migrations() -> Migrations {
    Migrations { postgres: POSTGRES, sqlite: SQLITE }
}

/// Brings the database up to date.
///
/// # Errors
/// When it is away or a migration fails.
pub async fn migrate(config: &Config) -> Result<(), StartupError> {
    let migrated = db::migrate(&config.database_url, migrations()).await;
    migrated.map_err(StartupError::part("database"))
}

/// The database, brought up to date if the settings say so.
pub(crate) async fn open_database(config: &Config) -> Result<Db, StartupError> {
    let migrations = config.migrate.then(migrations);
    let db = Db::start(&config.database_url, config.max_connections.get(), migrations).await;
    db.map_err(StartupError::part("database"))
}

/// A server that listens.
///
/// # Errors
/// When an address is taken, the database is away, or the master key is not the one that sealed the keys.
pub async fn bind(config: &Config) -> Result<BoundServer, StartupError> {
    let master_key = MasterKey::from_config(config).map_err(StartupError::part("master key"))?;
    let listeners = Listeners::bind(&config.listen())?;
    let db = open_database(config).await?;
    let clock = SystemClock::shared();
    let repository = KeyRepository::new(db.clone());
    let keys = KeyLoader { config, master_key, repository, clock: &*clock };
    let keys = keys.load().await.map_err(StartupError::part("signing keys"))?;
    let issuer = issuer(config, listeners.address)?;
    let terms = Terms { issuer, token_ttl_s: config.token_ttl_s };
    let clients = ClientRepository::new(db.clone());
    let state = web::Data::new(AppState { clients, keys, terms, clock });
    let readiness = Readiness::new().needs_database(&db);
    let parts = Parts::new(readiness);
    Ok(listeners.serve(parts, move || routes::routes().app_data(state.clone()))?)
}

/// Others reach this server at the address that it listens on only if they are on the same machine.
fn issuer(config: &Config, address: SocketAddr) -> Result<String, StartupError> {
    match &config.issuer {
        Some(issuer) if !issuer.is_empty() => Ok(issuer.clone()),
        None if address.ip().is_loopback() => Ok(format!("http://{address}")),
        _ => {
            let cause = "set it to the URL at which clients reach this server".to_owned();
            Err(StartupError::Part { part: "issuer", cause })
        }
    }
}

/// Loads the signing keys; makes one on an empty database.
struct KeyLoader<'c> {
    config: &'c Config,
    master_key: MasterKey,
    repository: KeyRepository,
    clock: &'c dyn Clock,
}

impl KeyLoader<'_> {
    async fn load(&self) -> Result<KeyRing, CommandError> {
        let mut stored = self.repository.list().await?;
        if !stored.iter().any(|key| self.signs(key)) {
            self.repository.insert_unless_made(self.make_key()?).await?;
            stored = self.repository.list().await?;
        }
        let mut public = Vec::with_capacity(stored.len());
        let mut active = None;
        for key in &stored {
            let signer = self.open(key)?;
            public.push(signer.public_key().clone());
            if self.signs(key) {
                active = Some(signer);
            }
        }
        let signer = active.ok_or(CommandError::Crypto)?;
        KeyRing::new(signer, public).map_err(|_| CommandError::Crypto)
    }

    fn signs(&self, key: &StoredKey) -> bool {
        key.active && key.algorithm == self.config.signing_algorithm
    }

    fn make_key(&self) -> Result<StoredKey, CommandError> {
        let algorithm = self.config.signing_algorithm;
        let pkcs8 = TokenSigner::generate(algorithm).map_err(|_| CommandError::Crypto)?;
        let signer =
            TokenSigner::from_pkcs8(algorithm, &pkcs8).map_err(|_| CommandError::Crypto)?;
        let kid = signer.kid().to_owned();
        let sealed_private_key = self.master_key.seal(&kid, &pkcs8)?;
        let created_at = self.clock.now();
        Ok(StoredKey { kid, algorithm, sealed_private_key, active: true, created_at })
    }

    fn open(&self, key: &StoredKey) -> Result<TokenSigner, CommandError> {
        let pkcs8 = self.master_key.open(&key.kid, &key.sealed_private_key)?;
        TokenSigner::from_pkcs8(key.algorithm, &pkcs8).map_err(|_| CommandError::Crypto)
    }
}
