//! [`Social`]: login by Google, Naver and Kakao (RFC 6749 section 4.1 with RFC 7636; OpenID Connect with Google).

mod client;
mod google;
mod id_tokens;
mod kakao;
mod naver;
pub(crate) mod people;
mod upstream;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use shared::db::{Db, DbError};
use shared::server::StartupError;
use shared::tls::ClientTls;
use shared::{Claims, Clock};
use url::Url;

use crate::config::Config;
use crate::domain::person::Provider;
use crate::domain::social::attempt::{Attempt, Purpose, State, TTL_S, random_text};
use crate::domain::social::profile::Profile;
use crate::domain::social::target::Target;
use crate::domain::social::{SocialRefusal, StateFault};
use crate::issuer::Issuer;
use crate::repository::assertions::AssertionRepository;
pub(crate) use client::{SocialClient, printable};

/// Where providers send browsers back to; the provider's name follows.
pub(crate) const CALLBACK_PATH: &str = "/login/oauth2/code/";
const PART: &str = "social login";
/// In whose name used states are noted: no client is called so, for its name has a space.
const USED_STATES: &str = "social login";
/// A used state is remembered longer than it is good: by then no replica's clock takes it.
const REMEMBERED_S: i64 = TTL_S + 600;

pub(crate) struct Social {
    clients: Vec<SocialClient>,
    used_states: AssertionRepository,
    issuer: Issuer,
    front_end: Url,
}

/// A browser on its way to a provider.
pub(crate) struct Departure {
    pub(crate) url: Url,
    /// For its cookie.
    pub(crate) state: State,
    pub(crate) sealed: String,
}

/// What a provider has sent a browser back with.
pub(crate) struct Arrival<'a> {
    pub(crate) state: &'a State,
    /// `iss` (RFC 9207), where there is one.
    pub(crate) issuer: Option<&'a str>,
    /// The browser's cookie of that state.
    pub(crate) sealed: Option<&'a str>,
}

/// The providers of the settings, and where a browser goes afterwards.
pub(crate) fn declared(
    config: &Config,
    own: &str,
    (clock, tls): (&Arc<dyn Clock>, &ClientTls),
) -> Result<(Vec<SocialClient>, Url), StartupError> {
    let failed = |cause: String| StartupError::Part { part: PART, cause };
    if !config.social.is_empty() && config.user_url.is_none() {
        return Err(failed("without `user_url` nobody can log in".to_owned()));
    }
    let front_end = Url::parse(own).and_then(|own| own.join(&config.front_end_url));
    let front_end = front_end.map_err(|error| failed(format!("`front_end_url`: {error}")))?;
    if !matches!(front_end.scheme(), "https" | "http") {
        return Err(failed("`front_end_url` is a path or an HTTP URL".to_owned()));
    }
    let clients = client::open_all(config, own, (clock, tls)).map_err(failed)?;
    Ok((clients, front_end))
}

impl Social {
    pub(crate) fn open(
        config: &Config,
        db: &Db,
        (issuer, tls): (&Issuer, &ClientTls),
    ) -> Result<Self, StartupError> {
        let (clients, front_end) = declared(config, &issuer.terms.issuer, (&issuer.clock, tls))?;
        let used_states = AssertionRepository::new(db.clone());
        Ok(Self { clients, used_states, issuer: issuer.clone(), front_end })
    }

    /// The provider of this name, as it stands in a path.
    pub(crate) fn find(&self, name: &str) -> Result<&SocialClient, SocialRefusal> {
        let found = self.clients.iter().find(|client| client.path_name() == name);
        found.ok_or(SocialRefusal::NoSuchProvider)
    }

    /// Those by whom people may come, for a page that shows them.
    pub(crate) fn providers(&self) -> Vec<Provider> {
        self.clients.iter().map(|client| client.provider).collect()
    }

    fn now_s(&self) -> i64 {
        self.issuer.now().timestamp()
    }

    /// Sends a browser off.
    pub(crate) fn begin(
        &self,
        client: &SocialClient,
        purpose: Purpose,
        target: Option<Target>,
    ) -> Result<Departure, SocialRefusal> {
        let no_randomness = |_| SocialRefusal::Unexpected("no random bytes".to_owned());
        let state = State::random().map_err(no_randomness)?;
        let nonce = random_text().map_err(no_randomness)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let url = client.authorization_url(&state, &nonce, challenge);
        let (provider, ends_s) = (client.provider, self.now_s() + TTL_S);
        let verifier = verifier.into_secret();
        let attempt = Attempt { provider, nonce, verifier, ends_s, target, purpose };
        let sealed = self.seal(&state, &attempt)?;
        Ok(Departure { url, state, sealed })
    }

    fn seal(&self, state: &State, attempt: &Attempt) -> Result<String, SocialRefusal> {
        let unexpected = |cause: String| SocialRefusal::Unexpected(cause);
        let text = serde_json::to_vec(attempt).map_err(|error| unexpected(error.to_string()))?;
        let keys = self.issuer.mirror.master_keys();
        let sealed = keys.seal(&state.seal_name(), &text);
        let sealed = sealed.map_err(|error| unexpected(error.to_string()))?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What this browser began with this state. It is given once: of all who come with the same, one is first.
    pub(crate) async fn accept(
        &self,
        client: &SocialClient,
        arrival: &Arrival<'_>,
    ) -> Result<Attempt, SocialRefusal> {
        let attempt = self.open_sealed(arrival).ok_or(StateFault::Unknown)?;
        let now_s = self.now_s();
        attempt.check(client.provider, now_s)?;
        if arrival.issuer.is_some_and(|issuer| !client.is_issuer(issuer)) {
            return Err(StateFault::OtherIssuer.into());
        }
        let state = arrival.state.as_str();
        match self.used_states.insert(USED_STATES, state, now_s + REMEMBERED_S).await {
            Ok(true) => Ok(attempt),
            Ok(false) => Err(StateFault::Used.into()),
            Err(DbError::Unavailable(cause)) => Err(SocialRefusal::Unavailable(cause)),
            Err(error) => Err(SocialRefusal::Unexpected(error.to_string())),
        }
    }

    fn open_sealed(&self, arrival: &Arrival<'_>) -> Option<Attempt> {
        let sealed = URL_SAFE_NO_PAD.decode(arrival.sealed?).ok()?;
        let opened = self.issuer.mirror.master_keys().open(&arrival.state.seal_name(), &sealed);
        serde_json::from_slice(&opened.ok()?).ok()
    }

    /// Who it is that came back with this code.
    pub(crate) async fn profile(
        &self,
        client: &SocialClient,
        attempt: &Attempt,
        (code, state): (String, &State),
    ) -> Result<Profile, SocialRefusal> {
        let verifier = PkceCodeVerifier::new(attempt.verifier.clone());
        let tokens = client.exchange(code, verifier, state).await?;
        client.profile(&tokens, (&attempt.nonce, self.now_s())).await
    }

    /// Whether the login whose token began the linking has been ended since.
    pub(crate) fn check_login(&self, claims: &Claims) -> Result<(), SocialRefusal> {
        let ended = self.issuer.mirror.revocations().set().hits(claims, self.now_s());
        if ended { Err(SocialRefusal::LoginEnded) } else { Ok(()) }
    }

    /// A page of the front end, and nothing but the front end.
    pub(crate) fn landing(&self, target: Option<&Target>) -> Url {
        let page = target.and_then(|target| self.front_end.join(target.as_str()).ok());
        let page = page.filter(|page| page.origin() == self.front_end.origin());
        page.unwrap_or_else(|| self.front_end.clone())
    }
}
