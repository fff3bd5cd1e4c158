//! [`Parts`]: what a server is made of beside its routes, and [`Stopping`], which tells its handlers that it ends.

use std::sync::Arc;

use prometheus::Registry;
use tokio::sync::watch;

use crate::health::Readiness;
use crate::routes::{AuditError, Routes};
#[cfg(feature = "client")]
use crate::server::StartupError;
use crate::session_source::SessionSource;
use crate::trace::Tracer;

/// What the server is made of, beside its routes.
#[derive(Clone, Debug)]
pub struct Parts {
    pub(super) source: Option<SessionSource>,
    #[cfg(feature = "client")]
    keys: Option<crate::RemoteKeys>,
    #[cfg(feature = "client")]
    feed: Option<crate::RevocationFeed>,
    #[cfg(all(feature = "client", feature = "tls"))]
    client_tls: crate::tls::ClientTls,
    pub(super) readiness: Readiness,
    pub(super) registry: Registry,
    pub(super) stopping: Stopping,
    pub(super) tracer: Tracer,
}

impl Parts {
    /// A server that does not find out who calls: its routes are public, or do that by themselves.
    #[must_use]
    pub fn new(readiness: Readiness) -> Self {
        Self {
            source: None,
            #[cfg(feature = "client")]
            keys: None,
            #[cfg(feature = "client")]
            feed: None,
            #[cfg(all(feature = "client", feature = "tls"))]
            client_tls: crate::tls::ClientTls::default(),
            readiness,
            registry: Registry::new(),
            stopping: Stopping::default(),
            tracer: Tracer::default(),
        }
    }

    /// The same, whose requests are steps of traces that go there. What has not gone when the server stops is given a moment.
    #[must_use]
    pub fn traced_by(self, tracer: Tracer) -> Self {
        Self { tracer, ..self }
    }

    /// For what is done beside the requests.
    #[must_use]
    pub fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// The same with the metrics that every service of ours has, and with its traces on their way to where the settings say.
    /// `service` is its name and version.
    ///
    /// # Errors
    /// [`StartupError::Part`] when the collector's URL is none.
    #[cfg(feature = "telemetry")]
    pub fn with_telemetry(
        self,
        service: (&'static str, &'static str),
        traces: &crate::telemetry::Traces,
    ) -> Result<Self, StartupError> {
        let telemetry = crate::telemetry::Telemetry::start(service, traces, || self.http());
        let telemetry = telemetry.map_err(StartupError::part("otlp_url"))?;
        telemetry.register(&self.registry).map_err(StartupError::part("metrics"))?;
        Ok(self.traced_by(telemetry.tracer()))
    }

    /// The same, which shows how the connections to this database fare.
    ///
    /// # Errors
    /// [`StartupError::Part`] when it shows those of another one already.
    #[cfg(feature = "store")]
    pub fn with_database(self, db: &crate::db::Db) -> Result<Self, crate::server::StartupError> {
        let registered = db.register(&self.registry);
        registered.map_err(crate::server::StartupError::part("metrics"))?;
        Ok(self)
    }

    /// Tells when the server stops; for handlers that wait for something and would hold it up.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        self.stopping.clone()
    }

    /// The same, which finds out who calls by what this verifier or [`SessionSource`] accepts.
    #[must_use]
    pub fn with_source(self, source: impl Into<SessionSource>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The same with an issuer's keys: the service is ready when it has them, and `/metrics` shows how they fare.
    #[cfg(feature = "client")]
    #[must_use]
    pub fn with_issuer(self, verifier: crate::TokenVerifier, keys: &crate::RemoteKeys) -> Self {
        let readiness = self.readiness.clone().needs_keys(keys);
        Self { keys: Some(keys.clone()), readiness, ..self }.with_source(verifier)
    }

    /// The same with the revocations that the verifier looks at: they are followed from now on, and `/metrics` shows how
    /// they fare. A verifier that does not look at any is found at the start.
    #[cfg(feature = "client")]
    #[must_use]
    pub fn with_revocations(self, feed: &crate::RevocationFeed) -> Self {
        feed.start();
        Self { feed: Some(feed.clone()), ..self }
    }

    /// The same, which trusts an issuer's server as this says, and shows it this certificate; `/metrics` shows how the files
    /// fare. Before [`Parts::with_tokens_of`].
    #[cfg(all(feature = "client", feature = "tls"))]
    #[must_use]
    pub fn with_client_tls(self, client_tls: &crate::tls::ClientTls) -> Self {
        Self { client_tls: client_tls.clone(), ..self }
    }

    /// Whom calls out trust, and what they show; for further clients.
    #[cfg(all(feature = "client", feature = "tls"))]
    #[must_use]
    pub fn client_tls(&self) -> &crate::tls::ClientTls {
        &self.client_tls
    }

    /// The client that the issuer's keys and revocations are fetched with.
    #[cfg(feature = "client")]
    fn http(&self) -> Result<crate::client::http::HttpClient, StartupError> {
        use crate::client::http::{self, Timeouts};
        #[cfg(feature = "tls")]
        let made = http::http_client_with_tls(Timeouts::default(), &self.client_tls);
        #[cfg(not(feature = "tls"))]
        let made = http::http_client(Timeouts::default());
        made.map_err(StartupError::part("HTTP client"))
    }

    /// The same for tokens of the issuer whose keys are at `jwks_url`. With `revocations_url` its revocations are followed,
    /// too: what it revokes is refused within a second.
    ///
    /// # Errors
    /// [`StartupError::Part`] that names the setting with a URL that is none.
    #[cfg(feature = "client")]
    pub fn with_tokens_of(
        self,
        jwks_url: &str,
        revocations_url: Option<&str>,
        expectation: crate::Expectation,
    ) -> Result<Self, StartupError> {
        let (verifier, keys, feed) =
            trusted(self.http()?, (jwks_url, revocations_url), expectation)?;
        let parts = self.with_issuer(verifier, &keys);
        Ok(match feed {
            Some(feed) => parts.with_revocations(&feed),
            None => parts,
        })
    }

    /// Whether [`Parts::with_tokens_of`] can use these settings; nobody is called.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "client")]
    pub fn check_tokens_of(
        &self,
        jwks_url: &str,
        revocations_url: Option<&str>,
        expectation: crate::Expectation,
    ) -> Result<(), StartupError> {
        trusted(self.http()?, (jwks_url, revocations_url), expectation).map(drop)
    }

    pub(super) fn audit(&self, routes: &Routes) -> Result<(), AuditError> {
        #[cfg(feature = "client")]
        if self.feed.is_some()
            && !self.source.as_ref().is_some_and(SessionSource::knows_revocations)
        {
            return Err(AuditError::of(
                "revocations are followed, and the verifier does not look at them",
            ));
        }
        routes.audit_with(self.source.as_ref())
    }

    pub(super) fn register(&self) -> Result<(), prometheus::Error> {
        #[cfg(all(feature = "client", feature = "tls"))]
        self.client_tls.register(&self.registry)?;
        #[cfg(feature = "client")]
        if let Some(keys) = &self.keys {
            keys.register(&self.registry)?;
        }
        #[cfg(feature = "client")]
        if let Some(feed) = &self.feed {
            feed.register(&self.registry)?;
        }
        self.source.as_ref().map_or(Ok(()), |source| source.register(&self.registry))
    }

    /// What `/metrics` shows; for metrics of your own, or of a
    /// token cache.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

#[cfg(feature = "client")]
type Trusted = (crate::TokenVerifier, crate::RemoteKeys, Option<crate::RevocationFeed>);

#[cfg(feature = "client")]
fn trusted(
    http: crate::client::http::HttpClient,
    (jwks_url, revocations_url): (&str, Option<&str>),
    expectation: crate::Expectation,
) -> Result<Trusted, StartupError> {
    let trusted = crate::RemoteKeys::verifier_with(http, jwks_url, expectation);
    let (verifier, keys) = trusted.map_err(StartupError::part("jwks_url"))?;
    let Some(url) = revocations_url else { return Ok((verifier, keys, None)) };
    let following = crate::RevocationFeed::following(verifier, &keys, url);
    let (verifier, feed) = following.map_err(StartupError::part("revocations_url"))?;
    Ok((verifier, keys, Some(feed)))
}

/// Tells that the server stops: it takes no new requests, and waits for those under way.
#[derive(Clone, Debug, Default)]
pub struct Stopping(Arc<watch::Sender<bool>>);

impl Stopping {
    /// Resolves when it does; at once when it has begun to already.
    pub async fn begun(&self) {
        // Its own sender is alive, so there is no other end to wait for.
        let _ = self.0.subscribe().wait_for(|stopping| *stopping).await;
    }

    pub(super) fn begin(&self) {
        self.0.send_replace(true);
    }
}
