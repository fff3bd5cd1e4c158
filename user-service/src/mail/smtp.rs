//! [`Smtp`]: mail by way of a mail server.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use shared::Secret;
use url::{Host, Url};

use crate::mail::{Mail, SendError, message};

/// How long the server may take over one step.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take over one mail.
pub(crate) const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A mail server. Each mail has a connection of its own.
pub(crate) struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    /// `smtps://user:password@host:465` (TLS), `smtp://user:password@host:587?tls=required` (STARTTLS). Without either
    /// the server has to be on this machine: codes would travel for everybody to read.
    pub(crate) fn new(url: &Secret) -> Result<Self, String> {
        let parsed = Url::parse(url.expose()).map_err(|error| error.to_string())?;
        if !is_private(&parsed) {
            return Err("use smtps://, or smtp:// with ?tls=required".to_owned());
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose());
        let builder = builder.map_err(|error| error.to_string())?;
        Ok(Self(builder.timeout(Some(STEP_TIMEOUT)).build()))
    }

    pub(crate) async fn send(&self, mail: &Mail, from: &Mailbox) -> Result<(), SendError> {
        let sent = tokio::time::timeout(SEND_TIMEOUT, self.0.send(message(mail, from)?)).await;
        match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(SendError::Away(error.to_string())),
            Err(_) => Err(SendError::Away("the mail server is too slow".to_owned())),
        }
    }
}

fn is_private(url: &Url) -> bool {
    let required = url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    // The host of a scheme that is not http is not read as an address.
    let literal = url.host_str().and_then(|host| host.parse::<std::net::IpAddr>().ok());
    let here = here || literal.is_some_and(|address| address.is_loopback());
    url.scheme() == "smtps" || url.scheme() == "smtp" && (required || here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_code_does_not_travel_in_the_clear() {
        let table = [
            ("smtps://u:p@mail.example", true),
            ("smtp://u:p@mail.example?tls=required", true),
            ("smtp://127.0.0.1:2525", true),
            ("smtp://[::1]:2525", true),
            ("smtp://localhost:2525", true),
            ("smtp://mail.example", false),
            ("smtp://mail.example?tls=opportunistic", false),
            ("http://127.0.0.1", false),
            ("mail.example", false),
        ];
        for (url, good) in table {
            assert_eq!(Smtp::new(&Secret::new(url)).is_ok(), good, "{url}");
        }
    }
}
