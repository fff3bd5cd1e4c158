//! What cannot work is said in one line, with the key or the part, and nothing panics.

use std::io::Write;
use std::process::Output;

use tests::process::{free_port, run};

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

fn assert_one_line(output: &Output, code: i32, names: &str) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.contains(names), "{names} in: {text}");
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
    let batch = run("batch-service", &["run", "settle-orders", "--date", "2026-07-17"], &[]);
    assert_one_line(&batch, 2, "database_url");
}

#[test]
fn a_taken_port_a_database_that_is_away_and_a_folder_that_is_closed_are_one_line_each() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    // Kept until the end, so that the port stays taken.
    let _guard = std::net::TcpListener::bind(&taken);
    let nobody = free_port();
    for (service, section) in SERVICES {
        let with = |key: &str, value: &str| {
            let mut settings = settings(section, folder.path());
            settings.push((format!("BATON_{section}_{key}"), value.to_owned()));
            start(service, &settings)
        };
        let away = format!("postgres://u:hidden-password@127.0.0.1:{nobody}/db");
        let output = with("DATABASE_URL", &away);
        assert_one_line(&output, 1, "database");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("hidden-password"));
        assert_one_line(&with("DATABASE_URL", "mysql://x"), 1, "postgres:// or sqlite://");
        assert_one_line(&with("DATABASE_URL", "sqlite:///proc/no/x.db"), 1, "/proc/no");
        assert_one_line(&with("LISTEN", "256.0.0.1:1"), 1, "256.0.0.1:1");
    }
    let data = std::path::Path::new("/proc/no-such-folder");
    let output = run("standalone", &["--data", data.to_str().unwrap()], &[]);
    assert_one_line(&output, 1, "/proc/no-such-folder");
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
    let serving = tests::process::command("auth-service", &settings("one.key"));
    let mut serving = tests::process::Process::start(serving);
    tests::process::wait_until("auth-service has made its key and serves", || {
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        let request = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answer = socket.as_mut().and_then(|socket| {
            socket.write_all(request).ok()?;
            std::io::read_to_string(socket).ok()
        });
        answer.is_some_and(|answer| answer.contains(" 200 OK"))
    });
    serving.kill();
    let output = run("auth-service", &[], &settings("other.key"));
    assert_one_line(&output, 1, "not sealed with this master key");
}
