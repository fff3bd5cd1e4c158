//! What compose.yaml promises, held against it; and whether the services understand what it says to them.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};
use shared::config::{ConfigError, load_from};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

/// deploy/docker.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn compose() -> Result<Value, Box<dyn Error>> {
    let text = std::fs::read_to_string(folder().join("compose.yaml"))?;
    Ok(serde_saphyr::from_str(&text)?)
}

fn services(compose: &Value) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let services = compose["services"].as_object().into_iter().flatten();
    services.filter_map(|(name, service)| Some((name, service.as_object()?)))
}

fn words<'v>(service: &'v Map<String, Value>, key: &str) -> Vec<&'v str> {
    let words = service.get(key).and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).collect()
}

fn environment(service: &Map<String, Value>) -> HashMap<String, String> {
    let pairs = service.get("environment").and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[test]
fn every_container_is_confined() -> Outcome {
    let compose = compose()?;
    let mut count = 0;
    for (name, service) in services(&compose) {
        assert_eq!(service.get("read_only"), Some(&Value::Bool(true)), "{name}");
        assert_eq!(words(service, "cap_drop"), ["ALL"], "{name}");
        assert_eq!(words(service, "security_opt"), ["no-new-privileges:true"], "{name}");
        assert!(service.contains_key("mem_limit"), "{name}: mem_limit");
        assert!(service.contains_key("pids_limit"), "{name}: pids_limit");
        assert!(service.contains_key("user"), "{name}: user");
        assert!(service.contains_key("networks"), "{name}: networks");
        for loose in ["privileged", "cap_add", "network_mode", "pid", "ipc", "devices"] {
            assert!(!service.contains_key(loose), "{name}: {loose}");
        }
        count += 1;
    }
    assert!(count >= 9, "{count}");
    Ok(())
}

#[test]
fn our_own_containers_are_nobody_and_write_nowhere() -> Outcome {
    let compose = compose()?;
    let own = services(&compose).filter(|(name, service)| {
        name.ends_with("-service")
            || environment(service).keys().any(|key| key.starts_with("BATON_"))
    });
    for (name, service) in own {
        assert_eq!(service.get("user"), Some(&Value::from("65532:65532")), "{name}");
        assert_eq!(service.get("tmpfs"), None, "{name} writes nowhere");
    }
    Ok(())
}

#[test]
fn what_is_published_is_so_on_loopback_alone_and_the_rest_stays_inside() -> Outcome {
    let compose = compose()?;
    for (name, service) in services(&compose) {
        let ports = words(service, "ports");
        assert!(ports.iter().all(|port| port.starts_with("127.0.0.1:")), "{name}: {ports:?}");
        assert_eq!(!ports.is_empty(), words(service, "networks").contains(&"published"), "{name}");
    }
    for (name, network) in compose["networks"].as_object().into_iter().flatten() {
        assert_eq!(network["internal"] == Value::Bool(true), name != "published", "{name}");
    }
    Ok(())
}

#[test]
fn secrets_are_files_and_the_script_makes_all_of_them() -> Outcome {
    let compose = compose()?;
    let made = made_secrets()?;
    let mut used = BTreeSet::new();
    for (name, service) in services(&compose) {
        for (key, value) in environment(service) {
            let secret =
                ["PASSWORD", "SECRET", "TOKEN", "KEY", "DATABASE_URL", "CACHE_URL", "SMTP_URL"];
            let secret =
                secret.iter().any(|word| key.contains(word)) && !key.ends_with("ACCESS_KEY");
            let public = ["TOKEN_URL", "MP_SMTP_TLS_KEY"].iter().any(|end| key.ends_with(end));
            assert!(!secret || public || key.ends_with("_FILE"), "{name}: {key}");
            if let Some(file) = value.strip_prefix("/run/secrets/") {
                assert!(words(service, "secrets").contains(&file), "{name} has no secret {file}");
            }
        }
        used.extend(words(service, "secrets").into_iter().map(str::to_owned));
    }
    let declared: BTreeSet<String> = compose["secrets"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(used, declared);
    for name in declared {
        assert!(made.path().join(&name).is_file(), "{name} is not made");
    }
    Ok(())
}

/// What `secrets` makes.
fn made_secrets() -> Result<TempDir, Box<dyn Error>> {
    let made = tempfile::tempdir()?;
    let ended = Command::new(folder().join("secrets")).arg(made.path()).output()?;
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Ok(made)
}

#[test]
fn the_services_understand_their_settings() -> Outcome {
    let compose = compose()?;
    let made = made_secrets()?;
    let mut read = 0;
    for (name, service) in services(&compose) {
        let here =
            |value: String| value.replace("/run/secrets", &made.path().display().to_string());
        let set = environment(service).into_iter().map(|(key, value)| (key, here(value)));
        read += usize::from(is_understood(name, set.collect())?);
    }
    assert_eq!(read, 11, "five services, five migrations, the schedule");
    Ok(())
}

/// False where it is none of ours.
fn is_understood(name: &str, set: HashMap<String, String>) -> Result<bool, ConfigError> {
    match name.split('-').next().unwrap_or_default() {
        "auth" => load_from::<auth_service::config::Config>("auth", None, set).map(drop)?,
        "user" => load_from::<user_service::config::Config>("user", None, set).map(drop)?,
        "order" => load_from::<order_service::config::Config>("order", None, set).map(drop)?,
        "file" => load_from::<file_service::config::Config>("file", None, set).map(drop)?,
        "batch" | "schedule" => {
            load_from::<batch_service::config::Config>("batch", None, set).map(drop)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

#[test]
fn the_clients_are_those_that_have_a_secret() -> Outcome {
    let text = std::fs::read_to_string(folder().join("clients.toml"))?;
    let made = made_secrets()?;
    for declared in auth_service::domain::clients_file::parse(&text)? {
        let file = declared.secret_file.unwrap_or_default();
        let file = file.strip_prefix("/run/secrets")?;
        assert!(made.path().join(file).is_file(), "{}", declared.client.id);
    }
    Ok(())
}
