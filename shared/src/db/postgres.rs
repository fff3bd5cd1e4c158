//! [`Postgres`]: where PostgreSQL is, and how a connection to it is made.

use diesel_async::{AsyncConnection, AsyncPgConnection};

use crate::db::DbError;
#[cfg(feature = "store-tls")]
use crate::db::tls::Tls;

/// The address in a `postgres://` URL.
#[derive(Clone)]
pub(super) struct Postgres {
    pub(super) url: String,
    /// None where the URL says nothing of TLS, or `sslmode=disable`.
    #[cfg(feature = "store-tls")]
    tls: Option<Tls>,
}

impl Postgres {
    #[cfg(feature = "store-tls")]
    pub(super) fn parse(url: &str) -> Result<Self, DbError> {
        let (url, tls) = Tls::parse(url)?;
        Ok(Self { url, tls })
    }

    #[cfg(not(feature = "store-tls"))]
    pub(super) fn parse(url: &str) -> Result<Self, DbError> {
        Ok(Self { url: url.to_owned() })
    }

    pub(super) async fn establish(&self) -> diesel::ConnectionResult<AsyncPgConnection> {
        #[cfg(feature = "store-tls")]
        if let Some(tls) = &self.tls {
            return tls.establish().await;
        }
        AsyncPgConnection::establish(&self.url).await
    }
}
