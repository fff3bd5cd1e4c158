//! Certificates made for one test, and the folder that they are in, as Kubernetes lays one out.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use shared::server::ListenerFiles;
use shared::tls::{ClientFiles, ClientTls};
use standalone::options::Tls;
use time::{Duration, OffsetDateTime};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Somebody who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
pub struct Signed {
    pub certificate: String,
    pub key: String,
}

impl Signed {
    /// The certificate as it is sent.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for 127.0.0.1, to serve with and to call with, for a day.
    pub fn sign(&self, name: &str) -> Signed {
        self.sign_until(name, Duration::days(1))
    }

    /// The same that ends so long from now, or has ended already.
    pub fn sign_until(&self, name: &str, end: Duration) -> Signed {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = OffsetDateTime::now_utc() - Duration::days(10);
        params.not_after = OffsetDateTime::now_utc() + end;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}

/// A folder with `tls.crt`, `tls.key` and `ca.crt`, which are replaced all at once: they are links into `..data`, and that is
/// a link to another folder each time.
pub struct Mounted {
    folder: PathBuf,
    times: u32,
}

impl Mounted {
    pub fn new(folder: &Path, signed: &Signed, roots: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut own = Self { folder: folder.to_owned(), times: 0 };
        own.replace(signed, roots);
        for name in ["tls.crt", "tls.key", "ca.crt"] {
            symlink(Path::new("..data").join(name), own.path(name)).unwrap();
        }
        own
    }

    pub fn replace(&mut self, signed: &Signed, roots: &str) {
        self.times += 1;
        let version = format!("..{}", self.times);
        fs::create_dir(self.path(&version)).unwrap();
        let files =
            [("tls.crt", &*signed.certificate), ("tls.key", &*signed.key), ("ca.crt", roots)];
        for (name, text) in files {
            fs::write(self.path(&version).join(name), text).unwrap();
        }
        symlink(&version, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        if self.times > 1 {
            fs::remove_dir_all(self.path(&format!("..{}", self.times - 1))).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn client(&self) -> ClientFiles {
        ClientFiles {
            ca: Some(self.path("ca.crt")),
            certificate: Some(self.path("tls.crt")),
            key: Some(self.path("tls.key")),
        }
    }

    /// Served with, demanded of callers, and called with.
    pub fn on_both_sides(&self) -> Tls {
        let listener = ListenerFiles {
            certificate: Some(self.path("tls.crt")),
            key: Some(self.path("tls.key")),
            client_ca: Some(self.path("ca.crt")),
        };
        Tls { listener, client: self.client() }
    }
}

/// The certificate that is served there, without looking at it.
pub async fn served(
    address: SocketAddr,
    tls: &ClientTls,
) -> std::io::Result<CertificateDer<'static>> {
    let stream = shaken_hands(address, tls).await?;
    let chain = stream.get_ref().1.peer_certificates().expect("a certificate");
    Ok(chain[0].clone().into_owned())
}

/// What a listener says to whoever shows it a certificate that it does not take, or none. With TLS 1.3 that comes after the caller
/// has done his part. He says nothing more meanwhile: a listener that closes upon unread words resets the connection, and its own
/// last word may be lost with it.
pub async fn refusal(address: SocketAddr, tls: &ClientTls) -> String {
    let answer = match shaken_hands(address, tls).await {
        Ok(mut stream) => stream.read_u8().await.map(|_| ()),
        Err(error) => Err(error),
    };
    format!("{:?}", answer.expect_err("nothing but a refusal is said to nobody"))
}

async fn shaken_hands(
    address: SocketAddr,
    tls: &ClientTls,
) -> std::io::Result<TlsStream<TcpStream>> {
    let connector = TlsConnector::from(Arc::new(tls.rustls().expect("files")));
    let stream = TcpStream::connect(address).await?;
    connector.connect(ServerName::from(address.ip()), stream).await
}
