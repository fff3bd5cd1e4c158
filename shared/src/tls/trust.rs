//! [`Trust`]: whose certificates are accepted, and how closely they are looked at.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

use crate::tls::pem::{Pem, certificates};
use crate::tls::{TlsError, provider};

/// How a server is held to be the one that is meant.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// Its certificate is of somebody trusted, and for this name.
    Full(Arc<dyn ServerCertVerifier>),
    /// Its certificate is of somebody trusted, for whatever name.
    #[cfg(feature = "store-tls")]
    Chain(Arc<dyn ServerCertVerifier>),
    /// It is not: encryption alone.
    #[cfg(feature = "store-tls")]
    Nobody,
}

/// The roots in a file.
#[cfg(any(feature = "server-tls", feature = "store-tls"))]
pub(crate) fn roots(file: &Pem) -> Result<rustls::RootCertStore, TlsError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| TlsError::Certificate {
            path: file.path.clone(),
            cause: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// The system's roots, and those in the file.
pub(crate) fn system_and(file: Option<&Pem>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let more = file.map(certificates).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(more, provider());
    Ok(Arc::new(verifier.map_err(|error| TlsError::Roots(error.to_string()))?))
}

/// Those in the file alone.
#[cfg(feature = "store-tls")]
pub(crate) fn only(file: &Pem) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    use rustls::client::WebPkiServerVerifier;
    let roots = Arc::new(roots(file)?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
    let verifier = verifier.map_err(|error| TlsError::Roots(error.to_string()))?;
    Ok(verifier)
}

impl Trust {
    pub(crate) fn verify(
        &self,
        (end_entity, intermediates): (&CertificateDer<'_>, &[CertificateDer<'_>]),
        (name, now): (&ServerName<'_>, UnixTime),
        ocsp: &[u8],
    ) -> Result<ServerCertVerified, Error> {
        match self {
            Self::Full(roots) => {
                roots.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
            #[cfg(feature = "store-tls")]
            Self::Chain(roots) => {
                match roots.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
                    Err(error) if is_of_the_name(&error) => Ok(ServerCertVerified::assertion()),
                    verdict => verdict,
                }
            }
            #[cfg(feature = "store-tls")]
            Self::Nobody => Ok(ServerCertVerified::assertion()),
        }
    }
}

/// The name is looked at last: who is refused for it has passed all else.
#[cfg(feature = "store-tls")]
fn is_of_the_name(error: &Error) -> bool {
    use rustls::CertificateError;
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        )
    )
}

/// What does not depend on who is trusted: that a signature of the handshake is right.
pub(crate) mod signatures {
    use super::{
        CertificateDer, DigitallySignedStruct, Error, HandshakeSignatureValid, SignatureScheme,
        provider,
    };

    pub(crate) fn verify_tls12(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    pub(crate) fn verify_tls13(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    pub(crate) fn schemes() -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
