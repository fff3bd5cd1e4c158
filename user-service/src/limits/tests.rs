use actix_web::HttpMessage;
use actix_web::test::TestRequest;
use shared::testing::{StoppedClock, TestIssuer};
use shared::{Algorithm, Identity};

use super::*;
use crate::limits::addresses::X_FORWARDED_FOR;

type Checked = Result<(), Box<dyn std::error::Error>>;

fn limits(clock: &StoppedClock) -> Result<Limits, CacheUnavailable> {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Ok(Limits {
        cache: Cache::open("memory://", Arc::clone(&clock))?,
        clock,
        trusted_proxies: vec![IpAddr::from([10, 0, 0, 1]).into()],
        codes_per_ip: 2,
        code_pause: Duration::from_secs(60),
    })
}

fn wait(verdict: &Result<(), UserError>) -> Option<u64> {
    match verdict {
        Err(
            UserError::TooOften { retry_after_s } | UserError::TooManyFailures { retry_after_s },
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

/// A token, as the middleware leaves it with a request.
async fn identity(scope: &str) -> Result<Identity, Box<dyn std::error::Error>> {
    let clock: Arc<dyn Clock> = Arc::new(StoppedClock::at(1_000_000));
    let issuer = TestIssuer::new(Algorithm::Es256, clock)?;
    let token = issuer.sign(&issuer.claims("user-service", scope.parse()?, None))?;
    let verifier = issuer.verifier("user-service")?;
    Ok(Identity::Token(verifier.verify(token.expose()).await?))
}

#[tokio::test]
async fn whoever_shows_a_token_of_our_own_is_believed_wherever_he_is_and_nobody_else_is() -> Checked
{
    let limits = limits(&StoppedClock::at(0))?;
    let table = [
        (Identity::Anonymous, "192.0.2.1"),
        (identity("account:self user:read").await?, "192.0.2.1"),
        (identity("user:internal").await?, "198.51.100.7"),
    ];
    for (identity, expected) in table {
        let request = TestRequest::default().peer_addr((IpAddr::from([192, 0, 2, 1]), 1).into());
        let forwarded = (X_FORWARDED_FOR, "203.0.113.9, 198.51.100.7");
        let request = request.insert_header(forwarded).to_http_request();
        request.extensions_mut().insert(identity.clone());
        assert_eq!(limits.address(&request).to_string(), expected, "{identity:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_address_gets_thirty_codes_a_day_however_they_are_spread() -> Checked {
    let clock = StoppedClock::at(1_000_000);
    let limits = Limits { code_pause: Duration::ZERO, ..limits(&clock)? };
    let email = Email::parse("a@b.c").map_err(|error| error.to_string())?;
    for number in 0..30 {
        let purpose = if number % 2 == 0 { Purpose::Signup } else { Purpose::PasswordReset };
        assert!(limits.check_address(&email, purpose).await.is_ok(), "{number}");
        clock.advance(Duration::from_secs(600));
    }
    let left = 24 * 3600 - 30 * 600;
    assert_eq!(wait(&limits.check_address(&email, Purpose::Signup).await), Some(left));
    clock.advance(Duration::from_secs(left));
    assert!(limits.check_address(&email, Purpose::Signup).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_caller_names_twenty_wrong_tokens_an_hour_and_right_ones_beside_them() -> Checked {
    let clock = StoppedClock::at(1_000_000);
    let limits = limits(&clock)?;
    let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
    for _ in 0..20 {
        assert!(limits.check_token_guess(one).await.is_ok(), "a right one");
        limits.forget_token_guess(one).await;
        assert!(limits.check_token_guess(one).await.is_ok(), "a wrong one");
    }
    for _ in 0..5 {
        assert_eq!(wait(&limits.check_token_guess(one).await), Some(3600));
    }
    limits.forget_token_guess(one).await;
    assert!(limits.check_token_guess(one).await.is_ok(), "refusals were not counted");
    assert!(limits.check_token_guess(other).await.is_ok());
    clock.advance(HOUR);
    assert!(limits.check_token_guess(one).await.is_ok());
    Ok(())
}
