"""What an overlay renders to, in the words of the rules: workloads, their pods, their containers, their settings."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["auth-service", "user-service", "order-service", "file-service"]
PROGRAMS = [*SERVICES, "batch-service"]
MAIN_PORT = {"auth-service": 9000, "user-service": 9001, "order-service": 9002, "file-service": 9003}


class Rendered:
    """All manifests of one overlay."""

    def __init__(self, name, documents):
        self.name = name
        self.documents = [document for document in documents if document]
        self.is_dev = "dev" in name
        # A whole one has the services; an example may be a Job alone.
        self.is_whole = any(document["kind"] == "Deployment" for document in self.documents)

    def of_kind(self, *kinds):
        return [document for document in self.documents if document["kind"] in kinds]

    def find(self, kind, name):
        return next((one for one in self.of_kind(kind) if name_of(one) == name), None)

    def workloads(self):
        return self.of_kind("Deployment", "Job", "CronJob")

    def configmap(self, prefix):
        """By its name without the hash that kustomize puts behind it."""
        exact = re.compile(re.escape(prefix) + r"(-[0-9a-z]{10})?")
        return next((one for one in self.of_kind("ConfigMap") if exact.fullmatch(name_of(one))), None)

    def settings(self):
        """baton.toml, by section; without what the environment adds."""
        configmap = self.configmap("baton")
        return tomllib.loads(configmap["data"]["baton.toml"]) if configmap else {}

    def settings_of(self, workload):
        """Section and settings of one workload: the file, and the environment on top."""
        section = program_of(workload).removesuffix("-service")
        prefix = f"BATON_{section.upper()}_"
        settings = dict(self.settings().get(section, {}))
        for name, value in self.environment(workload).items():
            if name.startswith(prefix):
                settings[name.removeprefix(prefix).lower()] = value
        return section, settings

    def environment(self, workload):
        """Variables by name; None where the value is not in the manifest."""
        variables = {}
        for container in containers(workload):
            for source in container.get("envFrom", []):
                configmap = self.find("ConfigMap", source.get("configMapRef", {}).get("name"))
                variables.update(configmap["data"] if configmap else {})
            for variable in container.get("env", []):
                variables[variable["name"]] = variable.get("value")
        return variables


def name_of(document):
    metadata = document["metadata"]
    return metadata.get("name") or metadata.get("generateName", "").rstrip("-")


def said(document):
    return f"{document['kind']} {name_of(document)}"


def pod(workload):
    """The template of its pods."""
    spec = workload["spec"]
    return (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]


def job_spec(workload):
    return workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]


def containers(workload):
    spec = pod(workload)["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def labels_of(workload):
    return pod(workload)["metadata"].get("labels", {})


def program_of(workload):
    return labels_of(workload).get("app.kubernetes.io/name", "")


def is_service(workload):
    return workload["kind"] == "Deployment"


def is_migration(workload):
    return labels_of(workload).get("app.kubernetes.io/component") == "migration"


def selects(selector, labels):
    """Whether a label selector fits these labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(fits(expression, labels) for expression in selector.get("matchExpressions") or [])


def fits(expression, labels):
    value, operator = labels.get(expression["key"]), expression["operator"]
    return {
        "In": lambda: value in expression["values"],
        "NotIn": lambda: value not in expression["values"],
        "Exists": lambda: value is not None,
        "DoesNotExist": lambda: value is None,
    }[operator]()
