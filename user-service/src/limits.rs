//! [`Limits`]: how often somebody may ask. All replicas count together.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use shared::cache::{Cache, CacheUnavailable};
use shared::{Clock, UserId};

use crate::domain::codes::Purpose;
use crate::domain::user::Email;
use crate::error::UserError;

const HOUR: Duration = Duration::from_secs(3600);
/// Codes to one address in an hour, for either purpose.
const CODES_PER_ADDRESS: u64 = 10;
/// Wrong passwords of somebody who is logged in already.
const WRONG_PASSWORDS: u64 = 5;
const X_FORWARDED_FOR: &str = "x-forwarded-for";

pub(crate) struct Limits {
    pub(crate) cache: Cache,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Codes for one caller in an hour; 0: as many as he likes.
    pub(crate) codes_per_ip: u64,
    /// How long the next code to the same address has to wait.
    pub(crate) code_pause: Duration,
}

/// So often within so long.
struct Window {
    key: String,
    most: u64,
    per: Duration,
}

impl Limits {
    /// Whose address counts: that of the connection, or behind a proxy that is believed, what it says of its caller.
    pub(crate) fn address(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip());
        if !self.trusted_proxies.contains(&peer.to_canonical()) {
            return network(peer);
        }
        let headers = request.headers().get_all(X_FORWARDED_FOR);
        let last = headers.filter_map(|value| value.to_str().ok()).last();
        // The last entry is the proxy's own; those before are what its caller has claimed.
        let caller = last.and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
        network(caller.unwrap_or(peer))
    }

    /// Counts a code that this caller asks for.
    pub(crate) async fn check_caller(&self, caller: IpAddr) -> Result<(), UserError> {
        let key = format!("code_limit:ip:{caller}");
        self.count(&Window { key, most: self.codes_per_ip, per: HOUR }).await
    }

    /// Counts a code to this address. Nothing differs by whether anybody has an account there.
    pub(crate) async fn check_address(
        &self,
        email: &Email,
        purpose: Purpose,
    ) -> Result<(), UserError> {
        let pause = Window { key: pause_key(email, purpose), most: 1, per: self.code_pause };
        if !self.code_pause.is_zero() {
            self.count(&pause).await?;
        }
        let key = format!("code_limit:{}", email.as_str());
        self.count(&Window { key, most: CODES_PER_ADDRESS, per: HOUR }).await
    }

    /// The next code need not wait: this one was never sent.
    pub(crate) async fn lift_pause(
        &self,
        email: &Email,
        purpose: Purpose,
    ) -> Result<(), CacheUnavailable> {
        self.cache.delete(&pause_key(email, purpose)).await
    }

    /// Counts a password before it is known to be wrong: of many at once no more are compared than may be wrong.
    pub(crate) async fn check_guess(&self, user: UserId) -> Result<(), UserError> {
        let window = Window { key: guess_key(user), most: WRONG_PASSWORDS, per: HOUR };
        self.count(&window).await.map_err(|error| match error {
            UserError::TooOften { retry_after_s } => UserError::TooManyFailures { retry_after_s },
            error => error,
        })
    }

    /// It was right, so it was no guess.
    pub(crate) async fn forget_guesses(&self, user: UserId) -> Result<(), CacheUnavailable> {
        self.cache.delete(&guess_key(user)).await
    }

    async fn count(&self, window: &Window) -> Result<(), UserError> {
        let Window { key, most, per } = window;
        if *most == 0 {
            return Ok(());
        }
        let (sum, ends) = (self.cache.count(key, *per).await?, format!("{key}:ends"));
        let now_ms = self.clock.now().timestamp_millis();
        let per_ms = i64::try_from(per.as_millis()).unwrap_or(i64::MAX);
        if sum == 1 {
            let at = now_ms.saturating_add(per_ms).to_string();
            self.cache.insert(&ends, &at, *per).await?;
        }
        if sum <= *most {
            return Ok(());
        }
        let at = self.cache.find(&ends).await?.and_then(|at| at.parse().ok());
        let left_ms = at.map_or(per_ms, |at: i64| at.saturating_sub(now_ms).clamp(1, per_ms));
        let retry_after_s = u64::try_from(left_ms).unwrap_or_default().div_ceil(1000);
        Err(UserError::TooOften { retry_after_s })
    }
}

fn pause_key(email: &Email, purpose: Purpose) -> String {
    format!("code_pause:{purpose}:{}", email.as_str())
}

fn guess_key(user: UserId) -> String {
    format!("wrong_password:{user}")
}

/// Whoever has one address of IPv6 has the 2^64 beside it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use shared::testing::StoppedClock;

    use super::*;

    type Checked = Result<(), Box<dyn std::error::Error>>;

    fn limits(clock: &StoppedClock) -> Result<Limits, CacheUnavailable> {
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        Ok(Limits {
            cache: Cache::open("memory://", Arc::clone(&clock))?,
            clock,
            trusted_proxies: vec![IpAddr::from([10, 0, 0, 1])],
            codes_per_ip: 2,
            code_pause: Duration::from_secs(60),
        })
    }

    fn wait(verdict: &Result<(), UserError>) -> Option<u64> {
        match verdict {
            Err(
                UserError::TooOften { retry_after_s }
                | UserError::TooManyFailures { retry_after_s },
            ) => Some(*retry_after_s),
            _ => None,
        }
    }

    #[tokio::test]
    async fn the_next_code_to_an_address_waits_a_minute_and_the_eleventh_an_hour() -> Checked {
        let clock = StoppedClock::at(1_000_000);
        let limits = limits(&clock)?;
        let email = Email::parse("a@b.c").map_err(|error| error.to_string())?;
        assert!(limits.check_address(&email, Purpose::Signup).await.is_ok());
        clock.advance(Duration::from_millis(20_500));
        assert_eq!(wait(&limits.check_address(&email, Purpose::Signup).await), Some(40));
        assert!(limits.check_address(&email, Purpose::PasswordReset).await.is_ok());
        limits.lift_pause(&email, Purpose::Signup).await?;
        assert!(limits.check_address(&email, Purpose::Signup).await.is_ok());
        for _ in 0..7 {
            clock.advance(Duration::from_secs(60));
            assert!(limits.check_address(&email, Purpose::Signup).await.is_ok());
        }
        clock.advance(Duration::from_secs(60));
        let left = 3600 - 20 - 8 * 60;
        assert_eq!(wait(&limits.check_address(&email, Purpose::Signup).await), Some(left));
        Ok(())
    }

    #[tokio::test]
    async fn a_caller_gets_so_many_codes_an_hour_and_five_wrong_passwords() -> Checked {
        let clock = StoppedClock::at(1_000_000);
        let limits = limits(&clock)?;
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert!(limits.check_caller(one).await.is_ok() && limits.check_caller(one).await.is_ok());
        assert_eq!(wait(&limits.check_caller(one).await), Some(3600));
        assert!(limits.check_caller(other).await.is_ok());
        for _ in 0..5 {
            assert!(limits.check_guess(UserId::MIN).await.is_ok());
        }
        assert_eq!(wait(&limits.check_guess(UserId::MIN).await), Some(3600));
        clock.advance(HOUR);
        assert!(limits.check_caller(one).await.is_ok());
        assert!(limits.check_guess(UserId::MIN).await.is_ok());
        Ok(())
    }

    #[test]
    fn an_address_is_what_the_connection_says_or_a_proxy_that_is_believed() -> Checked {
        let limits = limits(&StoppedClock::at(0))?;
        let seen = |peer: &str, forwarded: &str| -> Result<String, std::net::AddrParseError> {
            let request = TestRequest::default().peer_addr((peer.parse::<IpAddr>()?, 1).into());
            let request = request.insert_header((X_FORWARDED_FOR, forwarded)).to_http_request();
            Ok(limits.address(&request).to_string())
        };
        assert_eq!(seen("192.0.2.1", "198.51.100.7")?, "192.0.2.1");
        assert_eq!(seen("10.0.0.1", "203.0.113.9, 198.51.100.7")?, "198.51.100.7");
        assert_eq!(seen("10.0.0.1", "nonsense")?, "10.0.0.1");
        assert_eq!(seen("2001:db8:1:2:3:4:5:6", "")?, "2001:db8:1:2::");
        assert_eq!(seen("::ffff:192.0.2.1", "")?, "192.0.2.1");
        Ok(())
    }
}
