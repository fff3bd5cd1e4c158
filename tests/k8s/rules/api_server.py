"""What the API server refuses though the schema takes it."""

import re

from rendered import containers, is_service, job_spec, labels_of, name_of, pod, said
from rules.registry import rule
from rules.life import PROBES


LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?")


@rule
def the_api_server_would_take_it(rendered):
    """What its validation says beyond the schema; and keys of lists that server-side apply merges by have to differ."""
    seen = set()
    for document in rendered.documents:
        name = name_of(document)
        longest = {"CronJob": 52, "Service": 63, "Job": 63}.get(document["kind"], 253)
        if not NAME.fullmatch(name) or len(name) > longest:
            yield f"{said(document)}: is no name"
        if said(document) in seen:
            yield f"{said(document)}: is there twice"
        seen.add(said(document))
        labels = {**document["metadata"].get("labels", {}), **(labels_of(document) if document in rendered.workloads() else {})}
        yield from (f"{said(document)}: label {key}={value!r}" for key, value in labels.items() if not LABEL.fullmatch(value))
    for workload in rendered.workloads():
        yield from (f"{said(workload)}: {wrong}" for wrong in [*bad_pod(workload), *bad_job(workload)])
    for scaler in rendered.of_kind("HorizontalPodAutoscaler"):
        if scaler["spec"].get("minReplicas", 1) > scaler["spec"]["maxReplicas"]:
            yield f"{said(scaler)}: fewer at the most than at the least"
    for policy in rendered.of_kind("NetworkPolicy"):
        rules_ = (policy["spec"].get("egress") or []) + (policy["spec"].get("ingress") or [])
        ports = [port for rule_ in rules_ for port in rule_.get("ports") or []]
        if any(port.get("endPort", port["port"]) < port["port"] for port in ports):
            yield f"{said(policy)}: ports that end before they begin"


def bad_pod(workload):
    spec = pod(workload)["spec"]
    volumes = [volume["name"] for volume in spec.get("volumes", [])]
    yield from twice("volume", volumes)
    yield from twice("container", [container["name"] for container in containers(workload)])
    for constraint in spec.get("topologySpreadConstraints", []):
        if constraint.get("matchLabelKeys") and not constraint.get("labelSelector"):
            yield "matchLabelKeys without a labelSelector"
    for container in containers(workload):
        mounts, ports = container.get("volumeMounts", []), container.get("ports", [])
        yield from (f"mounts {mount['name']}, which is no volume" for mount in mounts if mount["name"] not in volumes)
        yield from twice("mountPath", [mount["mountPath"] for mount in mounts])
        yield from twice("variable", [variable["name"] for variable in container.get("env", [])])
        yield from twice("port", [(port["containerPort"], port.get("protocol", "TCP")) for port in ports])
        yield from (f"port {port['name']} is no name" for port in ports if not PORT_NAME.fullmatch(port.get("name", "a")))
        names = {port.get("name") for port in ports}
        for probe in PROBES:
            asked = container.get(probe, {}).get("httpGet", {}).get("port")
            if isinstance(asked, str) and asked not in names:
                yield f"{probe} asks port {asked}, which there is not"


def twice(what, keys):
    return (f"{what} {key} is there twice" for key in sorted({key for key in keys if keys.count(key) > 1}))


def bad_job(workload):
    if is_service(workload):
        return
    spec, names = job_spec(workload), {container["name"] for container in containers(workload)}
    restart = pod(workload)["spec"].get("restartPolicy")
    if restart not in ("Never", "OnFailure") or ("podFailurePolicy" in spec and restart != "Never"):
        yield f"restartPolicy {restart}"
    if {"backoffLimit", "backoffLimitPerIndex"} <= set(spec):
        yield "counts failures in two ways"
    if spec.get("completionMode") == "Indexed" and "completions" not in spec:
        yield "is indexed, by how many?"
    for policy in spec.get("podFailurePolicy", {}).get("rules", []):
        if policy.get("onExitCodes", {}).get("containerName", next(iter(names))) not in names:
            yield "a failure policy for a container that there is not"
        if policy["action"] == "FailIndex" and "backoffLimitPerIndex" not in spec:
            yield "fails an index of a job that has none"
