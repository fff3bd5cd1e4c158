//! [`Providers`]: stands in for Google, Naver and Kakao, in their own shapes, and does wrong what a test tells it to.

mod endpoints;
mod shapes;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use auth_service::config::{SocialName, SocialProvider};
use shared::testing::TestIssuer;
use shared::{Algorithm, Secret, SystemClock};

/// Their names, as they stand in paths.
pub const NAMES: [&str; 3] = ["google", "naver", "kakao"];

/// What a provider does wrong. What only some of them can do wrong, the others do right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The person says no.
    Denied,
    /// The authorization endpoint answers for another issuer (RFC 9207).
    MixupIss,
    TokenSlow,
    Token500,
    /// The code is refused.
    TokenError,
    TokenGarbage,
    TokenRedirect,
    NoIdToken,
    /// Google's keys cannot be had.
    Certs500,
    WrongNonce,
    WrongAud,
    WrongIss,
    ExpiredIdToken,
    /// The ID token is signed with a key that is not published.
    ForeignKey,
    /// The ID token is not signed at all.
    Unsigned,
    /// The user info is of somebody else than the ID token.
    SubMismatch,
    UserinfoSlow,
    Userinfo500,
    Userinfo401,
    UserinfoGarbage,
    /// JSON, but not of this provider.
    UserinfoShape,
    NaverResultcode,
    HugeUserinfo,
}

/// Whom the providers let in: all of them the same person.
#[derive(Clone, Debug)]
pub struct Somebody {
    /// Digits, as Kakao's are.
    pub subject: String,
    pub email: Option<String>,
    /// What the flag for the address says; without, it is not there.
    pub verified: Option<bool>,
    /// Kakao: whether the address is still his own.
    pub valid: Option<bool>,
    pub name: String,
}

impl Somebody {
    /// With this verified address.
    pub fn with_email(subject: &str, email: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            email: Some(email.to_owned()),
            verified: Some(true),
            valid: Some(true),
            name: "이름".to_owned(),
        }
    }
}

/// A code that was given out.
#[derive(Clone, Debug)]
struct Grant {
    provider: String,
    client_id: String,
    redirect_uri: String,
    challenge: String,
    state: String,
    nonce: Option<String>,
    somebody: Somebody,
}

struct Inner {
    fault: Mutex<Option<Fault>>,
    somebody: Mutex<Somebody>,
    codes: Mutex<HashMap<String, Grant>>,
    tokens: Mutex<HashMap<String, Grant>>,
    token_requests: AtomicUsize,
    google: TestIssuer,
    stranger: TestIssuer,
    url: String,
}

/// The providers, listening.
pub struct Providers {
    inner: Arc<Inner>,
    server: ServerHandle,
}

impl Providers {
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = || TestIssuer::new(Algorithm::Rs256, SystemClock::shared()).unwrap();
        let inner = Arc::new(Inner {
            fault: Mutex::default(),
            somebody: Mutex::new(Somebody::with_email("1001", "somebody@naver.com")),
            codes: Mutex::default(),
            tokens: Mutex::default(),
            token_requests: AtomicUsize::new(0),
            google: key(),
            stranger: key(),
            url,
        });
        let data = web::Data::from(Arc::clone(&inner));
        let app = move || App::new().app_data(data.clone()).configure(endpoints::configure);
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.shutdown_timeout(0).listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { inner, server: handle }
    }

    /// The settings of all three.
    pub fn configured(&self) -> Vec<SocialProvider> {
        let providers = [SocialName::Google, SocialName::Naver, SocialName::Kakao];
        providers.into_iter().zip(NAMES).map(|(name, path)| self.provider(name, path)).collect()
    }

    fn provider(&self, name: SocialName, path: &str) -> SocialProvider {
        let url = |end: &str| Some(format!("{}/{path}/{end}", self.inner.url).parse().unwrap());
        let google = name == SocialName::Google;
        SocialProvider {
            name,
            client_id: client_id(path),
            client_secret: Some(Secret::new(client_secret(path))),
            client_secret_file: None,
            authorization_url: url("authorize"),
            token_url: url("token"),
            user_info_url: url("userinfo"),
            jwks_url: url("certs").filter(|_| google),
            issuer: google.then(|| self.inner.issuer()),
        }
    }

    /// Where they are.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// What goes wrong from now on.
    pub fn fault(&self, fault: impl Into<Option<Fault>>) {
        *self.inner.fault.lock().unwrap() = fault.into();
    }

    /// Who sits before the browser from now on.
    pub fn somebody(&self, somebody: Somebody) {
        *self.inner.somebody.lock().unwrap() = somebody;
    }

    /// How many requests have come to the token endpoints.
    pub fn token_requests(&self) -> usize {
        self.inner.token_requests.load(Ordering::SeqCst)
    }

    /// They do not answer any more.
    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}

impl Inner {
    fn issuer(&self) -> String {
        format!("{}/google", self.url)
    }

    fn fails_by(&self, fault: Fault) -> bool {
        *self.fault.lock().unwrap() == Some(fault)
    }
}

fn client_id(provider: &str) -> String {
    format!("client-at-{provider}")
}

fn client_secret(provider: &str) -> String {
    format!("secret-at-{provider}")
}
