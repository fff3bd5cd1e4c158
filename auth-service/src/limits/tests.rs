use std::path::Path;

use actix_web::test::TestRequest;

use super::*;

type Checked = Result<(), Box<dyn std::error::Error>>;

fn limits(change: impl FnOnce(&mut Config)) -> Result<Limits, shared::config::ConfigError> {
    let mut config = Config::embedded("sqlite://unused", Path::new("unused"))?;
    change(&mut config);
    Ok(Limits::new(&config))
}

fn ip(text: &str) -> Result<IpAddr, std::net::AddrParseError> {
    text.parse()
}

#[test]
fn a_burst_is_ten_times_the_rate_and_each_counts_for_himself() -> Checked {
    let limits = limits(|config| config.client_rate_per_s = 1)?;
    let (one, other) = ("one".to_owned(), "other".to_owned());
    assert!((0..10).all(|_| limits.check_client(&one).is_ok()));
    assert!(limits.check_client(&one).is_err_and(|too_often| too_often.retry_after_s >= 1));
    assert!(limits.check_client(&other).is_ok());
    Ok(())
}

#[test]
fn without_a_rate_there_is_no_limit() -> Checked {
    let limits = limits(|config| (config.client_rate_per_s, config.address_rate_per_s) = (0, 0))?;
    let address = ip("192.0.2.1")?;
    let client = "c".to_owned();
    assert!((0..100_000).all(|_| limits.check_client(&client).is_ok()));
    assert!((0..100_000).all(|_| limits.check_address(address).is_ok()));
    Ok(())
}

#[test]
fn wrong_credentials_of_one_address_are_not_held_against_another() -> Checked {
    let limits = limits(|_| ())?;
    let (bad, good) = (ip("192.0.2.1")?, ip("192.0.2.2")?);
    assert!((0..20).all(|_| limits.failed(bad, "c").is_ok()));
    assert!(limits.failed(bad, "c").is_err());
    assert!(limits.failed(bad, "d").is_ok() && limits.failed(good, "c").is_ok());
    Ok(())
}

#[test]
fn an_address_is_what_the_connection_says_or_a_proxy_that_is_believed() -> Checked {
    let proxy = ip("10.0.0.1")?;
    let network = "10.0.0.0/30".parse()?;
    let limits = limits(|config| config.trusted_proxies = vec![network])?;
    let seen = |peer: &str, forwarded: &str| -> Result<IpAddr, Box<dyn std::error::Error>> {
        let request = TestRequest::default().peer_addr((ip(peer)?, 1).into());
        let request = request.insert_header((X_FORWARDED_FOR, forwarded)).to_http_request();
        Ok(limits.address(&request))
    };
    assert_eq!(seen("192.0.2.1", "198.51.100.7")?, ip("192.0.2.1")?);
    assert_eq!(seen("10.0.0.4", "198.51.100.7")?, ip("10.0.0.4")?);
    assert_eq!(seen("10.0.0.1", "203.0.113.9, 198.51.100.7")?, ip("198.51.100.7")?);
    assert_eq!(seen("10.0.0.1", "nonsense")?, proxy);
    assert_eq!(seen("2001:db8:1:2:3:4:5:6", "")?, ip("2001:db8:1:2::")?);
    assert_eq!(seen("::ffff:192.0.2.1", "")?, ip("192.0.2.1")?);
    Ok(())
}
