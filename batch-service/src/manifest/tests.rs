//! The manifests against the files in deploy/k8s, and against what Kubernetes makes of exit codes.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::job::Parameter;
use crate::jobs::declarations;
use crate::schedule::Schedules;

const ASKED: Declaration = Declaration {
    parameters: &[Parameter { name: "file", about: "a file", default: None }],
    ..Declaration::new("asked", "a job that somebody asks for")
};

const SHARED: Declaration = Declaration {
    pods: 4,
    time_zone: "America/New_York",
    ..Declaration::new("shared", "a job that pods share").scheduled("0 * * * *", Period::Hour)
};

fn written(declaration: &Declaration) -> Result<String, BatchError> {
    let timetable = Timetable::of(declaration, &Schedules::new());
    let timetable = timetable.map_err(|error| BatchError::Job(error.to_string()))?;
    manifest(declaration, &timetable, &Said { parameters: &BTreeMap::new(), window: None })
}

/// The values of `key: value` and `- value` in this order, for a look into YAML without a parser.
fn values<'y>(yaml: &'y str, key: &str) -> Vec<&'y str> {
    let lines = yaml.lines().map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/k8s/base/batch")
}

#[test]
fn what_is_deployed_is_what_the_jobs_declare() -> Result<(), BatchError> {
    for declaration in declarations() {
        let name = declaration.name;
        let path = folder().join(format!("{name}.yaml"));
        let file = fs::read_to_string(&path).unwrap_or_default();
        let rewrite = format!("batch-service manifest {name} > deploy/k8s/base/batch/{name}.yaml");
        assert!(file == written(&declaration)?, "{} is not up to date: {rewrite}", path.display());
    }
    Ok(())
}

#[test]
fn every_file_is_a_jobs_and_every_scheduled_job_is_in_the_kustomization() -> std::io::Result<()> {
    let kustomization = fs::read_to_string(folder().join("kustomization.yaml"))?;
    let mut expected: Vec<_> =
        declarations().iter().map(|job| format!("{}.yaml", job.name)).collect();
    expected.push("kustomization.yaml".to_owned());
    expected.sort();
    let files: Result<Vec<_>, _> =
        fs::read_dir(folder())?.map(|file| file.map(|f| f.file_name())).collect();
    let mut files: Vec<_> =
        files?.into_iter().map(|name| name.to_string_lossy().into_owned()).collect();
    files.sort();
    assert_eq!(files, expected);
    for job in declarations() {
        // A Job without a name is created by hand.
        let is_resource = kustomization.contains(&format!("- {}.yaml", job.name));
        assert_eq!(is_resource, job.schedule.is_some(), "{}", job.name);
    }
    Ok(())
}

/// A day of settlements by four pods: the Indexed Job that others are modelled on.
#[test]
fn the_example_of_an_indexed_job_is_what_is_printed_for_it() -> Result<(), BatchError> {
    let found = declarations().into_iter().find(|job| job.name == "settle-orders");
    let settling = Declaration { pods: 4, ..found.unwrap_or(SHARED) };
    let timetable = Timetable::of(&settling, &Schedules::new());
    let timetable = timetable.map_err(|error| BatchError::Job(error.to_string()))?;
    let said = Said { parameters: &BTreeMap::new(), window: Some("2026-07-17") };
    let yaml = manifest(&settling, &timetable, &said)?;
    let path = folder().join("../../examples/indexed-job/settle-orders.yaml");
    let rewrite = "batch-service manifest settle-orders --window 2026-07-17 --pods 4";
    let file = fs::read_to_string(&path).unwrap_or_default();
    assert!(file == yaml, "{} is not up to date: {rewrite}", path.display());
    Ok(())
}

#[test]
fn a_window_makes_one_job_that_is_about_it_and_no_other() -> Result<(), BatchError> {
    let timetable = Timetable::of(&SHARED, &Schedules::new());
    let timetable = timetable.map_err(|error| BatchError::Job(error.to_string()))?;
    let window = Some("2026-07-17T09:00Z");
    let yaml = manifest(&SHARED, &timetable, &Said { parameters: &BTreeMap::new(), window })?;
    assert_eq!(values(&yaml, "kind"), ["Job"]);
    assert!(values(&yaml, "name").contains(&"shared-2026-07-17t09-00z"), "{yaml}");
    assert!(yaml.contains("- --window\n") && !yaml.contains("--catch-up"), "{yaml}");
    // A time from elsewhere would be another window's.
    assert!(!yaml.contains("SCHEDULED_AT") && !yaml.contains("KUBERNETES_JOB"), "{yaml}");
    Ok(())
}

#[test]
fn pods_prove_themselves_with_a_token_of_their_own_and_hold_no_client_secret()
-> Result<(), BatchError> {
    for declaration in declarations() {
        let yaml = written(&declaration)?;
        assert_eq!(values(&yaml, "audience"), ["auth-service"], "{}", declaration.name);
        assert!(!yaml.contains("client-secret") && !yaml.contains("secretKeyRef"), "{yaml}");
    }
    Ok(())
}

#[test]
fn exit_codes_mean_to_kubernetes_what_they_mean_to_the_runner() {
    for (action, pods) in [("FailJob", 1), ("FailIndex", 4)] {
        let spec = job_spec(&Declaration { pods, ..SHARED }, Value::Null);
        let rules = &spec["podFailurePolicy"]["rules"];
        let exits = |rule: usize| &rules[rule]["onExitCodes"];
        assert_eq!((&rules[0]["action"], &exits(0)["values"]), (&json!(action), &json!([42])));
        assert_eq!(
            (&rules[1]["action"], &exits(1)["values"]),
            (&json!("Ignore"), &json!([75, 143]))
        );
        assert_eq!(exits(0)["containerName"], json!(pod::CONTAINER));
        assert_eq!(rules[2]["action"], json!("Ignore"));
        assert_eq!(rules[2]["onPodConditions"][0]["type"], json!("DisruptionTarget"));
    }
}

#[test]
fn a_job_that_pods_share_is_indexed_and_its_pods_know_their_number() -> Result<(), BatchError> {
    let yaml = written(&SHARED)?;
    assert_eq!(values(&yaml, "completionMode"), ["Indexed"]);
    assert_eq!(
        (values(&yaml, "completions"), values(&yaml, "parallelism")),
        (vec!["4"], vec!["4"])
    );
    assert_eq!(values(&yaml, "timeZone"), ["America/New_York"]);
    assert!(yaml.contains("- name: BATON_BATCH_PODS\n"), "{yaml}");
    // Kubernetes takes one limit or the other.
    assert_eq!(values(&yaml, "backoffLimit"), [""; 0]);
    let alone = written(&Declaration { pods: 1, ..SHARED })?;
    assert!(!alone.contains("Indexed") && !alone.contains("PODS"), "{alone}");
    Ok(())
}

#[test]
fn what_yaml_would_take_for_something_else_is_in_quotes() -> Result<(), BatchError> {
    let yaml = written(&SHARED.scheduled("*/10 * * * *", Period::Hour))?;
    let quoted = |text: &str| [format!("\"{text}\""), format!("'{text}'")];
    let [number, alias] = ["4", "*/10 * * * *"].map(quoted);
    assert!(values(&yaml, "value").iter().any(|value| number.iter().any(|q| q == value)), "{yaml}");
    assert!(
        values(&yaml, "schedule").iter().all(|value| alias.iter().any(|q| q == value)),
        "{yaml}"
    );
    Ok(())
}

#[test]
fn what_has_to_be_said_to_a_job_is_said_or_left_open() -> Result<(), BatchError> {
    let timetable = Timetable::of(&ASKED, &Schedules::new());
    let timetable = timetable.map_err(|error| BatchError::Job(error.to_string()))?;
    for (said, expected) in [(None, "- file=\n"), (Some("/data/a.csv"), "- file=/data/a.csv\n")] {
        let said = said.map(|path: &str| ("file".to_owned(), path.to_owned()));
        let parameters = said.into_iter().collect();
        let said = Said { parameters: &parameters, window: None };
        let yaml = manifest(&ASKED, &timetable, &said)?;
        assert!(yaml.contains(expected), "{yaml}");
        assert!(values(&yaml, "kind") == ["Job"] && !yaml.contains("--catch-up"), "{yaml}");
    }
    Ok(())
}
