//! The end of the wait for a caller who does not read his answer: actix has none.

use std::any::Any;
use std::time::Duration;

#[cfg(feature = "server-tls")]
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::rt::net::TcpStream;
use rustix::net::sockopt::set_tcp_user_timeout;
use tracing::debug;

/// For so long nothing may have been taken of what is on its way.
const LIMIT: Duration = Duration::from_secs(60);

/// Lets the kernel end the connection when nothing of an answer is taken for a minute, be it that the network is cut or
/// that the caller's buffers stay full.
pub(super) fn limit(connection: &dyn Any) {
    let Some(stream) = below(connection) else { return };
    let limit_ms = u32::try_from(LIMIT.as_millis()).unwrap_or(u32::MAX);
    if let Err(cause) = set_tcp_user_timeout(stream, limit_ms) {
        debug!(%cause, "an unread answer has no time limit");
    }
}

fn below(connection: &dyn Any) -> Option<&TcpStream> {
    #[cfg(feature = "server-tls")]
    if let Some(tls) = connection.downcast_ref::<TlsStream<TcpStream>>() {
        return Some(tls.get_ref().0);
    }
    connection.downcast_ref()
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::tcp_user_timeout;

    use super::*;

    #[tokio::test]
    async fn an_unread_answer_has_a_time_limit() -> Result<(), Box<dyn std::error::Error>> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        assert_eq!(tcp_user_timeout(&stream)?, 0);
        limit(&stream);
        assert_eq!(tcp_user_timeout(&stream)?, 60_000);
        Ok(())
    }

    #[cfg(feature = "server-tls")]
    #[tokio::test]
    async fn an_unread_answer_over_tls_has_one_too() -> Result<(), Box<dyn std::error::Error>> {
        use std::sync::Arc;

        use rustls::pki_types::PrivateKeyDer;
        use rustls::{ClientConfig, RootCertStore, ServerConfig};
        use tokio_rustls::{TlsAcceptor, TlsConnector};

        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
        let server = ServerConfig::builder().with_no_client_auth();
        let server = Arc::new(server.with_single_cert(vec![certificate.clone()], key)?);
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let (accepted, _) = listener.accept().await?;
        let connector = TlsConnector::from(Arc::new(client));
        let (_client, accepted) = tokio::try_join!(
            connector.connect("localhost".try_into()?, stream),
            TlsAcceptor::from(server).accept(accepted),
        )?;
        let accepted = TlsStream::from(accepted);
        limit(&accepted);
        assert_eq!(tcp_user_timeout(accepted.get_ref().0)?, 60_000);
        Ok(())
    }
}
