//! What a setting is that nobody has set.

use std::num::NonZeroU32;

use shared::{Algorithm, Scopes};

pub(crate) fn listen() -> String {
    "0.0.0.0:9000".to_owned()
}

pub(crate) fn management_listen() -> String {
    "0.0.0.0:9100".to_owned()
}

pub(crate) fn signing_algorithm() -> Algorithm {
    Algorithm::Es256
}

pub(crate) fn audience() -> String {
    "auth-service".to_owned()
}

pub(crate) fn key_period_s() -> u32 {
    30 * 24 * 3600
}

pub(crate) fn key_lead_s() -> u32 {
    900
}

pub(crate) fn outage_grace_s() -> u32 {
    900
}

pub(crate) fn max_age_s() -> u32 {
    3600
}

pub(crate) fn client_rate_per_s() -> u32 {
    500
}

pub(crate) fn address_rate_per_s() -> u32 {
    2000
}

pub(crate) fn audit_max_tokens() -> u32 {
    1_000_000
}

pub(crate) fn audit_changes_days() -> u32 {
    400
}

pub(crate) fn login_ttl_s() -> u32 {
    600
}

pub(crate) fn login_scope() -> Scopes {
    // Four words of the grammar: it cannot fail.
    "order:read order:write file:read file:write".parse().unwrap_or_default()
}

pub(crate) fn login_audiences() -> Vec<String> {
    ["user-service", "order-service", "file-service"].map(str::to_owned).into()
}

pub(crate) fn login_idle_s() -> u32 {
    14 * 24 * 3600
}

pub(crate) fn login_max_s() -> u32 {
    90 * 24 * 3600
}

pub(crate) fn login_repeat_s() -> u32 {
    60
}

pub(crate) fn max_logins() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(9)
}

pub(crate) fn front_end_url() -> String {
    "/account".to_owned()
}

pub(crate) fn token_ttl_s() -> u32 {
    300
}
