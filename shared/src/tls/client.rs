//! [`ClientTls`]: whom a client trusts, and by which certificate it shows who it is.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{
    DangerousClientConfigBuilder, HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::tls::trust::{self, Trust, signatures};
use crate::tls::{Identity, Pem, TlsError, Watched, provider};

/// Files for calls out, each of which may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Certificates (PEM) of those who are trusted beside the system's roots.
    pub ca: Option<PathBuf>,
    /// Our own certificate with its chain (PEM), for servers that demand one.
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
}

impl ClientFiles {
    /// # Errors
    /// [`TlsError::Incomplete`] when there is a certificate without a key or a key without a certificate.
    pub fn check(&self) -> Result<(), TlsError> {
        if self.certificate.is_some() == self.key.is_some() {
            return Ok(());
        }
        let text = "set both of `tls_client_certificate_file` and `tls_client_key_file`, or none";
        Err(TlsError::Incomplete(text))
    }

    fn are_none(&self) -> bool {
        *self == Self::default()
    }

    fn paths(&self) -> Vec<PathBuf> {
        [&self.ca, &self.certificate, &self.key].into_iter().flatten().cloned().collect()
    }
}

/// Whom calls out trust, and by which certificate they show who calls. Its files are read again every 5 s, so a client
/// that is made with it goes on with what is in them then; connections that are open stay as they are. Clones share
/// everything.
///
/// ```no_run
/// use shared::client::http::{Timeouts, http_client_with_tls};
/// use shared::tls::{ClientFiles, ClientTls};
///
/// let tls = ClientTls::open(&ClientFiles {
///     ca: Some("/var/run/tls/ca.crt".into()),
///     certificate: Some("/var/run/tls/tls.crt".into()),
///     key: Some("/var/run/tls/tls.key".into()),
/// })?;
/// let http = http_client_with_tls(Timeouts::default(), &tls)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct ClientTls {
    /// None where no file is set: the system's roots alone, as everywhere.
    watched: Option<Watched<Side>>,
    anonymous: bool,
}

/// What the files hold.
pub(crate) struct Side {
    pub(crate) trust: Trust,
    pub(crate) identity: Option<Identity>,
}

impl ClientTls {
    /// Reads the files, and looks at them from now on.
    ///
    /// # Errors
    /// A [`TlsError`] that names the file which cannot be used.
    pub fn open(files: &ClientFiles) -> Result<Self, TlsError> {
        files.check()?;
        if files.are_none() {
            return Ok(Self::default());
        }
        Self::always(files)
    }

    /// The same where TLS is spoken in any case: without files as the system's roots have it.
    pub(crate) fn always(files: &ClientFiles) -> Result<Self, TlsError> {
        files.check()?;
        let trusts = files.ca.is_some();
        let make = move |read: &[Pem]| {
            let (ca, own) = read.split_at(usize::from(trusts));
            let trust = Trust::Full(trust::system_and(ca.first())?);
            Ok(Side { trust, identity: identity(own)? })
        };
        let watched = Watched::open("certificates for calls out", files.paths(), make)?;
        Ok(Self { watched: Some(watched), anonymous: false })
    }

    /// The same with another way to trust, for what has its own files.
    #[cfg(feature = "store-tls")]
    pub(crate) fn watching(watched: Watched<Side>) -> Self {
        Self { watched: Some(watched), anonymous: false }
    }

    /// The same without a certificate of our own: for servers of others, whom it does not concern.
    #[must_use]
    pub fn without_certificate(&self) -> Self {
        Self { anonymous: true, ..self.clone() }
    }

    /// Settings for whatever speaks TLS by rustls; None where no file is set. TLS 1.2 and 1.3. No session is resumed: it
    /// would be one of a certificate that may have been replaced.
    #[must_use]
    pub fn rustls(&self) -> Option<ClientConfig> {
        let watched = self.watched.clone()?;
        let anonymous = self.anonymous;
        let way = Arc::new(Way { watched, anonymous });
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .ok()?;
        let builder: DangerousClientConfigBuilder = builder.dangerous();
        let builder = builder.with_custom_certificate_verifier(Arc::clone(&way) as Arc<_>);
        let mut config = builder.with_client_cert_resolver(way);
        config.resumption = Resumption::disabled();
        Some(config)
    }

    /// When our own certificate ends, in seconds since 1970.
    #[must_use]
    pub fn not_after_s(&self) -> Option<u64> {
        let side = self.watched.as_ref()?.current();
        side.identity.as_ref().map(|own| own.not_after_s)
    }

    /// How often new files could not be used.
    #[must_use]
    pub fn reload_failures(&self) -> u64 {
        self.watched.as_ref().map_or(0, Watched::failures)
    }

    /// Puts both into `/metrics`, where there are files.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    #[cfg(any(feature = "actix", feature = "client"))]
    pub fn register(&self, registry: &prometheus::Registry) -> Result<(), prometheus::Error> {
        use crate::exposition::{Exposition, Family};
        if self.watched.is_none() {
            return Ok(());
        }
        let own = self.clone();
        registry.register(Box::new(Exposition::of(move || {
            let failures = Family::counter(
                "tls_client_reload_failures_total",
                "New certificates for calls out that could not be used",
                own.reload_failures(),
            );
            let ends = own.not_after_s().map(|not_after_s| {
                Family::gauge(
                    "tls_client_certificate_not_after_seconds",
                    "When the certificate that calls out show ends, in seconds since 1970",
                    not_after_s,
                )
            });
            std::iter::once(failures).chain(ends).collect()
        })?))
    }
}

/// Certificate and key, or neither.
pub(crate) fn identity(files: &[Pem]) -> Result<Option<Identity>, TlsError> {
    match files {
        [certificate, key] => Identity::read(certificate, key).map(Some),
        _ => Ok(None),
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ClientTls({:?})", self.watched)
    }
}

/// Looks at what is current, for each handshake.
#[derive(Debug)]
struct Way {
    watched: Watched<Side>,
    anonymous: bool,
}

impl ServerCertVerifier for Way {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = (end_entity, intermediates);
        self.watched.current().trust.verify(chain, (server_name, now), ocsp_response)
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

impl ResolvesClientCert for Way {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let side = self.watched.current();
        let own = side.identity.as_ref().filter(|_| self.has_certs())?;
        own.certified.key.choose_scheme(schemes)?;
        Some(Arc::clone(&own.certified))
    }

    fn has_certs(&self) -> bool {
        !self.anonymous
    }
}
