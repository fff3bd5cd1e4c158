//! deploy/settings.md says what the sources say, and the sources say what the services do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tests::settings_table::{SECTIONS, default_said, page, settings_of};

use super::printed;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_page_of_settings_is_what_the_sources_say() {
    let file = root().join("deploy/settings.md");
    let made = page(root());
    if std::env::var_os("BATON_TEST_WRITE").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == made,
        "deploy/settings.md is not what the sources say; its head says how it is made"
    );
}

/// A key without a word on it would be an empty row.
#[test]
fn every_setting_is_explained_and_has_the_default_that_is_said_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for (service, section, files) in SECTIONS {
        let source = root().join(service).join("src").join(files[0]);
        let settings = settings_of(&std::fs::read_to_string(source).unwrap(), "Config");
        let defaults: BTreeMap<String, String> = printed::defaults(service, section, folder.path());
        assert!(settings.len() > 10, "{service}: {settings:?}");
        for setting in &settings {
            assert!(setting.meaning.len() > 10, "{service}: {setting:?}");
            let Some(said) = default_said(&setting.meaning) else { continue };
            let Some(is) = defaults.get(&setting.key) else { continue };
            // A set is printed in an order of its own.
            assert_eq!(words(said), words(is), "{service} {}", setting.key);
        }
        let known = settings.iter().filter(|setting| defaults.contains_key(&setting.key)).count();
        assert!(known > settings.len() / 3, "{service}: {defaults:?}");
    }
}

fn words(text: &str) -> BTreeSet<String> {
    let plain = text.replace(['"', '[', ']', ',', '_'], " ").to_lowercase();
    plain.split_whitespace().map(str::to_owned).collect()
}
