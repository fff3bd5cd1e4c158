//! `config print` and `--check-config`.

use std::collections::BTreeMap;
use std::path::Path;

use tests::process::run;
use tests::settings_table::SECTIONS;

const PASSWORD: &str = "s3cret-of-the-database";

/// What each needs at least.
fn needed(section: &str, folder: &Path) -> Vec<(String, String)> {
    let mut settings = super::settings(&section.to_uppercase(), folder);
    settings.retain(|(key, _)| !key.ends_with("LISTEN"));
    let set = |settings: &mut Vec<(String, String)>, key: &str, value: String| {
        settings.push((format!("BATON_{}_{key}", section.to_uppercase()), value));
    };
    if section == "auth" || section == "batch" {
        settings.truncate(1);
    }
    match section {
        "auth" => {
            let key = folder.join("master.key").display().to_string();
            // There already after the first time.
            run("auth-service", &["master-key", &key], &[]);
            set(&mut settings, "MASTER_KEY_FILE", key);
            set(&mut settings, "ISSUER", "https://auth.test".to_owned());
        }
        "batch" => {
            for key in ["TOKEN_URL", "ORDER_URL", "USER_URL", "FILE_URL"] {
                set(&mut settings, key, "https://service.test".to_owned());
            }
            set(&mut settings, "CLIENT_SECRET", "s3cret-of-the-client".to_owned());
        }
        _ => {}
    }
    settings
}

fn print(
    service: &str,
    arguments: &[&str],
    settings: &[(String, String)],
) -> (Option<i32>, String, String) {
    let settings: Vec<(&str, String)> =
        settings.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let output = run(service, arguments, &settings);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Each key that is as it is where nobody has set it.
pub(super) fn defaults(service: &str, section: &str, folder: &Path) -> BTreeMap<String, String> {
    let (code, printed, error) = print(service, &["config", "print"], &needed(section, folder));
    assert_eq!(code, Some(0), "{service}: {error}");
    let lines = printed.lines().filter_map(|line| line.strip_suffix("  # default"));
    let pairs = lines.filter_map(|line| line.split_once(" = "));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn settings_are_printed_with_where_they_were_set_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("baton.toml");
    let url = folder.path().join("url");
    std::fs::write(&url, format!("postgres://baton:{PASSWORD}@db/x\n")).unwrap();
    for (service, section, _) in SECTIONS {
        let log = "warn,shared=debug";
        std::fs::write(&file, format!("[{section}]\nlog = \"{log}\"\nmax_connections = 3\n"))
            .unwrap();
        let variable = |key: &str| format!("BATON_{}_{key}", section.to_uppercase());
        let mut settings = needed(section, folder.path());
        settings.retain(|(key, _)| !key.ends_with("DATABASE_URL"));
        settings.push((variable("DATABASE_URL_FILE"), url.display().to_string()));
        settings.push((variable("MAX_CONNECTIONS"), "4".to_owned()));
        let file = file.display().to_string();
        let (code, printed, error) =
            print(service, &["--config", &file, "config", "print"], &settings);
        assert_eq!(code, Some(0), "{error}");
        assert!(!(printed.clone() + &error).contains("s3cret"), "{printed}");
        let expected = [
            format!("[{section}]"),
            format!("log = \"{log}\"  # {file}"),
            format!("max_connections = \"4\"  # {}", variable("MAX_CONNECTIONS"))
                .replace("\"4\"", "4"),
            format!("database_url = \"postgres://baton:(hidden)@db/x\"  # {}", url.display()),
        ];
        for line in expected {
            assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
        }
    }
}

#[test]
fn settings_that_can_be_used_are_told_from_those_that_cannot_without_a_call() {
    let folder = tempfile::tempdir().unwrap();
    for (service, section, _) in SECTIONS {
        let good = needed(section, folder.path());
        let (code, said, error) = print(service, &["--check-config"], &good);
        assert_eq!((code, error.as_str()), (Some(0), ""), "{service}");
        assert!(said.contains(&format!("[{section}] can be used")), "{said}");
        let variable = |key: &str| format!("BATON_{}_{key}", section.to_uppercase());
        let table = [
            ("DATABASE_URL", "mysql://x", "postgres:// or sqlite://"),
            ("NO_SUCH_KEY", "x", "no_such_key"),
            ("LOG", "inof", "log"),
        ];
        for (key, value, named) in table {
            let mut bad = good.clone();
            bad.retain(|(known, _)| *known != variable(key));
            bad.push((variable(key), value.to_owned()));
            let (code, _, error) = print(service, &["--check-config"], &bad);
            assert_eq!(code, Some(2), "{service} {key}: {error}");
            assert!(
                error.contains(named) && error.lines().count() == 1,
                "{service} {key}: {error}"
            );
        }
    }
}

/// What a service would stumble over at the start.
#[test]
fn what_only_the_start_would_show_is_found_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let table = [
        ("auth-service", "auth", "CLIENTS_FILE", "/no/such/file", "/no/such/file"),
        ("auth-service", "auth", "MASTER_KEY_FILE", "/no/such/key", "/no/such/key"),
        ("auth-service", "auth", "CACHE_URL", "mysql://x", "cache_url"),
        ("user-service", "user", "SMTP_URL", "gopher://x", "smtp_url"),
        ("user-service", "user", "LISTEN", "256.0.0.1:1", "256.0.0.1:1"),
        ("order-service", "order", "JWKS_URL", "ftp://x", "jwks_url"),
        ("file-service", "file", "STORAGE_URL", "ftp://x", "storage_url"),
        ("batch-service", "batch", "ORDER_URL", "http://order.test", "plain_http_hosts"),
        ("batch-service", "batch", "CLIENT_SECRET_FILE", "/no/such/secret", "client_secret"),
    ];
    for (service, section, key, value, named) in table {
        let variable = format!("BATON_{}_{key}", section.to_uppercase());
        let mut settings = needed(section, folder.path());
        settings.retain(|(known, _)| *known != variable);
        settings.push((variable, value.to_owned()));
        let (code, _, error) = print(service, &["--check-config"], &settings);
        assert_eq!(code, Some(2), "{service} {key}: {error}");
        assert!(error.contains(named), "{service} {key}: {error}");
    }
}
