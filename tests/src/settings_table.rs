//! The table of all settings, made from what each `config.rs` says of its own.

use std::fmt::Write;
use std::path::Path;

/// The services, their sections of the file, and the files in which their settings are declared.
pub const SECTIONS: [(&str, &str, &[&str]); 5] = [
    ("auth-service", "auth", &["config.rs", "config/issuers.rs"]),
    ("user-service", "user", &["config.rs"]),
    ("order-service", "order", &["config.rs"]),
    ("file-service", "file", &["config.rs"]),
    ("batch-service", "batch", &["config.rs", "schedule.rs"]),
];
/// The structs that are settings, and where in the section they stand: the section itself, a list of tables, a table of tables.
const STRUCTS: [(&str, &str); 4] = [
    ("Config", ""),
    ("TrustedIssuer", "trusted_issuers"),
    ("SocialProvider", "social"),
    ("ScheduleSettings", "schedules.<job>"),
];
/// URLs that may stand in a file of their own.
const IN_FILES: [&str; 3] = ["database_url", "cache_url", "smtp_url"];
const HEAD: &str = "# Settings

Made from each service's `src/config.rs` by `BATON_TEST_WRITE=yes cargo test -p tests --test it settings_table`; the same test keeps it
true.

One TOML file for all services, named by `--config` or `BATON_CONFIG`, with a section for each; variables win over it. A key that
is not in these tables is refused. `<service> config print` shows what is in force and where it was set, `<service>
--check-config` whether it can be used; both call nobody.

Secrets are better kept in files: `database_url`, `cache_url` and `smtp_url`, which may hold a password, can each be given as a
file that holds the URL, with `_file` behind the key (`database_url_file`, `BATON_ORDER_DATABASE_URL_FILE`).
";

/// A setting, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub meaning: String,
}

/// The whole page; `root` is the repository.
pub fn page(root: &Path) -> String {
    let mut page = HEAD.to_owned();
    for (service, section, files) in SECTIONS {
        let _ = write!(page, "\n## {service}: `[{section}]`\n");
        for file in files {
            let text = std::fs::read_to_string(root.join(service).join("src").join(file));
            let text = text.expect("the service's own source");
            for (name, place) in STRUCTS {
                let settings = settings_of(&text, name);
                if !settings.is_empty() {
                    table(&mut page, (section, place), &settings);
                }
            }
        }
    }
    page
}

fn table(page: &mut String, (section, place): (&str, &str), settings: &[Setting]) {
    let _ = match place {
        "" => write!(page, "\n| key | variable | meaning |\n|---|---|---|\n"),
        place if place.contains('<') => {
            write!(page, "\nIn `[{section}.{place}]`:\n\n| key | meaning |\n|---|---|\n")
        }
        place => {
            write!(page, "\nIn each `[[{section}.{place}]]`:\n\n| key | meaning |\n|---|---|\n")
        }
    };
    for Setting { key, meaning } in settings {
        let meaning = meaning.replace('|', "\\|");
        let _ = if place.is_empty() {
            let variable = format!("BATON_{}_{}", section.to_uppercase(), key.to_uppercase());
            let file = if IN_FILES.contains(&key.as_str()) { ", or a file" } else { "" };
            writeln!(page, "| `{key}`{file} | `{variable}` | {meaning} |")
        } else {
            writeln!(page, "| `{key}` | {meaning} |")
        };
    }
}

/// The fields of this struct with what is said of them.
pub fn settings_of(source: &str, name: &str) -> Vec<Setting> {
    let opening = format!("pub struct {name} {{");
    let lines = source.lines().skip_while(|line| *line != opening).skip(1);
    let (mut settings, mut meaning) = (Vec::new(), String::new());
    for line in lines.take_while(|line| *line != "}").map(str::trim) {
        if let Some(said) = line.strip_prefix("///") {
            meaning.push_str(if meaning.is_empty() { said.trim_start() } else { said });
        } else if let Some((key, _)) =
            line.strip_prefix("pub ").and_then(|field| field.split_once(':'))
        {
            settings.push(Setting { key: key.to_owned(), meaning: std::mem::take(&mut meaning) });
        }
    }
    settings
}

/// What the meaning says the default is, if it names one.
pub fn default_said(meaning: &str) -> Option<&str> {
    let said =
        meaning.split_once("Default `").map(|(_, rest)| rest.split('`').next().unwrap_or(rest));
    said.or_else(|| {
        let (_, rest) = meaning.split_once("Default ")?;
        let word = rest.split([' ', '.']).next()?;
        let plain =
            word.chars().all(|digit| digit.is_ascii_digit()) || ["true", "false"].contains(&word);
        // "Default 30 days" is no number of this setting's unit.
        let whole = rest[word.len()..].starts_with('.') || rest[word.len()..].starts_with(" (");
        (plain && whole).then_some(word)
    })
}
