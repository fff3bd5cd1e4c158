//! Who shows no good certificate, or speaks no TLS, gets to no handler; and his connection ends.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::Method;
use tests::certificates::{Signed, refusal};
use tests::process::{command, free_ports};
use time::Duration as Days;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use shared::tls::{ClientFiles, ClientTls};

use super::*;

/// The same roots with another certificate, or with none.
fn client(folder: &Path, name: &str, (mounted, signed): (&Mounted, Option<&Signed>)) -> ClientTls {
    let ca = Some(mounted.path("ca.crt"));
    let files = match signed {
        None => ClientFiles { ca, ..ClientFiles::default() },
        Some(signed) => {
            let own = Mounted::new(&folder.join(name), signed, "");
            ClientFiles { ca, ..own.client() }
        }
    };
    ClientTls::open(&files).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_certificate_nobody_gets_to_a_handler() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, mounted) = mounted(folder.path());
    let system = system(&mounted, folder.path()).await;
    let before = requests(&system).await;
    let stranger = Authority::new("somebody else").sign("all");
    let expired = authority.sign_until("all", -Days::days(1));
    let table = [("none", None), ("strange", Some(&stranger)), ("expired", Some(&expired))];
    let url = format!("{}/api/products", system.services.order.url());
    for (name, signed) in table {
        let tls = client(folder.path(), name, (&mounted, signed));
        let sent = Caller::over_tls(&tls).request(Method::GET, &url).send().await;
        sent.expect_err(name);
        let said = refusal(system.services.order.address, &tls).await;
        let alert = match name {
            "none" => "CertificateRequired",
            "strange" => "UnknownCA",
            _ => "CertificateExpired",
        };
        assert!(said.contains(alert), "{name}: {said}");
    }
    assert_eq!(requests(&system).await, before, "one got to a handler");
    let own = client(folder.path(), "own", (&mounted, Some(&authority.sign("me"))));
    assert_eq!(Caller::over_tls(&own).get(&url).await.status, 200);
    assert_eq!(requests(&system).await, before + 1.0);
    let refused = metric(&metrics(&system).await, "tls_client_certificates_refused_total");
    assert!(refused >= 2.0, "{refused}");
    system.stop().await;
}

async fn metrics(system: &System) -> String {
    let url = format!("http://{}/metrics", system.services.order.management_address);
    Caller::new(None).get(&url).await.text
}

/// Requests that order-service has answered at the list of products.
async fn requests(system: &System) -> f64 {
    let text = metrics(system).await;
    let lines = text.lines().filter(|line| {
        line.starts_with("http_requests_total{") && line.contains(r#"route="/api/products""#)
    });
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Plain HTTP to TLS, TLS to plain HTTP, and nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_another_language_is_told_so_or_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (_authority, mounted) = mounted(folder.path());
    let system = system(&mounted, folder.path()).await;
    let address = system.services.order.address;
    let (plain, silent, half) = tokio::join!(
        heard(address, b"GET /api/products HTTP/1.1\r\nHost: a\r\n\r\n"),
        heard(address, b""),
        heard(address, b"\x16\x03\x01\x02\x00\x01"),
    );
    // A TLS alert, and the end.
    assert_eq!(plain.0.first(), Some(&0x15), "{plain:?}");
    assert!(plain.1 < Duration::from_secs(2), "{plain:?}");
    for (bytes, took) in [silent, half] {
        assert!(bytes.is_empty() && took < Duration::from_secs(9), "{bytes:?} after {took:?}");
    }
    let health = system.services.order.management_address;
    let tls = ClientTls::open(&mounted.client()).unwrap();
    let url = format!("https://{health}/livez");
    let sent = Caller::over_tls(&tls).request(Method::GET, &url).send().await;
    let error = format!("{:?}", sent.expect_err("it speaks no TLS"));
    assert!(error.contains("InvalidContentType"), "{error}");
    system.stop().await;
}

/// What comes back until the end, and when that was.
async fn heard(address: SocketAddr, bytes: &[u8]) -> (Vec<u8>, Duration) {
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut heard = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut heard));
    // It may be reset instead, which is an end as well.
    let _ = reading.await.expect("it ends");
    (heard, began.elapsed())
}

/// One line on standard error that names what is wrong, and exit code 1.
#[test]
fn files_that_cannot_be_used_are_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("everybody's authority");
    let one = Mounted::new(&folder.path().join("one"), &authority.sign("one"), "");
    let other = Mounted::new(&folder.path().join("other"), &authority.sign("other"), "");
    let path = |mounted: &Mounted, name: &str| mounted.path(name).display().to_string();
    let (certificate, key) = (path(&one, "tls.crt"), path(&one, "tls.key"));
    let (empty, foreign) = (path(&one, "ca.crt"), path(&other, "tls.key"));
    let table = [
        (vec![("CERTIFICATE", &certificate)], "tls_key_file"),
        (vec![("KEY", &key)], "tls_certificate_file"),
        (vec![("CLIENT_CA", &certificate)], "tls_client_ca_file"),
        (vec![("CERTIFICATE", &certificate), ("KEY", &foreign)], "does not fit"),
        (vec![("CERTIFICATE", &empty), ("KEY", &key)], "no certificate"),
        (vec![("CERTIFICATE", &certificate), ("KEY", &certificate)], "no private key"),
        (vec![("CERTIFICATE", &certificate), ("KEY", &key), ("CLIENT_CA", &key)], "no certificate"),
    ];
    for (files, named) in table {
        let error = start_error(folder.path(), &files);
        assert!(error.contains(named), "{named}: {error}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
    }
    let nowhere = folder.path().join("nowhere").display().to_string();
    let error = start_error(folder.path(), &[("CERTIFICATE", &nowhere), ("KEY", &key)]);
    assert!(error.contains("nowhere") && error.contains("No such file"), "{error}");
}

fn start_error(folder: &Path, files: &[(&str, &String)]) -> String {
    let [port, health] = free_ports();
    let mut settings = vec![
        ("BATON_ORDER_DATABASE_URL", format!("sqlite://{}/order.db", folder.display())),
        ("BATON_ORDER_ISSUER", "https://127.0.0.1:9".to_owned()),
        ("BATON_ORDER_JWKS_URL", "https://127.0.0.1:9/jwks.json".to_owned()),
        ("BATON_ORDER_LISTEN", format!("127.0.0.1:{port}")),
        ("BATON_ORDER_MANAGEMENT_LISTEN", format!("127.0.0.1:{health}")),
        ("BATON_ORDER_LOG", "error".to_owned()),
    ];
    let name = |kind: &str| match kind {
        "CERTIFICATE" => "BATON_ORDER_TLS_CERTIFICATE_FILE",
        "KEY" => "BATON_ORDER_TLS_KEY_FILE",
        _ => "BATON_ORDER_TLS_CLIENT_CA_FILE",
    };
    settings.extend(files.iter().map(|(kind, path)| (name(kind), (*path).clone())));
    let output = command("order-service", &settings).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}
