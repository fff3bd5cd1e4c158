//! [`Trusted`]: a cluster that says who its pods are, and where its keys come from.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use reqwest::Certificate;
use shared::Clock;
use shared::RemoteKeys;
use shared::client::http::{Timeouts, http_client, http_client_trusting};
use shared::server::StartupError;
use shared::token::key_set::KeySource;

use crate::authentication::file_keys::FileKeys;
use crate::config::TrustedIssuer;

pub(crate) struct Trusted {
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) max_age_s: i64,
    pub(crate) keys: Arc<dyn KeySource>,
}

const PART: &str = "trusted issuers";

/// All that are declared, each with a name and an `iss` of its own.
pub(crate) fn open_all(
    declared: &[TrustedIssuer],
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Trusted>, StartupError> {
    let (mut names, mut issuers) = (BTreeSet::new(), BTreeSet::new());
    let twice =
        declared.iter().find(|own| !names.insert(&own.name) || !issuers.insert(&own.issuer));
    if let Some(twice) = twice {
        let cause = format!("{} ({}) is declared twice", twice.name, twice.issuer);
        return Err(StartupError::Part { part: PART, cause });
    }
    declared.iter().map(|own| open(own, clock)).collect()
}

fn open(declared: &TrustedIssuer, clock: &Arc<dyn Clock>) -> Result<Trusted, StartupError> {
    let keys: Arc<dyn KeySource> = match (&declared.jwks_url, &declared.jwks_file) {
        (Some(url), _) => {
            let http = http(declared.ca_file.as_deref())?;
            Arc::new(RemoteKeys::new(http, url.clone(), Arc::clone(clock)))
        }
        (None, file) => {
            let file = file.clone().unwrap_or_default();
            let keys = FileKeys::open(file, Arc::clone(clock)).map_err(StartupError::part(PART))?;
            Arc::new(keys)
        }
    };
    Ok(Trusted {
        name: declared.name.clone(),
        issuer: declared.issuer.clone(),
        audience: declared.audience.clone(),
        max_age_s: i64::from(declared.max_age_s),
        keys,
    })
}

fn http(ca_file: Option<&Path>) -> Result<reqwest::Client, StartupError> {
    let client = match ca_file {
        None => http_client(Timeouts::default()),
        Some(path) => {
            let pem = std::fs::read(path)
                .map_err(|error| format!("{}: {error}", path.display()))
                .map_err(StartupError::part(PART))?;
            let roots = Certificate::from_pem_bundle(&pem).map_err(StartupError::part(PART))?;
            http_client_trusting(Timeouts::default(), roots)
        }
    };
    client.map_err(StartupError::part(PART))
}
