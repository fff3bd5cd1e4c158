"""Where secrets are, and who the pods are."""

import re
import tomllib

from rendered import PROGRAMS, containers, is_migration, pod, program_of, said
from rules.registry import rule


LOOKS_SECRET = re.compile(
    r"(?m)^\s*(client_secret|password|master_key|previous_master_key|s3_secret_key|secret)\s*=|://[^/\s:@]+:[^/\s:@]+@|-----BEGIN [A-Z ]*PRIVATE"
)


@rule
def no_secret_is_written_down(rendered):
    for secret in rendered.of_kind("Secret"):
        if secret.get("data") or secret.get("stringData"):
            yield f"{said(secret)}: has data"
    for configmap in rendered.of_kind("ConfigMap"):
        for key, value in (configmap.get("data") or {}).items():
            if LOOKS_SECRET.search(f"{key.lower()} = {value}" if "\n" not in value else value):
                yield f"{said(configmap)}: {key} looks like a secret"


@rule
def secrets_come_in_files(rendered):
    """What is in the environment is inherited, and shown by whatever shows a process."""
    for workload in rendered.workloads():
        for container in containers(workload):
            sources = [one.get("valueFrom", {}) for one in container.get("env", [])] + container.get("envFrom", [])
            if any("secretKeyRef" in source or "secretRef" in source for source in sources):
                yield f"{said(workload)}: a variable comes from a Secret"


@rule
def each_workload_has_an_account_without_rights(rendered):
    for workload in rendered.workloads():
        spec, program = pod(workload)["spec"], program_of(workload)
        if spec.get("serviceAccountName") != program or spec.get("automountServiceAccountToken") is not False:
            yield f"{said(workload)}: has to run as {program}, without a token for the cluster"
        if spec.get("enableServiceLinks") is not False:
            yield f"{said(workload)}: Services would write its settings"
        account = rendered.find("ServiceAccount", program)
        if rendered.is_whole and (not account or account.get("automountServiceAccountToken") is not False):
            yield f"ServiceAccount {program}: is missing, or mounts a token"
    for binding in rendered.of_kind("RoleBinding", "ClusterRoleBinding"):
        names = [subject["name"] for subject in binding["subjects"]]
        if binding["roleRef"]["name"] != "system:service-account-issuer-discovery" or names != ["system:unauthenticated"]:
            yield f"{said(binding)}: gives a right that nobody needs"


@rule
def clients_prove_themselves_by_their_pods(rendered):
    """No client secret: a projected token, for the audience and the age that auth-service accepts, of an account that is a client's."""
    configmap = rendered.configmap("baton-clients")
    clients = tomllib.loads(configmap["data"]["clients.toml"])["client"] if configmap else []
    accounts = {client.get("service_account"): client["id"] for client in clients}
    issuers = {issuer["name"]: issuer for issuer in rendered.settings().get("auth", {}).get("trusted_issuers", [])}
    for account, client in accounts.items():
        if not account or account.split("/")[0] not in issuers:
            yield f"client {client}: no declared cluster says who it is"
    issuer = next(iter(issuers.values()), {})
    for workload in rendered.workloads() if rendered.is_whole else []:
        section, settings = rendered.settings_of(workload)
        if is_migration(workload) or not {"token_url", "auth_url"} & set(settings):
            continue
        if "client_assertion_file" not in settings:
            yield f"{said(workload)}: [{section}] has no client_assertion_file"
        own = f"{issuer.get('name')}/baton:{program_of(workload)}"
        if accounts.get(own) != settings.get("client_id", program_of(workload)):
            yield f"{said(workload)}: no client has the service account {own}"
        for wrong in bad_token(workload, issuer):
            yield f"{said(workload)}: {wrong}"


def bad_token(workload, issuer):
    sources = [
        source["serviceAccountToken"] for volume in pod(workload)["spec"].get("volumes", [])
        for source in volume.get("projected", {}).get("sources", []) if "serviceAccountToken" in source
    ]
    if [token.get("audience") for token in sources] != [issuer.get("audience", "auth-service")]:
        yield "the audience of its token is not auth-service's"
    if any(token.get("expirationSeconds", 3600) > issuer.get("max_age_s", 3600) for token in sources):
        yield "its token is older than auth-service accepts before it is renewed"


@rule
def what_is_referred_to_exists(rendered):
    """ConfigMaps and claims are here; Secrets are made elsewhere, and are called as their program is."""
    for workload in rendered.workloads() if rendered.is_whole else []:
        program = program_of(workload)
        for container in containers(workload):
            for source in container.get("envFrom", []):
                name = source.get("configMapRef", {}).get("name")
                if not rendered.find("ConfigMap", name):
                    yield f"{said(workload)}: there is no ConfigMap {name}"
        for volume in pod(workload)["spec"].get("volumes", []):
            name = volume.get("configMap", {}).get("name")
            if name and name != "kube-root-ca.crt" and not rendered.find("ConfigMap", name):
                yield f"{said(workload)}: there is no ConfigMap {name}"
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and not rendered.find("PersistentVolumeClaim", claim):
                yield f"{said(workload)}: there is no claim {claim}"
            secret = volume.get("secret", {}).get("secretName")
            if secret and secret not in (program, f"{program}-tls"):
                yield f"{said(workload)}: mounts the Secret {secret}, which is not its own"


@rule
def external_secrets_have_all_that_is_read(rendered):
    """Each file below /run/secrets/baton that a setting names is a key of the ExternalSecret of that program, and no other is."""
    for program in PROGRAMS if rendered.of_kind("ExternalSecret") else []:
        external = rendered.find("ExternalSecret", program)
        given = {one["secretKey"] for one in external["spec"]["data"]} if external else set()
        read = set()
        for workload in rendered.workloads():
            if program_of(workload) == program:
                values = rendered.settings_of(workload)[1].values()
                read |= {v.rsplit("/", 1)[1] for v in values if isinstance(v, str) and v.startswith("/run/secrets/baton/")}
        if given != read:
            yield f"ExternalSecret {program}: gives {sorted(given)}, read are {sorted(read)}"
