//! Where a request comes from, as far as somebody says so whom we believe.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::{HttpMessage, HttpRequest};
use shared::Identity;

use crate::limits::Limits;
use crate::routes::INTERNAL;

pub(super) const X_FORWARDED_FOR: &str = "x-forwarded-for";

impl Limits {
    /// Whose address counts: that of the connection; or what auth-service, or a proxy that is believed, says of its caller.
    pub(crate) fn address(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |peer| peer.ip());
        let believed = self.trusted_proxies.iter().any(|proxies| proxies.contains(peer));
        let believed = believed || is_internal(request);
        network(forwarded(request).filter(|_| believed).unwrap_or(peer))
    }
}

/// auth-service hands on what people ask for on its page, and shows a token of its own with it.
fn is_internal(request: &HttpRequest) -> bool {
    let extensions = request.extensions();
    let claims = extensions.get::<Identity>().and_then(Identity::claims);
    claims.is_some_and(|claims| claims.scope.contains(INTERNAL))
}

/// The last entry is of who stands before us; those before it are what its caller has claimed.
fn forwarded(request: &HttpRequest) -> Option<IpAddr> {
    let headers = request.headers().get_all(X_FORWARDED_FOR);
    let last = headers.filter_map(|value| value.to_str().ok()).last()?;
    last.rsplit(',').next()?.trim().parse().ok()
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
