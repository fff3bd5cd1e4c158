//! TLS for the listener of the routes: files that are read again, and client certificates where they are demanded.

#[cfg(feature = "server-tls")]
mod listening;

use std::path::PathBuf;

#[cfg(feature = "server-tls")]
use listening::Listening;
use prometheus::Registry;

use crate::server::BindError;

/// Handshakes under way at once in one worker: whoever connects and says nothing holds a place for 5 s.
#[cfg(feature = "server-tls")]
pub(super) const HANDSHAKES: usize = 1024;

/// Files for a listener. None: it speaks plain HTTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerFiles {
    /// Its certificate with its chain (PEM).
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
    /// Certificates (PEM) of those who vouch for callers: a caller without a certificate of theirs does not get through.
    pub client_ca: Option<PathBuf>,
}

impl ListenerFiles {
    /// Whether the listener speaks TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.certificate.is_some()
    }

    /// # Errors
    /// What is missing, in one line.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err("set both of `tls_certificate_file` and `tls_key_file`, or none");
        }
        if self.client_ca.is_some() && !self.is_on() {
            return Err("`tls_client_ca_file` needs `tls_certificate_file` and `tls_key_file`");
        }
        Ok(())
    }
}

/// How a listener speaks: TLS, if its files are set.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    #[cfg(feature = "server-tls")]
    pub(super) listening: Option<Listening>,
}

#[cfg(feature = "server-tls")]
impl From<crate::tls::TlsError> for BindError {
    fn from(error: crate::tls::TlsError) -> Self {
        Self::Tls(error.to_string())
    }
}

impl Tls {
    pub(super) fn open(files: &ListenerFiles) -> Result<Self, BindError> {
        files.check().map_err(|cause| BindError::Tls(cause.to_owned()))?;
        #[cfg(feature = "server-tls")]
        return Ok(Self { listening: Listening::open(files)? });
        #[cfg(not(feature = "server-tls"))]
        match files.is_on() {
            false => Ok(Self {}),
            true => Err(BindError::Tls("this program was built without `server-tls`".to_owned())),
        }
    }

    /// Puts into `/metrics` how its certificate fares.
    pub(super) fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        #[cfg(feature = "server-tls")]
        if let Some(listening) = &self.listening {
            return listening.register(registry);
        }
        let _ = registry;
        Ok(())
    }
}

/// Has a server of actix listen on this port, over TLS if that is on. Gives what its `listen` gives.
#[cfg(feature = "server-tls")]
macro_rules! listen {
    ($server:expr, $listener:expr, $tls:expr) => {
        match &$tls.listening {
            Some(listening) => $server
                .tls_handshake_timeout($crate::server::HEAD_TIMEOUT)
                .max_connection_rate($crate::server::tls::HANDSHAKES)
                .listen_rustls_0_23($listener, listening.config()?),
            None => $server.listen($listener),
        }
    };
}
#[cfg(not(feature = "server-tls"))]
macro_rules! listen {
    ($server:expr, $listener:expr, $tls:expr) => {{
        let _ = &$tls;
        $server.listen($listener)
    }};
}
pub(super) use listen;
