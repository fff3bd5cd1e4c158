//! TLS to PostgreSQL, as libpq has it: `sslmode`, `sslrootcert`, `sslcert` and `sslkey` in the URL.
//!
//! | `sslmode` | encrypted | certificate |
//! |---|---|---|
//! | none, `disable` | no | |
//! | `prefer` | if the server can | not looked at |
//! | `require` | yes | not looked at; with `sslrootcert` as `verify-ca` |
//! | `verify-ca` | yes | by one of `sslrootcert` |
//! | `verify-full` | yes | by one of `sslrootcert`, else of the system's roots, and for the host in the URL |
//!
//! What differs from libpq: without `sslmode` nothing is encrypted, there is no `allow`, no file is looked for where none is
//! named, and a host is looked for in `subjectAltName` alone. The files are read again when they change.

use std::path::PathBuf;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::AsyncPgConnection;
use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::db::DbError;
use crate::tls::{ClientTls, Pem, Side, TlsError, Trust, Watched, identity, only, system_and};

/// A server that is spoken to over TLS.
#[derive(Clone)]
pub(super) struct Tls {
    config: Box<Config>,
    connect: MakeRustlsConnect,
}

/// What the URL says of TLS.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    mode: Option<String>,
    root: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// How closely the server's certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Nowhere,
    AtChain,
    AtChainAndName,
}

impl Tls {
    /// The URL without what it says of TLS, and that; None where nothing is to be encrypted.
    pub(super) fn parse(url: &str) -> Result<(String, Option<Self>), DbError> {
        let (url, asked) = Asked::take_from(url);
        let Some((mode, look)) = asked.mode()? else { return Ok((url, None)) };
        let mut config: Config =
            url.parse().map_err(|error| DbError::Address(no_secret(&error)))?;
        config.ssl_mode(mode);
        let watched = asked.watched(look).map_err(|error| DbError::Address(error.to_string()))?;
        let rustls = ClientTls::watching(watched).rustls();
        let mut rustls = rustls.ok_or_else(|| DbError::Address("no TLS".to_owned()))?;
        rustls.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok((url, Some(Self { config: Box::new(config), connect: MakeRustlsConnect::new(rustls) })))
    }

    pub(super) async fn establish(&self) -> ConnectionResult<AsyncPgConnection> {
        let connected = self.config.connect(self.connect.clone()).await;
        let (client, connection) =
            connected.map_err(|error| ConnectionError::BadConnection(described(&error)))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await
    }
}

impl Asked {
    /// Out of the query; the rest of the URL stays as it is.
    fn take_from(url: &str) -> (String, Self) {
        let mut asked = Self::default();
        let Some((address, query)) = url.split_once('?') else { return (url.to_owned(), asked) };
        let rest: Vec<&str> = query.split('&').filter(|pair| !asked.takes(pair)).collect();
        if rest.is_empty() {
            return (address.to_owned(), asked);
        }
        (format!("{address}?{}", rest.join("&")), asked)
    }

    fn takes(&mut self, pair: &str) -> bool {
        let Some((name, value)) = pair.split_once('=') else { return false };
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        match name {
            "sslmode" => self.mode = Some(value),
            "sslrootcert" => self.root = Some(value),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            _ => return false,
        }
        true
    }

    fn mode(&self) -> Result<Option<(SslMode, Look)>, DbError> {
        let wrong = |text: &str| Err(DbError::Address(text.to_owned()));
        if self.certificate.is_some() != self.key.is_some() {
            return wrong("set both of sslcert and sslkey, or none");
        }
        let has_file = self.root.as_deref().is_some_and(|root| root != "system");
        match self.mode.as_deref() {
            None if *self == Self::default() => Ok(None),
            None => wrong("sslrootcert, sslcert and sslkey need sslmode"),
            Some("disable") => Ok(None),
            Some("verify-full") => Ok(Some((SslMode::Require, Look::AtChainAndName))),
            Some(_) if self.root.is_some() && !has_file => {
                wrong("sslrootcert=system needs sslmode=verify-full")
            }
            Some("verify-ca") if !has_file => wrong("sslmode=verify-ca needs sslrootcert"),
            Some("verify-ca") => Ok(Some((SslMode::Require, Look::AtChain))),
            Some("require") if has_file => Ok(Some((SslMode::Require, Look::AtChain))),
            Some("require") => Ok(Some((SslMode::Require, Look::Nowhere))),
            Some("prefer") => Ok(Some((SslMode::Prefer, Look::Nowhere))),
            Some(_) => wrong("sslmode is disable, prefer, require, verify-ca or verify-full"),
        }
    }

    fn watched(self, look: Look) -> Result<Watched<Side>, TlsError> {
        let root = self.root.filter(|root| look != Look::Nowhere && root != "system");
        let has_root = root.is_some();
        let own = [self.certificate, self.key].into_iter().flatten();
        let files = root.map(PathBuf::from).into_iter().chain(own).collect();
        Watched::open("certificates for PostgreSQL", files, move |read: &[Pem]| {
            let (root, own) = read.split_at(usize::from(has_root));
            let roots = || root.first().map_or_else(|| system_and(None), only);
            let trust = match look {
                Look::Nowhere => Trust::Nobody,
                Look::AtChain => Trust::Chain(roots()?),
                Look::AtChainAndName => Trust::Full(roots()?),
            };
            Ok(Side { trust, identity: identity(own)? })
        })
    }
}

/// What is wrong with a URL, without the URL.
fn no_secret(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

fn described(error: &tokio_postgres::Error) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Option<(SslMode, Look)>, String> {
        let url = format!("postgres://u:p%3F@h,i:1/d?{query}");
        let (rest, asked) = Asked::take_from(&url);
        assert!(rest.starts_with("postgres://u:p%3F@h,i:1/d") && !rest.contains("ssl"), "{rest}");
        asked.mode().map_err(|error| error.to_string())
    }

    #[test]
    fn the_words_of_libpq_mean_what_they_mean_there() {
        let table = [
            ("", Ok(None)),
            ("sslmode=disable", Ok(None)),
            ("sslmode=prefer", Ok(Some((SslMode::Prefer, Look::Nowhere)))),
            ("sslmode=require", Ok(Some((SslMode::Require, Look::Nowhere)))),
            ("sslmode=require&sslrootcert=/a", Ok(Some((SslMode::Require, Look::AtChain)))),
            ("sslrootcert=/a&sslmode=verify-ca", Ok(Some((SslMode::Require, Look::AtChain)))),
            ("sslmode=verify-full", Ok(Some((SslMode::Require, Look::AtChainAndName)))),
            (
                "sslmode=verify-full&sslrootcert=system",
                Ok(Some((SslMode::Require, Look::AtChainAndName))),
            ),
        ];
        for (query, means) in table {
            assert_eq!(asked(query), means, "{query}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused_and_never_weakened() {
        let table = [
            ("sslmode=allow", "disable, prefer"),
            ("sslmode=", "disable, prefer"),
            ("sslmode=VERIFY-FULL", "disable, prefer"),
            ("sslrootcert=/a", "need sslmode"),
            ("sslmode=verify-ca", "needs sslrootcert"),
            ("sslmode=require&sslrootcert=system", "needs sslmode=verify-full"),
            ("sslmode=require&sslcert=/a", "both of sslcert and sslkey"),
        ];
        for (query, named) in table {
            let error = asked(query).err().unwrap_or_default();
            assert!(error.contains(named), "{query}: {error}");
        }
    }

    #[test]
    fn the_rest_of_the_query_stays_and_paths_are_decoded() {
        let url = "postgres://h/d?connect_timeout=3&sslrootcert=%2Frun%2Fmy%20ca&a=b";
        let (rest, asked) = Asked::take_from(url);
        assert_eq!(rest, "postgres://h/d?connect_timeout=3&a=b");
        assert_eq!(asked.root.as_deref(), Some("/run/my ca"));
    }

    #[test]
    fn a_file_that_is_missing_is_named_and_the_password_is_not() {
        let url = "postgres://u:s3cret@h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.crt";
        let error = Tls::parse(url).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("/nowhere/ca.crt") && !error.contains("s3cret"), "{error}");
        let url = "postgres://u:s3cret@h/d?sslmode=require&sslcrl=/x";
        let error = Tls::parse(url).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("sslcrl") && !error.contains("s3cret"), "{error}");
    }
}
