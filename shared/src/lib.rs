#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod clock;
pub mod config;
pub mod envelope;
#[cfg(any(feature = "actix", feature = "tower"))]
pub mod gateway;
pub mod identity;
pub mod network;
pub mod paging;
pub mod policy;
pub mod refusal;
pub mod scopes;
pub mod secret;
pub mod session;
#[cfg(any(feature = "actix", feature = "tower"))]
pub mod session_source;
mod strict_json;
pub mod token;
pub mod trace;

#[cfg(feature = "actix")]
mod body;
#[cfg(any(feature = "actix", feature = "client", feature = "store"))]
mod exposition;
#[cfg(feature = "actix")]
pub mod edge;
#[cfg(feature = "actix")]
pub mod extractor;
#[cfg(feature = "actix")]
pub mod guard;
#[cfg(feature = "actix")]
pub mod health;
#[cfg(feature = "actix")]
pub mod middleware;
#[cfg(feature = "actix")]
pub mod reply;
#[cfg(feature = "actix")]
pub mod routes;
#[cfg(feature = "actix")]
pub mod server;
#[cfg(feature = "openapi")]
pub mod openapi;

#[cfg(feature = "tls")]
pub mod tls;

#[cfg(feature = "tower")]
pub mod tower;

#[cfg(feature = "client")]
pub mod client;

#[cfg(feature = "store")]
pub mod cache;
#[cfg(feature = "store")]
pub mod db;
#[cfg(feature = "store")]
pub mod idempotency;

#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "telemetry")]
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use clock::{Clock, SystemClock, Timestamp};
pub use identity::{Identity, MaybeSession};
pub use network::Network;
pub use policy::Policy;
pub use refusal::{Reason, Refusal};
pub use scopes::Scopes;
pub use secret::Secret;
pub use session::{CompanyId, Session, SessionError, Tenant, UserId};
#[cfg(any(feature = "actix", feature = "tower"))]
pub use session_source::SessionSource;
pub use token::algorithm::Algorithm;
pub use token::key_set::{Jwk, Jwks, KeySet};
#[cfg(feature = "client")]
pub use token::remote_keys::RemoteKeys;
pub use token::revocation::{Revocation, RevocationKind, RevocationSource, Revocations};
#[cfg(feature = "client")]
pub use token::revocation_feed::RevocationFeed;
pub use token::signer::{SigningError, TokenSigner};
pub use token::verifier::{Expectation, TokenVerifier, VerifiedToken};
pub use token::{AccessToken, Claims, TokenError};
pub use trace::TraceContext;

#[cfg(feature = "actix")]
pub use extractor::Caller;
#[cfg(feature = "actix")]
pub use guard::{require_role, require_scope, require_session};
#[cfg(feature = "actix")]
pub use middleware::SessionMiddleware;
#[cfg(feature = "actix")]
pub use reply::{ApiError, ApiResponse, ErrorCode};
#[cfg(feature = "actix")]
pub use routes::Routes;

#[cfg(feature = "client")]
pub use client::{ServiceClient, SessionClient};
