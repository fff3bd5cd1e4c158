//! [`Identity`]: a certificate and its key.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::clock::{Clock, SystemClock};
use crate::tls::pem::{Pem, certificates, private_key};
use crate::tls::{TlsError, provider};

/// By what one side of a connection shows who it is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) certified: Arc<CertifiedKey>,
    /// When the certificate ends, in seconds since 1970.
    pub(crate) not_after_s: u64,
}

impl Identity {
    /// The certificate with its chain in one file, the key in the other.
    pub(crate) fn read(certificate: &Pem, key: &Pem) -> Result<Self, TlsError> {
        let chain = certificates(certificate)?;
        let not_after_s = not_after_s(&chain[0])
            .map_err(|cause| TlsError::Certificate { path: certificate.path.clone(), cause })?;
        let read = private_key(key)?;
        let certified = CertifiedKey::from_der(chain, read, &provider()).map_err(|error| {
            let (certificate, key) = (certificate.path.clone(), key.path.clone());
            TlsError::DoesNotFit { certificate, key, cause: error.to_string() }
        })?;
        let own = Self { certified: Arc::new(certified), not_after_s };
        own.warn_if_over(certificate);
        Ok(own)
    }

    fn warn_if_over(&self, file: &Pem) {
        let now = u64::try_from(SystemClock::new().now().timestamp()).unwrap_or_default();
        if self.not_after_s < now {
            let path = file.path.display();
            tracing::warn!(%path, "the certificate in {path} has expired: nobody will accept it");
        }
    }
}

fn not_after_s(certificate: &[u8]) -> Result<u64, String> {
    let read = Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    Ok(read.tbs_certificate.validity.not_after.to_unix_duration().as_secs())
}
