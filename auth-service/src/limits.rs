//! [`Limits`]: how often a client, or an address, may ask. Each replica counts by itself.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::HttpRequest;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};
use shared::Network;

use crate::config::Config;

/// A burst may be as large as this many seconds' worth.
const BURST_S: u32 = 10;
/// Wrong credentials for one client from one address: so many at once, and one a second.
const FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);
/// Wrong credentials from one address, whatever client they name.
const ADDRESS_FAILURES: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
const ADDRESS_FAILURES_PER_S: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Somebody has asked too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOften {
    /// When it may be worth another try, in seconds; 1 at least.
    pub(crate) retry_after_s: u64,
}

pub(crate) struct Limits {
    clients: Option<DefaultKeyedRateLimiter<String>>,
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    failures: DefaultKeyedRateLimiter<(IpAddr, String)>,
    address_failures: DefaultKeyedRateLimiter<IpAddr>,
    trusted_proxies: Vec<Network>,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            clients: quota(config.client_rate_per_s).map(RateLimiter::keyed),
            addresses: quota(config.address_rate_per_s).map(RateLimiter::keyed),
            failures: RateLimiter::keyed(Quota::per_second(NonZeroU32::MIN).allow_burst(FAILURES)),
            address_failures: RateLimiter::keyed(
                Quota::per_second(ADDRESS_FAILURES_PER_S).allow_burst(ADDRESS_FAILURES),
            ),
            trusted_proxies: config.trusted_proxies.clone(),
        }
    }

    /// Whose address counts: that of [`Limits::caller`], or for IPv6 the network that it is in.
    pub(crate) fn address(&self, request: &HttpRequest) -> IpAddr {
        network(self.caller(request))
    }

    /// From where a request comes: the address of the connection, or behind a proxy that is believed, what it says of its
    /// caller.
    pub(crate) fn caller(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip());
        let peer = peer.to_canonical();
        if !self.trusted_proxies.iter().any(|proxies| proxies.contains(peer)) {
            return peer;
        }
        let headers = request.headers().get_all(X_FORWARDED_FOR);
        let last = headers.filter_map(|value| value.to_str().ok()).last();
        // The last entry is the proxy's own; those before are what its caller has claimed.
        let caller = last.and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
        caller.unwrap_or(peer)
    }

    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), TooOften> {
        self.addresses.as_ref().map_or(Ok(()), |limiter| checked(limiter, &address))
    }

    /// For a client that is known: others have no limit of their own.
    pub(crate) fn check_client(&self, id: &String) -> Result<(), TooOften> {
        self.clients.as_ref().map_or(Ok(()), |limiter| checked(limiter, id))
    }

    /// The same for a request that is worth several.
    pub(crate) fn check_weight(&self, id: &String, weight: NonZeroU32) -> Result<(), TooOften> {
        let Some(limiter) = &self.clients else { return Ok(()) };
        match limiter.check_key_n(id, weight) {
            Ok(checked) => checked.map_err(|until| too_often(&until)),
            // More than there is in all.
            Err(_) => Err(TooOften { retry_after_s: u64::from(BURST_S) }),
        }
    }

    /// Counts wrong credentials. Whoever sends too many hears 429 in place of 401; right credentials are never refused
    /// because of somebody's wrong ones.
    pub(crate) fn failed(&self, address: IpAddr, client: &str) -> Result<(), TooOften> {
        checked(&self.address_failures, &address)?;
        let client = client.chars().take(100).collect();
        checked(&self.failures, &(address, client))
    }

    /// Forgets those who have not asked for long.
    pub(crate) fn forget_idle(&self) {
        if let Some(clients) = &self.clients {
            clients.retain_recent();
        }
        if let Some(addresses) = &self.addresses {
            addresses.retain_recent();
        }
        self.failures.retain_recent();
        self.address_failures.retain_recent();
    }
}

fn quota(per_s: u32) -> Option<Quota> {
    let per_s = NonZeroU32::new(per_s)?;
    let burst = per_s.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_S - 1));
    Some(Quota::per_second(per_s).allow_burst(burst))
}

fn checked<K: Clone + Eq + std::hash::Hash>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), TooOften> {
    limiter.check_key(key).map_err(|until| too_often(&until))
}

fn too_often(until: &NotUntil<<DefaultClock as Clock>::Instant>) -> TooOften {
    let wait: Duration = until.wait_time_from(DefaultClock::default().now());
    TooOften { retry_after_s: wait.as_secs() + 1 }
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
mod tests;
