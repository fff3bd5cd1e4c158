//! Redis over TLS: `rediss://`. The handshake is ours, so that roots and certificate may change while a service runs.

use std::sync::Arc;

use deadpool_redis::redis::aio::{MultiplexedConnection, PubSub};
use deadpool_redis::redis::{
    AsyncConnectionConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisError,
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cache::CacheUnavailable;
use crate::tls::{ClientFiles, ClientTls};

/// A Redis that is spoken to over TLS. Clones share what they trust.
#[derive(Clone)]
pub(super) struct TlsRedis {
    host: String,
    port: u16,
    name: ServerName<'static>,
    settings: RedisConnectionInfo,
    connector: TlsConnector,
}

impl TlsRedis {
    /// None where the URL is of another kind.
    pub(super) fn open(url: &str, files: &ClientFiles) -> Result<Option<Self>, CacheUnavailable> {
        let Some(rest) = url.strip_prefix("rediss://") else { return Ok(None) };
        let wrong = |cause: String| CacheUnavailable(cause);
        if rest.contains('#') {
            // Such as `#insecure`, by which others look at no certificate.
            return Err(wrong("rediss:// takes nothing after a #".to_owned()));
        }
        let read = format!("redis://{rest}").into_connection_info()?;
        let ConnectionAddr::Tcp(host, port) = read.addr().clone() else {
            return Err(wrong("rediss:// needs a host".to_owned()));
        };
        let name = ServerName::try_from(host.clone()).map_err(|error| wrong(error.to_string()))?;
        let tls = ClientTls::always(files).map_err(|error| wrong(error.to_string()))?;
        let rustls = tls.rustls().ok_or_else(|| wrong("no TLS".to_owned()))?;
        let (settings, connector) = (read.redis_settings().clone(), Arc::new(rustls).into());
        Ok(Some(Self { host, port, name, settings, connector }))
    }

    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new();
        let stream = self.stream().await?;
        let made = MultiplexedConnection::new_with_config(&self.settings, stream, config).await?;
        let (connection, driver) = made;
        tokio::spawn(driver);
        Ok(connection)
    }

    pub(super) async fn listen(&self) -> Result<PubSub, RedisError> {
        PubSub::new(&self.settings, self.stream().await?).await
    }

    async fn stream(&self) -> Result<TlsStream<TcpStream>, RedisError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(self.connector.connect(self.name.clone(), stream).await?)
    }
}
