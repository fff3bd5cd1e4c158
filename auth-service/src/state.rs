//! What a handler may use.

use shared::TokenVerifier;
use shared::db::Db;
use shared::server::Stopping;
use tokio::sync::Semaphore;

use crate::authentication::Authenticator;
use crate::domain::person::Provider;
use crate::error::AccountError;
use crate::handoffs::Handoffs;
use crate::issuer::Issuer;
use crate::login_gate::LoginGate;
use crate::logins::Logins;
use crate::repository::audit::AuditRepository;
use crate::repository::clients::ClientRepository;
use crate::repository::keys::KeyRepository;
use crate::repository::revocations::RevocationRepository;
use crate::social::Social;
use crate::upkeep::Upkeep;
use crate::user_api::UserApi;

pub(crate) struct AppState {
    pub(crate) authenticator: Authenticator,
    pub(crate) issuer: Issuer,
    /// Reads the tokens of all services.
    pub(crate) verifier: TokenVerifier,
    pub(crate) clients: ClientRepository,
    pub(crate) keys: KeyRepository,
    pub(crate) revocations: RevocationRepository,
    pub(crate) audit: AuditRepository,
    pub(crate) logins: Logins,
    pub(crate) handoffs: Handoffs,
    pub(crate) gate: LoginGate,
    /// None: nobody can log in here.
    pub(crate) users: Option<UserApi>,
    pub(crate) social: Social,
    /// Beside this server's own: origins whose pages may use the refresh cookie.
    pub(crate) front_end_origins: Vec<String>,
    /// Requests for many tokens that are being worked on.
    pub(crate) batches: Semaphore,
    pub(crate) stopping: Stopping,
    /// Ends with the server.
    pub(crate) _upkeep: Upkeep,
}

impl AppState {
    pub(crate) fn providers(&self) -> Vec<Provider> {
        self.social.providers()
    }

    pub(crate) fn users(&self) -> Result<&UserApi, AccountError> {
        self.users.as_ref().ok_or(AccountError::NotConfigured)
    }
}

/// The repositories of one database.
pub(crate) struct Repositories {
    pub(crate) clients: ClientRepository,
    pub(crate) keys: KeyRepository,
    pub(crate) revocations: RevocationRepository,
    pub(crate) audit: AuditRepository,
}

impl Repositories {
    pub(crate) fn new(db: &Db) -> Self {
        Self {
            clients: ClientRepository::new(db.clone()),
            keys: KeyRepository::new(db.clone()),
            revocations: RevocationRepository::new(db.clone()),
            audit: AuditRepository::new(db.clone()),
        }
    }
}
