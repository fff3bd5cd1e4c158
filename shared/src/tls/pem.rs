//! PEM, as files hold it.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::tls::TlsError;

/// A file and what is in it.
pub(crate) struct Pem {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl Pem {
    pub(crate) fn read(path: &Path) -> Result<Self, TlsError> {
        let bytes = std::fs::read(path)
            .map_err(|cause| TlsError::Unreadable { path: path.to_owned(), cause })?;
        Ok(Self { path: path.to_owned(), bytes: bytes.into() })
    }
}

/// The certificates in a file, one at least, in their order.
pub(crate) fn certificates(file: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |cause: String| TlsError::Certificate { path: file.path.clone(), cause };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.bytes).collect();
    let read = read.map_err(|error| wrong(error.to_string()))?;
    if read.is_empty() {
        return Err(wrong("there is none".to_owned()));
    }
    Ok(read)
}

/// The first private key in a file.
pub(crate) fn private_key(file: &Pem) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&file.bytes)
        .map_err(|error| TlsError::Key { path: file.path.clone(), cause: error.to_string() })
}
