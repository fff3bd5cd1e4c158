//! TLS: between all services, to PostgreSQL and to Redis, with certificates that are replaced while everything runs.

mod postgres;
mod redis;
mod refused;
mod rotation;

use std::path::Path;

use standalone::settlement::{import, settle, start_batch};
use tests::backend::on_servers;
use tests::caller::Caller;
use tests::certificates::{Authority, Mounted};
use tests::postgres_tls;
use tests::system::System;

use crate::orders::{SESSION, buyer, placed};

const LINE: &str = "company_id,user_email,order_no,product,quantity,unit_price,currency,paid_at\n\
                    7,a@b.example,N-1,pen,1,1.50,USD,2026-07-17T10:00:00Z\n";

/// All services with one certificate, which each of them demands of the others; PostgreSQL over TLS where there is one.
async fn system(mounted: &Mounted, folder: &Path) -> System {
    let tls = mounted.on_both_sides();
    let root = folder.join("postgres.crt");
    if on_servers() {
        std::fs::write(&root, postgres_tls::authority().await.pem()).unwrap();
    }
    System::start_with(|options| {
        options.tls = Some(tls);
        if on_servers() {
            let query = format!("?sslmode=verify-full&sslrootcert={}", root.display());
            let all = &mut options.databases;
            for url in [&mut all.auth, &mut all.user, &mut all.order, &mut all.file, &mut all.batch]
            {
                url.push_str(&query);
            }
        }
    })
    .await
}

fn mounted(folder: &Path) -> (Authority, Mounted) {
    let authority = Authority::new("everybody's authority");
    let mounted = Mounted::new(&folder.join("tls"), &authority.sign("all"), authority.pem());
    (authority, mounted)
}

/// Token, order and receipt go from service to service; the batch imports, settles, and writes a statement.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_travels_over_tls_with_certificates_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (_authority, mounted) = mounted(folder.path());
    let system = system(&mounted, folder.path()).await;
    assert!(system.services.auth.url().starts_with("https://"));
    let (caller, orders, pen) = buyer(&system).await;
    let url = placed(&caller, &orders, ("k", pen)).await;
    assert_eq!(caller.change_order(&url, "p", "pay").await.status, 200);
    let file = crate::orders::receipts::written(&caller, &url).await;
    let files = format!("{}/api/files", system.services.file.url());
    let reader = system.caller("file-service", SESSION).await;
    assert_eq!(reader.get(&format!("{files}/{file}")).await.body["totalMinor"], 150);

    let lines = folder.path().join("orders.csv");
    std::fs::write(&lines, LINE).unwrap();
    let batch = start_batch(&system.services, &system.options).await.unwrap();
    let imported = import(&batch, &system.options, Some(&lines)).await.unwrap();
    let report = settle(&batch, &imported).await.unwrap().remove(0);
    // That of the file, and that which has just been paid.
    assert_eq!((report.settled(), report.companies.len()), (2, 2));
    metrics_say_when_the_certificates_end(&system).await;
    system.stop().await;
}

/// The management port speaks plain HTTP.
async fn metrics_say_when_the_certificates_end(system: &System) {
    let url = format!("http://{}/metrics", system.services.order.management_address);
    let text = Caller::new(None).get(&url).await.text;
    for name in ["tls_certificate_not_after_seconds", "tls_client_certificate_not_after_seconds"] {
        let ends = metric(&text, name);
        let left = ends - f64::from(u32::try_from(chrono::Utc::now().timestamp()).unwrap());
        assert!((80_000.0..87_000.0).contains(&left), "{name}: {ends}");
    }
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(name) && !line.starts_with('#'));
    let line = line.unwrap_or_else(|| panic!("no {name}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}
