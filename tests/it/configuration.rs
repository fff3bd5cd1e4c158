//! What cannot work is said in one line, with the key or the part, and nothing panics.

mod printed;
mod settings_table;

use std::io::Write;
use std::process::{Output, Stdio};

use tests::process::{Process, command, free_port, run, wait_until};

const SERVICES: [(&str, &str); 3] =
    [("user-service", "USER"), ("order-service", "ORDER"), ("file-service", "FILE")];

fn settings(section: &str, folder: &std::path::Path) -> Vec<(String, String)> {
    let mut settings = vec![
        ("DATABASE_URL", format!("sqlite://{}/{section}.db", folder.display())),
        ("ISSUER", "http://127.0.0.1:1".to_owned()),
        ("JWKS_URL", "http://127.0.0.1:1/jwks.json".to_owned()),
        ("LISTEN", "127.0.0.1:0".to_owned()),
        ("MANAGEMENT_LISTEN", "127.0.0.1:0".to_owned()),
    ];
    if section == "FILE" {
        settings.push(("STORAGE_URL", format!("file://{}/files", folder.display())));
    }
    settings.into_iter().map(|(key, value)| (format!("BATON_{section}_{key}"), value)).collect()
}

fn start(service: &str, settings: &[(String, String)]) -> Output {
    let settings: Vec<(&str, String)> =
        settings.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    run(service, &[], &settings)
}

fn settings_with<'s>(
    settings: &'s [(String, String)],
    section: &str,
    database: &str,
) -> Vec<(&'s str, String)> {
    let key = format!("BATON_{section}_DATABASE_URL");
    let with =
        |value: &String, name: &String| if *name == key { database } else { value }.to_owned();
    settings.iter().map(|(name, value)| (name.as_str(), with(value, name))).collect()
}

/// Exit code, and one line for the operator; lines of the log are JSON.
fn assert_one_line(output: &Output, code: i32, names: &str) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains(names), "{names} in: {text}");
    assert!(!text.contains("panic"), "{text}");
}

#[test]
fn an_unknown_or_missing_key_is_named_and_the_exit_code_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let auth = [("BATON_AUTH_DATABASE_URL", "x"), ("BATON_AUTH_LISEN", "x")];
    let auth: Vec<_> = auth.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_one_line(&start("auth-service", &auth), 2, "lisen");
    for (service, section) in SERVICES {
        let mut with_unknown = settings(section, folder.path());
        with_unknown.push((format!("BATON_{section}_LISEN"), "x".to_owned()));
        assert_one_line(&start(service, &with_unknown), 2, "lisen");
    }
    for (service, section) in SERVICES {
        let mut without = settings(section, folder.path());
        without.retain(|(key, _)| !key.ends_with("_ISSUER"));
        assert_one_line(&start(service, &without), 2, "issuer");
    }
    let batch = run("batch-service", &["run", "settle-orders", "--window", "2026-07-17"], &[]);
    assert_one_line(&batch, 2, "database_url");
}

#[test]
fn a_database_that_is_away_and_a_folder_that_is_closed_are_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let away = format!("postgres://u:hidden-password@127.0.0.1:{}/db", free_port());
    for (service, section) in SERVICES {
        let with = |key: &str, value: &str| {
            let mut settings = settings(section, folder.path());
            settings.push((format!("BATON_{section}_{key}"), value.to_owned()));
            start(service, &settings)
        };
        let own = settings(section, folder.path());
        let output = run(service, &["migrate"], &settings_with(&own, section, &away));
        assert_one_line(&output, 1, "database");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hidden-password"));
        assert_one_line(&with("DATABASE_URL", "mysql://x"), 1, "postgres:// or sqlite://");
        assert_one_line(&with("DATABASE_URL", "sqlite:///proc/no/x.db"), 1, "/proc/no");
        assert_one_line(&with("LISTEN", "256.0.0.1:1"), 1, "256.0.0.1:1");
    }
    let auth = [("BATON_AUTH_DATABASE_URL", away.clone())];
    assert_one_line(&run("auth-service", &["client", "list"], &auth), 1, "database");
    let batch = ["TOKEN_URL", "ORDER_URL", "USER_URL", "FILE_URL"]
        .map(|key| (format!("BATON_BATCH_{key}"), "http://127.0.0.1:1".to_owned()));
    let mut batch = Vec::from(batch);
    batch.push(("BATON_BATCH_DATABASE_URL".to_owned(), away));
    batch.push(("BATON_BATCH_CLIENT_SECRET".to_owned(), "s".to_owned()));
    let batch: Vec<(&str, String)> =
        batch.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let arguments = ["run", "settle-orders", "--window", "2026-07-17"];
    assert_one_line(&run("batch-service", &arguments, &batch), 75, "database");
    let output = run("standalone", &["--data", "/proc/no-such-folder"], &[]);
    assert_one_line(&output, 1, "/proc/no-such-folder");
}

#[test]
fn a_value_that_cannot_work_is_refused_with_its_key() {
    let folder = tempfile::tempdir().unwrap();
    for (service, section) in SERVICES {
        let table = [
            ("LOG", "inof", 2, "log"),
            ("WORKERS", "0", 2, "workers"),
            ("MAX_CONNECTIONS", "0", 2, "max_connections"),
            ("MAX_TOKEN_LIFETIME_S", "-5", 1, "lifetime"),
            ("ISSUER", "", 1, "issuer"),
            ("JWKS_URL", "ftp://x", 1, "jwks_url"),
        ];
        for (key, value, code, named) in table {
            let mut settings = settings(section, folder.path());
            settings.retain(|(known, _)| !known.ends_with(&format!("_{key}")));
            settings.push((format!("BATON_{section}_{key}"), value.to_owned()));
            assert_one_line(&start(service, &settings), code, named);
        }
        let version = run(service, &["--version"], &[]).stdout;
        let version = String::from_utf8(version).unwrap();
        assert_eq!(version.trim(), format!("{service} {}", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn two_programs_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut first = command("standalone", &[]);
    first.args(["--data", data, "serve"]).stdout(Stdio::null());
    let mut first = Process::start(first);
    wait_until("the first has the folder", || folder.path().join("batch.db").exists());
    assert_one_line(&run("standalone", &["--data", data], &[]), 1, "in use by another process");
    first.kill();
    assert!(run("standalone", &["--data", data], &[]).status.success());
}

/// Whoever sends requests has to notice that the service will stop, before it takes none any more.
#[test]
fn after_sigterm_a_service_says_that_it_is_not_ready_before_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (port, health) = (free_port(), free_port());
    let mut settings = settings("ORDER", folder.path());
    settings.push(("BATON_ORDER_LISTEN".to_owned(), format!("127.0.0.1:{port}")));
    settings.push(("BATON_ORDER_MANAGEMENT_LISTEN".to_owned(), format!("127.0.0.1:{health}")));
    let settings: Vec<(&str, String)> =
        settings.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let mut service = Process::start(command("order-service", &settings));
    wait_until("it serves", || get(port, "/api/products").is_some_and(|a| a.contains(" 200 ")));
    service.terminate();
    wait_until("it says so", || {
        get(health, "/readyz").is_some_and(|answer| answer.contains("stopping"))
    });
    let still = get(port, "/api/products").unwrap_or_default();
    assert!(still.contains(" 200 "), "it still serves: {still}");
    assert_eq!(service.wait(), Some(0));
    assert_eq!(get(port, "/api/products"), None);
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).ok()?;
    std::io::read_to_string(socket).ok()
}

#[test]
fn a_second_process_on_the_same_port_says_which() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    for (service, section) in SERVICES {
        let mut settings = settings(section, folder.path());
        settings.push((format!("BATON_{section}_LISTEN"), address.clone()));
        assert_one_line(&start(service, &settings), 1, &address);
    }
}

#[test]
fn a_master_key_that_did_not_seal_the_keys_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str| folder.path().join(name).display().to_string();
    for name in ["one.key", "other.key"] {
        assert!(run("auth-service", &["master-key", &key(name)], &[]).status.success());
    }
    let database = format!("sqlite://{}/auth.db", folder.path().display());
    let port = free_port();
    let settings = |name: &str| {
        [
            ("BATON_AUTH_DATABASE_URL", database.clone()),
            ("BATON_AUTH_MASTER_KEY_FILE", key(name)),
            ("BATON_AUTH_LISTEN", "127.0.0.1:0".to_owned()),
            ("BATON_AUTH_MANAGEMENT_LISTEN", format!("127.0.0.1:{port}")),
        ]
    };
    let mut serving = Process::start(command("auth-service", &settings("one.key")));
    wait_until("auth-service has made its key and serves", || {
        get(port, "/readyz").is_some_and(|answer| answer.contains(" 200 "))
    });
    serving.kill();
    let output = run("auth-service", &[], &settings("other.key"));
    assert_one_line(&output, 1, "not sealed with this master key");
    // The way out, where the other one is lost: only who says so gets it.
    let replace = ["keys", "rotate", "--now"];
    assert!(!run("auth-service", &replace, &settings("other.key")).status.success());
    let lost = [&replace[..], &["--lost-master-key"]].concat();
    assert!(run("auth-service", &lost, &settings("other.key")).status.success());
    let mut serving = Process::start(command("auth-service", &settings("other.key")));
    wait_until("auth-service serves with the new master key", || {
        get(port, "/readyz").is_some_and(|answer| answer.contains(" 200 "))
    });
    serving.kill();
}

/// Needs no settings: it is asked in a build, and by whoever reviews a change.
#[test]
fn every_service_prints_the_table_of_its_routes() {
    let tables = [
        ("auth-service", auth_service::routes::routes()),
        ("user-service", user_service::routes::routes()),
        ("order-service", order_service::routes::routes()),
        ("file-service", file_service::routes::routes()),
    ];
    for (service, routes) in tables {
        let output = run(service, &["--routes"], &[]);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!((output.status.code(), printed), (Some(0), routes.to_string()), "{service}");
    }
}
