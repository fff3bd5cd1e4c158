//! What a handler may use.

use shared::TokenVerifier;
use shared::db::Db;
use shared::server::Stopping;
use tokio::sync::Semaphore;

use crate::authentication::Authenticator;
use crate::issuer::Issuer;
use crate::repository::audit::AuditRepository;
use crate::repository::clients::ClientRepository;
use crate::repository::keys::KeyRepository;
use crate::repository::revocations::RevocationRepository;
use crate::upkeep::Upkeep;

pub(crate) struct AppState {
    pub(crate) authenticator: Authenticator,
    pub(crate) issuer: Issuer,
    /// Reads the tokens of all services.
    pub(crate) verifier: TokenVerifier,
    pub(crate) clients: ClientRepository,
    pub(crate) keys: KeyRepository,
    pub(crate) revocations: RevocationRepository,
    pub(crate) audit: AuditRepository,
    /// Requests for many tokens that are being worked on.
    pub(crate) batches: Semaphore,
    pub(crate) stopping: Stopping,
    /// Ends with the server.
    pub(crate) _upkeep: Upkeep,
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
