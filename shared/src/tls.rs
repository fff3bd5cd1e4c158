//! TLS by files: certificates, keys and roots that are read again when they change.
//!
//! - Every 5 s the files are read; what counts is what is in them, not when they were written or what kind of link leads
//!   to them. That is how Kubernetes and cert-manager replace them.
//! - What cannot be used changes nothing: the certificate of before goes on, and a log line says so once.
//! - [`ClientTls`] is for calls out; a listener takes [`ListenerFiles`](crate::server::ListenerFiles) (feature `server-tls`).
//!   PostgreSQL has its files in the URL, Redis takes a [`ClientFiles`] (feature `store-tls`).

mod client;
mod identity;
mod pem;
mod trust;
mod watched;

use std::path::PathBuf;

pub use client::{ClientFiles, ClientTls};
#[cfg(feature = "store-tls")]
pub(crate) use client::{Side, identity};
pub(crate) use identity::Identity;
pub(crate) use pem::Pem;
#[cfg(feature = "store-tls")]
pub(crate) use trust::{Trust, only, system_and};
#[cfg(feature = "server-tls")]
pub(crate) use trust::{roots, signatures};
pub(crate) use watched::Watched;

/// Files that TLS cannot begin with. The text is one line that names the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One file is of no use without another.
    #[error("{0}")]
    Incomplete(&'static str),
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// There is no certificate in a file, or something else, too, that is none.
    #[error("no certificate (PEM) in {path}: {cause}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// There is no private key in a file, or one of a kind that we do not know.
    #[error("no private key (PEM) in {path}: {cause}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The key is another certificate's.
    #[error("the key in {key} does not fit the certificate in {certificate}: {cause}")]
    DoesNotFit {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Nobody could be trusted.
    #[error("no roots to trust: {0}")]
    Roots(String),
}

/// The cryptography that everything here is done with.
pub(crate) fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
