"""Whether programs find the settings that they have, and nothing else."""

import re

import settings as declared
from rendered import PROGRAMS, containers, is_migration, said
from rules.registry import rule


@rule
def settings_exist(rendered):
    for section, values in rendered.settings().items():
        for key, value in values.items():
            yield from unknown(section, key)
            for table in value if key in declared.TABLES else []:
                strangers = set(table) - set(declared.known_in_table(key))
                yield from (f"[[{section}.{key}]] {stranger} is no setting" for stranger in sorted(strangers))
    for workload in rendered.workloads():
        for name in rendered.environment(workload):
            found = re.fullmatch(r"BATON_([A-Z]+)_(\w+)", name)
            if found:
                yield from unknown(found.group(1).lower(), found.group(2).lower())
            elif name.startswith("BATON_") and name != "BATON_CONFIG":
                yield f"{said(workload)}: {name} is no setting"


def unknown(section, key):
    if f"{section}-service" not in PROGRAMS or key not in declared.known(section):
        yield f"[{section}] {key} is no setting"


@rule
def settings_are_complete(rendered):
    for workload in rendered.workloads() if rendered.is_whole else []:
        section, settings = rendered.settings_of(workload)
        for key in declared.required(section):
            if key not in settings and f"{key}_file" not in settings:
                yield f"{said(workload)}: [{section}] {key} is missing"


@rule
def files_in_settings_are_mounted(rendered):
    for workload in rendered.workloads():
        mounts = [mount["mountPath"] for container in containers(workload) for mount in container.get("volumeMounts", [])]
        section, settings = rendered.settings_of(workload)
        if is_migration(workload):
            # It reads what is a setting in a file; what a file is for, it has no use for.
            settings = {key: value for key, value in settings.items() if key.removesuffix("_file") in declared.in_files()}
        paths = {f"[{section}] {key}": value for key, value in settings.items() if key.endswith(("_file", "_folder"))}
        for table in settings.get("trusted_issuers", []):
            paths |= {f"[[auth.trusted_issuers]] {key}": value for key, value in table.items() if key.endswith("_file")}
        paths["BATON_CONFIG"] = rendered.environment(workload).get("BATON_CONFIG")
        for key, path in paths.items():
            if path and not any(path.startswith(f"{mount}/") for mount in mounts):
                yield f"{said(workload)}: {key} = {path}, where nothing is mounted"


@rule
def urls_lead_somewhere(rendered):
    for workload in rendered.workloads() if rendered.is_whole else []:
        section, settings = rendered.settings_of(workload)
        plain = settings.get("plain_http_hosts") or []
        plain = plain.split(",") if isinstance(plain, str) else plain
        for key, value in settings.items():
            found = re.match(r"(https?)://([a-z-]+-service):(\d+)", value) if isinstance(value, str) else None
            if not found:
                continue
            scheme, host, port = found.groups()
            service = rendered.find("Service", host)
            if not service or int(port) not in [one["port"] for one in service["spec"]["ports"]]:
                yield f"{said(workload)}: [{section}] {key}: no Service {host} has port {port}"
            speaks_tls = "tls_certificate_file" in rendered.settings().get(host.removesuffix("-service"), {})
            if speaks_tls != (scheme == "https"):
                yield f"{said(workload)}: [{section}] {key}: {host} does not speak {scheme}"
            may_be_plain = key in ("jwks_url", "revocations_url", "issuer") or host in plain
            if scheme == "http" and not may_be_plain:
                yield f"{said(workload)}: [{section}] {key}: {host} is not in plain_http_hosts"
