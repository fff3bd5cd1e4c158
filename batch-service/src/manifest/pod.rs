//! The pod of a job: what it runs, what it is told, what it may do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::labels;
use crate::job::Declaration;
use crate::schedule::Timetable;

/// The name of its container.
pub(super) const CONTAINER: &str = "batch";
/// Without a tag: kustomize sets it.
const IMAGE: &str = "baton/batch-service";
/// The ConfigMap of the settings, and the Secret of `database-url` and `client-secret`.
const SETTINGS: &str = "baton-batch";
const SECRETS: &str = "/run/secrets/baton";
/// The account that it runs as.
const NOBODY: u32 = 65_532;

/// The template of its pods.
pub(super) fn template(
    declaration: &Declaration,
    timetable: &Timetable,
    parameters: &BTreeMap<String, String>,
) -> Value {
    json!({
        "metadata": { "labels": labels(declaration) },
        "spec": {
            // It calls services, and never the cluster.
            "automountServiceAccountToken": false,
            "containers": [container(declaration, timetable, parameters)],
            // Kubernetes would write a variable BATON_BATCH_... for a Service called `baton-batch`.
            "enableServiceLinks": false,
            // The rules for exit codes want it.
            "restartPolicy": "Never",
            "securityContext": {
                "fsGroup": NOBODY,
                "runAsGroup": NOBODY,
                "runAsNonRoot": true,
                "runAsUser": NOBODY,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "terminationGracePeriodSeconds": 30,
            "volumes": [
                { "name": "secrets", "secret": secret_file() },
                { "emptyDir": { "sizeLimit": "1Gi" }, "name": "tmp" },
            ],
        },
    })
}

fn container(
    declaration: &Declaration,
    timetable: &Timetable,
    parameters: &BTreeMap<String, String>,
) -> Value {
    json!({
        "args": arguments(declaration, timetable, parameters),
        "env": environment(declaration, timetable),
        "envFrom": [{ "configMapRef": { "name": SETTINGS } }],
        "image": IMAGE,
        "name": CONTAINER,
        "resources": {
            "limits": { "memory": "256Mi" },
            "requests": { "cpu": "100m", "memory": "64Mi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
        },
        "volumeMounts": [
            { "mountPath": SECRETS, "name": "secrets", "readOnly": true },
            { "mountPath": "/tmp", "name": "tmp" },
        ],
    })
}

/// Kubernetes may leave out a time (when its controller is away, or a clock is set forward over it), so each run looks whether the
/// window before was done. A parameter that has to be said, and was not, stands there with nothing behind its `=`.
fn arguments(
    declaration: &Declaration,
    timetable: &Timetable,
    parameters: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut arguments = vec!["run".to_owned(), declaration.name.to_owned()];
    for parameter in declaration.parameters {
        let said = parameters.get(parameter.name).map(String::as_str);
        if let Some(value) = said.or(parameter.default.is_none().then_some("")) {
            arguments.push(format!("{}={value}", parameter.name));
        }
    }
    if timetable.schedule().is_some() {
        arguments.extend(["--catch-up".to_owned(), "1".to_owned()]);
    }
    arguments
}

fn environment(declaration: &Declaration, timetable: &Timetable) -> Vec<Value> {
    let mut variables = vec![
        json!({ "name": "BATON_BATCH_CLIENT_SECRET_FILE", "value": format!("{SECRETS}/client-secret") }),
        json!({
            "name": "BATON_BATCH_DATABASE_URL",
            "valueFrom": { "secretKeyRef": { "key": "database-url", "name": SETTINGS } },
        }),
    ];
    if timetable.schedule().is_some() {
        variables.push(field(
            "BATON_BATCH_KUBERNETES_JOB",
            "metadata.labels['batch.kubernetes.io/job-name']",
        ));
        // Empty, unless somebody copies it from the Job.
        variables.push(field(
            "BATON_BATCH_SCHEDULED_AT",
            "metadata.annotations['batch.kubernetes.io/cronjob-scheduled-timestamp']",
        ));
    }
    if declaration.pods > 1 {
        let pods = declaration.pods.to_string();
        variables.push(json!({ "name": "BATON_BATCH_PODS", "value": pods }));
    }
    variables
}

fn field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

/// Readable for the group that the pod runs as, and nobody else.
fn secret_file() -> Value {
    json!({
        "defaultMode": 0o440,
        "items": [{ "key": "client-secret", "path": "client-secret" }],
        "secretName": SETTINGS,
    })
}
