//! A listener's side of TLS: what it shows, and whom it lets in.
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::Registry;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use tracing::debug;

use super::ListenerFiles;
use crate::exposition::{Exposition, Family};
use crate::tls::{Identity, Pem, TlsError, Watched, provider, roots, signatures};

/// A listener's side of TLS.
#[derive(Clone)]
pub(in crate::server) struct Listening {
    way: Arc<Way>,
    demands: bool,
}

/// What the files hold.
struct Side {
    identity: Identity,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Listening {
    /// None where the files are not set.
    pub(in crate::server) fn open(files: &ListenerFiles) -> Result<Option<Self>, TlsError> {
        let (Some(certificate), Some(key)) = (&files.certificate, &files.key) else {
            return Ok(None);
        };
        let (demands, own) = (files.client_ca.is_some(), [certificate.clone(), key.clone()]);
        let paths = own.into_iter().chain(files.client_ca.clone()).collect();
        let watched = Watched::open("certificate of the listener", paths, side)?;
        let refused = AtomicU64::default();
        Ok(Some(Self { way: Arc::new(Way { watched, refused }), demands }))
    }

    /// Over HTTP/1.1 alone: what HTTP/2 does within its one connection has no limits of ours.
    pub(in crate::server) fn config(&self) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Roots(error.to_string()))?;
        let resolver = Arc::clone(&self.way) as Arc<dyn ResolvesServerCert>;
        if !self.demands {
            return Ok(builder.with_no_client_auth().with_cert_resolver(resolver));
        }
        let verifier = Arc::clone(&self.way) as Arc<dyn ClientCertVerifier>;
        let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
        // Who comes again is looked at again: his certificate may have expired, or its root be gone.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    pub(in crate::server) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        let way = Arc::clone(&self.way);
        registry.register(Box::new(Exposition::of(move || way.families())?))
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Listening({:?})", self.way)
    }
}

fn side(files: &[Pem]) -> Result<Side, TlsError> {
    let [certificate, key, more @ ..] = files else {
        return Err(TlsError::Incomplete("a certificate and its key"));
    };
    let clients = more.first().map(clients).transpose()?;
    Ok(Side { identity: Identity::read(certificate, key)?, clients })
}

fn clients(file: &Pem) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots = Arc::new(roots(file)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
    verifier.map_err(|error| TlsError::Roots(error.to_string()))
}

/// Looks at what is current, for each handshake.
#[derive(Debug)]
struct Way {
    watched: Watched<Side>,
    /// Client certificates that were not accepted.
    refused: AtomicU64,
}

impl Way {
    fn families(&self) -> Vec<Family> {
        vec![
            Family::gauge(
                "tls_certificate_not_after_seconds",
                "When the listener's certificate ends, in seconds since 1970",
                self.watched.current().identity.not_after_s,
            ),
            Family::counter(
                "tls_reload_failures_total",
                "New certificates of the listener that could not be used",
                self.watched.failures(),
            ),
            Family::counter(
                "tls_client_certificates_refused_total",
                "Certificates of callers that were not accepted",
                self.refused.load(Ordering::Relaxed),
            ),
        ]
    }
}

impl ResolvesServerCert for Way {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.watched.current().identity.certified))
    }
}

impl ClientCertVerifier for Way {
    /// Nobody is told beforehand whom we trust, so callers show what they have.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let side = self.watched.current();
        let clients = side.clients.as_ref().ok_or_else(|| Error::General("nobody".into()))?;
        let verdict = clients.verify_client_cert(end_entity, intermediates, now);
        verdict.inspect_err(|error| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            debug!(cause = %error, "a caller's certificate was not accepted: {error}");
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signatures::verify_tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signatures::verify_tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signatures::schemes()
    }
}
