//! How settings are read and refused.

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    listen: String,
    #[serde(default)]
    workers: u8,
    #[serde(default)]
    migrate: Option<bool>,
    #[serde(default)]
    log: LogLevels,
}

fn load_text(text: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("baton.toml");
    std::fs::write(&path, text).map_err(|error| error.to_string())?;
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load_from("order", Some(&path), variables.collect()).map_err(|error| error.to_string())
}

#[test]
fn the_environment_wins_over_the_file() -> Result<(), String> {
    let variables = [
        ("BATON_ORDER_WORKERS", "3"),
        ("BATON_USER_WORKERS", "9"),
        ("BATON_ORDER_MIGRATE", "false"),
    ];
    let settings = load_text("[order]\nlisten = \"a\"\nworkers = 2", &variables)?;
    assert_eq!((settings.listen.as_str(), settings.workers), ("a", 3));
    assert_eq!(settings.migrate, Some(false));
    Ok(())
}

#[test]
fn a_misspelt_log_level_is_refused() -> Result<(), String> {
    let good = load_text("[order]\nlisten = \"a\"\nlog = \"warn,shared=DEBUG\"", &[])?;
    assert_eq!(good.log.as_str(), "warn,shared=DEBUG");
    for bad in ["inof", "", "warn,shared=lots", "warn,shared"] {
        let error = load_text("[order]\nlisten = \"a\"", &[("BATON_ORDER_LOG", bad)]);
        assert!(error.is_err_and(|error| error.contains("log")), "{bad}");
    }
    Ok(())
}

#[test]
fn an_unknown_or_missing_key_is_named() {
    let table = [
        ("[order]\nlisten = \"a\"\nlisen = 1", "lisen"),
        ("[order]\nworkers = 1", "listen"),
        ("[order]\nlisten = \"a\"\nworkers = \"many\"", "workers"),
        ("[ordre]\nlisten = \"a\"", "ordre"),
    ];
    for (text, named) in table {
        let error = load_text(text, &[]).err().unwrap_or_default();
        assert!(error.contains(named), "{text}: {error}");
    }
    for (variable, named) in
        [("BATON_ORDER_WORKRES", "workres"), ("BATON_ORDER_WORKERS", "workers")]
    {
        let error = load_text("[order]\nlisten = \"a\"", &[(variable, "many")]).err();
        assert!(error.as_ref().is_some_and(|error| error.contains(named)), "{variable}: {error:?}");
    }
}

/// A password that happens to look like a number must not be rounded.
#[test]
fn a_text_in_the_environment_arrives_as_it_was_written() -> Result<(), String> {
    for text in
        ["007", "1e5", "0x10", "true", "TRUE", "inf", " a ", "1.50", "", "12345678901234567890"]
    {
        let settings = load_text("[order]", &[("BATON_ORDER_LISTEN", text)])?;
        assert_eq!(settings.listen, text);
    }
    Ok(())
}

#[test]
fn a_url_with_a_password_may_stand_in_a_file_of_its_own() -> Result<(), String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        database_url: String,
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("url");
    let load = |also: &[(&str, &str)]| {
        let named = ("BATON_ORDER_DATABASE_URL_FILE".to_owned(), path.display().to_string());
        let also = also.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let settings = load_from::<Settings>("order", None, also.chain([named]).collect());
        settings.map(|settings| settings.database_url).map_err(|error| error.to_string())
    };
    let missing = load(&[]).err().unwrap_or_default();
    assert!(missing.contains("database_url_file"), "{missing}");
    std::fs::write(&path, "postgres://a:s3cret@b/c\n").map_err(|error| error.to_string())?;
    assert_eq!(load(&[])?, "postgres://a:s3cret@b/c");
    let both = load(&[("BATON_ORDER_DATABASE_URL", "sqlite://x")]).err().unwrap_or_default();
    assert!(both.contains("one of `database_url` and `database_url_file`"), "{both}");
    Ok(())
}
