"""What a pod may, and how much of the machine it takes."""

import re

from rendered import PROGRAMS, containers, is_service, pod, program_of, said
from rules.registry import rule


DEV_IMAGE = "localhost/baton:dev"
NOBODY = 65532
VOLUMES = {"configMap", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret", "ephemeral", "csi"}
HOST = ("hostNetwork", "hostPID", "hostIPC")


@rule
def namespace_enforces_restricted(rendered):
    for namespace in rendered.of_kind("Namespace"):
        labels = namespace["metadata"].get("labels", {})
        for mode in ("enforce", "audit", "warn"):
            if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
                yield f"{said(namespace)}: {mode} is not restricted"
    if rendered.is_whole and not rendered.of_kind("Namespace"):
        yield "there is no Namespace"


@rule
def pods_are_restricted(rendered):
    """The pod security standard `restricted`, as the API server's admission tells it."""
    for workload in rendered.workloads():
        spec = pod(workload)["spec"]
        context = spec.get("securityContext") or {}
        for wrong in [*outside_of_pod(spec), *bad_context(context, {})]:
            yield f"{said(workload)}: {wrong}"
        for container in containers(workload):
            for wrong in [*bad_container(container), *bad_context(container.get("securityContext") or {}, context)]:
                yield f"{said(workload)}/{container['name']}: {wrong}"


def outside_of_pod(spec):
    yield from (f"{key} is set" for key in HOST if spec.get(key))
    for volume in spec.get("volumes", []):
        kinds = set(volume) - {"name"}
        if not kinds <= VOLUMES:
            yield f"volume {volume['name']} is {', '.join(sorted(kinds))}"
    if (spec.get("securityContext") or {}).get("sysctls"):
        yield "sysctls are set"


def bad_context(context, outer):
    both = {**outer, **context}
    if both.get("runAsNonRoot") is not True or both.get("runAsUser", NOBODY) == 0:
        yield "may run as root"
    if (both.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
    if context.get("windowsOptions") or context.get("procMount", "Default") != "Default":
        yield "asks for more than it may"
    if (context.get("seLinuxOptions") or {}).get("user") or (context.get("seLinuxOptions") or {}).get("role"):
        yield "sets an SELinux user or role"
    if (context.get("appArmorProfile") or {}).get("type") == "Unconfined":
        yield "is not confined by AppArmor"


def bad_container(container):
    context = container.get("securityContext") or {}
    capabilities = context.get("capabilities") or {}
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield "may get more privileges"
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "keeps capabilities"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "takes a port of the host"


@rule
def pods_write_nowhere(rendered):
    """Beyond `restricted`: the file system is read-only, the account is ours, and what is mounted from Secrets and ConfigMaps is too."""
    for workload in rendered.workloads():
        context = pod(workload)["spec"].get("securityContext") or {}
        if {context.get(key) for key in ("runAsUser", "runAsGroup", "fsGroup")} != {NOBODY}:
            yield f"{said(workload)}: does not run as {NOBODY}"
        for container in containers(workload):
            if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
                yield f"{said(workload)}/{container['name']}: its file system can be written"


@rule
def image_is_ours_and_pinned(rendered):
    images = {container["image"] for workload in rendered.workloads() for container in containers(workload)}
    for image in sorted(images):
        if image != DEV_IMAGE and not re.fullmatch(r"[^@\s]+/baton@sha256:[0-9a-f]{64}", image):
            yield f"{image} is neither {DEV_IMAGE} nor baton by its digest"
    if len(images) > 1:
        yield f"more than one image: {', '.join(sorted(images))}"


@rule
def program_is_the_workloads_own(rendered):
    for workload in rendered.workloads():
        for container in containers(workload):
            command = (container.get("command") or [""])[0]
            if command != program_of(workload) or command not in PROGRAMS:
                yield f"{said(workload)}/{container['name']}: runs `{command}`, its labels say {program_of(workload)}"


@rule
def resources_are_bounded(rendered):
    for workload in rendered.workloads():
        for container in containers(workload):
            resources = container.get("resources", {})
            requests, limits = resources.get("requests", {}), resources.get("limits", {})
            if not {"cpu", "memory"} <= set(requests) or "memory" not in limits:
                yield f"{said(workload)}: requests of cpu and memory, or the limit of memory, are missing"
            elif rendered.is_dev and is_service(workload) and mebibytes(limits["memory"]) > 64:
                yield f"{said(workload)}: more than 64Mi on a laptop"


def mebibytes(quantity):
    number, unit = re.fullmatch(r"(\d+)([MG]i)", quantity).groups()
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


@rule
def scratch_space_is_bounded(rendered):
    for workload in rendered.workloads():
        for volume in pod(workload)["spec"].get("volumes", []):
            if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
                yield f"{said(workload)}: volume {volume['name']} has no end"
