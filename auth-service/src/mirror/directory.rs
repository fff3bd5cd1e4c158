//! [`Directory`]: all clients, by name and by service account.

use std::collections::HashMap;
use std::sync::Arc;

use shared::KeySet;

use crate::domain::client::{Client, ServiceAccount};
use crate::domain::secret::StoredSecret;
use crate::repository::clients::StoredClient;

/// A client that may ask, with what it proves itself by.
pub(crate) struct Registered {
    pub(crate) client: Client,
    pub(crate) from_file: bool,
    pub(crate) secrets: Vec<StoredSecret>,
    /// Its public keys, read once.
    pub(crate) keys: KeySet,
}

#[derive(Default)]
pub(crate) struct Directory {
    by_id: HashMap<String, Arc<Registered>>,
    by_account: HashMap<ServiceAccount, Arc<Registered>>,
}

impl Directory {
    pub(crate) fn new(stored: Vec<StoredClient>) -> Self {
        let mut directory = Self::default();
        for StoredClient { client, from_file, secrets } in stored {
            let keys = KeySet::from_jwks(client.keys.iter().cloned()).unwrap_or_default();
            let registered = Arc::new(Registered { client, from_file, secrets, keys });
            if let Some(account) = &registered.client.service_account {
                directory.by_account.insert(account.clone(), Arc::clone(&registered));
            }
            directory.by_id.insert(registered.client.id.to_string(), registered);
        }
        directory
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Arc<Registered>> {
        self.by_id.get(id)
    }

    pub(crate) fn find_by_account(&self, account: &ServiceAccount) -> Option<&Arc<Registered>> {
        self.by_account.get(account)
    }

    /// All of them, by their ids.
    pub(crate) fn list(&self) -> Vec<&Arc<Registered>> {
        let mut all: Vec<_> = self.by_id.values().collect();
        all.sort_by(|one, other| one.client.id.cmp(&other.client.id));
        all
    }
}
