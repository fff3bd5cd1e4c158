//! The pod of a job: what it runs, what it is told, what it may do.

use serde_json::{Value, json};

use super::{Said, labels};
use crate::job::Declaration;
use crate::schedule::Timetable;

/// The name of its container.
pub(super) const CONTAINER: &str = "batch";
/// All of baton's programs are in one image. Without a tag: kustomize sets it.
const IMAGE: &str = "baton";
/// The ConfigMap of the settings.
const SETTINGS: &str = "baton-batch";
/// The program, its service account, and the Secret that holds `database-url`.
const NAME: &str = "batch-service";
const SECRETS: &str = "/run/secrets/baton";
/// Where the pod's own proof of who it is lies; the kubelet renews it.
const IDENTITY: &str = "/run/secrets/identity";
/// Whom the proof is for, and good at nobody else's: auth-service's `audience` of the cluster.
const AUDIENCE: &str = "auth-service";
/// The port of `/livez` and `/metrics` while a job runs, where `management_listen` says so.
const MANAGEMENT_PORT: u16 = 9104;
/// The account that it runs as.
const NOBODY: u32 = 65_532;

/// The template of its pods.
pub(super) fn template(declaration: &Declaration, timetable: &Timetable, said: &Said<'_>) -> Value {
    json!({
        "metadata": { "labels": labels(declaration) },
        "spec": {
            // It calls services, and never the cluster.
            "automountServiceAccountToken": false,
            "containers": [container(declaration, timetable, said)],
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
            "serviceAccountName": NAME,
            "terminationGracePeriodSeconds": 30,
            "volumes": [
                { "name": "secrets", "secret": { "defaultMode": 0o440, "secretName": NAME } },
                { "name": "identity", "projected": own_token() },
                { "emptyDir": { "sizeLimit": "1Gi" }, "name": "tmp" },
            ],
        },
    })
}

fn container(declaration: &Declaration, timetable: &Timetable, said: &Said<'_>) -> Value {
    json!({
        "args": arguments(declaration, timetable, said),
        "command": [NAME],
        "env": environment(declaration, timetable, said),
        "envFrom": [{ "configMapRef": { "name": SETTINGS } }],
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "name": CONTAINER,
        "ports": [{ "containerPort": MANAGEMENT_PORT, "name": "management" }],
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
            { "mountPath": IDENTITY, "name": "identity", "readOnly": true },
            { "mountPath": "/tmp", "name": "tmp" },
        ],
    })
}

/// Kubernetes may leave out a time (when its controller is away, or a clock is set forward over it), so each run looks whether the
/// window before was done. A parameter that has to be said, and was not, stands there with nothing behind its `=`.
fn arguments(declaration: &Declaration, timetable: &Timetable, said: &Said<'_>) -> Vec<String> {
    let mut arguments = vec!["run".to_owned(), declaration.name.to_owned()];
    for parameter in declaration.parameters {
        let value = said.parameters.get(parameter.name).map(String::as_str);
        if let Some(value) = value.or(parameter.default.is_none().then_some("")) {
            arguments.push(format!("{}={value}", parameter.name));
        }
    }
    if let Some(window) = said.window {
        arguments.extend(["--window".to_owned(), window.to_owned()]);
    } else if timetable.schedule().is_some() {
        arguments.extend(["--catch-up".to_owned(), "1".to_owned()]);
    }
    arguments
}

fn environment(declaration: &Declaration, timetable: &Timetable, said: &Said<'_>) -> Vec<Value> {
    let mut variables = vec![
        variable("BATON_BATCH_CLIENT_ASSERTION_FILE", &format!("{IDENTITY}/token")),
        variable("BATON_BATCH_DATABASE_URL_FILE", &format!("{SECRETS}/database-url")),
    ];
    if said.window.is_none() && timetable.schedule().is_some() {
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
        variables.push(variable("BATON_BATCH_PODS", &declaration.pods.to_string()));
    }
    variables
}

fn variable(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

fn field(name: &str, path: &str) -> Value {
    json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
}

/// It proves to auth-service which service account the pod runs as: no client secret has to be kept in the cluster.
fn own_token() -> Value {
    json!({
        "defaultMode": 0o440,
        "sources": [{
            "serviceAccountToken": { "audience": AUDIENCE, "expirationSeconds": 3600, "path": "token" },
        }],
    })
}
