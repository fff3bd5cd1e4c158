//! Policies as the first release stored them: `{"kind":"assert","companies":{"listed":[1]}}`. They allowed every role
//! and attribute, and go on doing so until they are set anew.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use shared::{CompanyId, Session};

use super::{Allowed, AllowedAttributes, Bounds, SessionPolicy};

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Stored {
    None,
    Fixed { session: Value },
    Assert { companies: Companies },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Companies {
    Any,
    Listed(BTreeSet<CompanyId>),
}

pub(super) fn policy(text: &str) -> Option<SessionPolicy> {
    Some(match serde_json::from_str(text).ok()? {
        Stored::None => SessionPolicy::None,
        Stored::Fixed { session } => {
            SessionPolicy::Fixed(Session::parse(&session.to_string()).ok()?)
        }
        Stored::Assert { companies } => SessionPolicy::Assert(Box::new(Bounds {
            companies: match companies {
                Companies::Any => Allowed::Any,
                Companies::Listed(listed) => Allowed::Listed(listed),
            },
            users: Allowed::Any,
            roles: Allowed::Any,
            attributes: AllowedAttributes::Any,
            max_ttl_s: None,
        })),
    })
}
