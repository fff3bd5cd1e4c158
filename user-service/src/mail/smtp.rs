//! [`Smtp`]: mail by way of a mail server.

use std::path::Path;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
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
    /// The server is known by the roots in `ca_file`, too.
    pub(crate) fn new(url: &Secret, ca_file: Option<&Path>) -> Result<Self, String> {
        let parsed = Url::parse(url.expose()).map_err(|error| error.to_string())?;
        if !is_private(&parsed) {
            return Err("use smtps://, or smtp:// with ?tls=required".to_owned());
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose());
        let mut builder = builder.map_err(|error| error.to_string())?;
        if let Some(tls) = ca_file.map(|path| trusting(&parsed, path)).transpose()?.flatten() {
            builder = builder.tls(tls);
        }
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

/// None where the URL asks for no TLS. Read once: the library has no way to take over new roots.
fn trusting(url: &Url, ca_file: &Path) -> Result<Option<Tls>, String> {
    let wrong = |cause: String| format!("{}: {cause}", ca_file.display());
    let pem = std::fs::read(ca_file).map_err(|error| wrong(error.to_string()))?;
    let roots = Certificate::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
    let parameters = TlsParameters::builder(url.host_str().unwrap_or_default().to_owned());
    let parameters = parameters.add_root_certificate(roots).build();
    let parameters = parameters.map_err(|error| wrong(error.to_string()))?;
    Ok(match url.scheme() {
        "smtps" => Some(Tls::Wrapper(parameters)),
        _ if asks_for_tls(url) => Some(Tls::Required(parameters)),
        _ => None,
    })
}

fn asks_for_tls(url: &Url) -> bool {
    url.query_pairs().any(|(name, value)| name == "tls" && value == "required")
}

fn is_private(url: &Url) -> bool {
    let required = asks_for_tls(url);
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
            assert_eq!(Smtp::new(&Secret::new(url), None).is_ok(), good, "{url}");
        }
    }
}
