//! [`Trusted`]: a cluster that says who its pods are, and where its keys come from.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use shared::Clock;
use shared::RemoteKeys;
use shared::client::http::{Timeouts, http_client_with_tls};
use shared::server::StartupError;
use shared::tls::{ClientFiles, ClientTls};
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
    (clock, tls): (&Arc<dyn Clock>, &ClientTls),
) -> Result<Vec<Trusted>, StartupError> {
    let (mut names, mut issuers) = (BTreeSet::new(), BTreeSet::new());
    let twice =
        declared.iter().find(|own| !names.insert(&own.name) || !issuers.insert(&own.issuer));
    if let Some(twice) = twice {
        let cause = format!("{} ({}) is declared twice", twice.name, twice.issuer);
        return Err(StartupError::Part { part: PART, cause });
    }
    declared.iter().map(|own| open(own, (clock, tls))).collect()
}

fn open(
    declared: &TrustedIssuer,
    (clock, tls): (&Arc<dyn Clock>, &ClientTls),
) -> Result<Trusted, StartupError> {
    let keys: Arc<dyn KeySource> = match (&declared.jwks_url, &declared.jwks_file) {
        (Some(url), _) => {
            let http = http(declared.ca_file.as_deref(), tls)?;
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

/// A cluster is known by its own roots, if they are declared, and does not know our certificate.
fn http(ca_file: Option<&Path>, tls: &ClientTls) -> Result<reqwest::Client, StartupError> {
    let part = StartupError::part(PART);
    let tls = match ca_file {
        None => tls.without_certificate(),
        Some(path) => {
            let files = ClientFiles { ca: Some(path.to_owned()), ..ClientFiles::default() };
            ClientTls::open(&files).map_err(|error| part(error.to_string()))?
        }
    };
    http_client_with_tls(Timeouts::default(), &tls).map_err(|error| part(error.to_string()))
}
