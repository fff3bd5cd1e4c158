"""How pods start, are watched, end, and are kept apart."""

import settings as declared
from rendered import MAIN_PORT, PROGRAMS, containers, is_service, job_spec, labels_of, name_of, pod, program_of, said, selects
from rules.registry import rule


PROBES = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


@rule
def probes_ask_the_management_port(rendered):
    for deployment in filter(is_service, rendered.workloads()):
        for container in containers(deployment):
            ports = {port.get("name"): port["containerPort"] for port in container.get("ports", [])}
            for probe, path in PROBES.items():
                asked = (container.get(probe) or {}).get("httpGet") or {}
                port = ports.get(asked.get("port"), asked.get("port"))
                if asked.get("path") != path or port != MAIN_PORT[program_of(deployment)] + 100:
                    yield f"{said(deployment)}: {probe} is not {path} at the management port"


@rule
def a_start_may_wait_for_a_migration(rendered):
    patience = declared.seconds("MIGRATION_WAIT_S")
    for deployment in filter(is_service, rendered.workloads()):
        for container in containers(deployment):
            probe = container.get("startupProbe") or {}
            if probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3) < patience:
                yield f"{said(deployment)}: is killed before a migration of {patience} s is over"


@rule
def grace_is_longer_than_the_shutdown(rendered):
    needed = declared.seconds("DRAIN") + declared.seconds("SHUTDOWN_TIMEOUT_S")
    for workload in rendered.workloads():
        grace = pod(workload)["spec"].get("terminationGracePeriodSeconds", 30)
        if is_service(workload) and grace < needed + 5:
            yield f"{said(workload)}: {grace} s, while the shutdown may take {needed} s"
        if any("preStop" in (container.get("lifecycle") or {}) for container in containers(workload)):
            yield f"{said(workload)}: a preStop hook, which the image cannot run"


@rule
def each_deployment_is_guarded(rendered):
    """A disruption budget for each; an autoscaler too, unless it is one pod by its nature."""
    for deployment in filter(is_service, rendered.workloads()):
        budgets = [b for b in rendered.of_kind("PodDisruptionBudget") if selects(b["spec"]["selector"], labels_of(deployment))]
        if len(budgets) != 1:
            yield f"{said(deployment)}: has {len(budgets)} disruption budgets"
        scalers = [
            scaler for scaler in rendered.of_kind("HorizontalPodAutoscaler")
            if scaler["spec"]["scaleTargetRef"]["name"] == name_of(deployment)
        ]
        replicas = deployment["spec"].get("replicas")
        if rendered.is_dev and (scalers or replicas != 1):
            yield f"{said(deployment)}: has to be one pod, since its database is a file"
        if not rendered.is_dev and (len(scalers) != 1 or replicas is not None):
            yield f"{said(deployment)}: an autoscaler alone says how many there are"
        if any(scaler["spec"].get("minReplicas", 1) < 3 for scaler in scalers):
            yield f"{said(deployment)}: fewer than three"


@rule
def pods_are_spread(rendered):
    for deployment in filter(is_service, rendered.workloads()):
        constraints = pod(deployment)["spec"].get("topologySpreadConstraints", [])
        keys = {c["topologyKey"] for c in constraints if selects(c["labelSelector"], labels_of(deployment))}
        if not {"topology.kubernetes.io/zone", "kubernetes.io/hostname"} <= keys:
            yield f"{said(deployment)}: is not spread over zones and nodes"


@rule
def a_volume_has_one_writer(rendered):
    for deployment in filter(is_service, rendered.workloads()):
        has_volume = any("persistentVolumeClaim" in volume for volume in pod(deployment)["spec"].get("volumes", []))
        if has_volume and deployment["spec"].get("strategy", {}).get("type") != "Recreate":
            yield f"{said(deployment)}: two pods would write to its volume while it is updated"


@rule
def cron_jobs_come_to_an_end(rendered):
    for cron_job in rendered.of_kind("CronJob"):
        spec = cron_job["spec"]
        if spec.get("concurrencyPolicy") != "Forbid":
            yield f"{said(cron_job)}: may run twice at once"
        for key in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit", "timeZone"):
            if key not in spec:
                yield f"{said(cron_job)}: {key} is missing"
    for job in rendered.of_kind("CronJob", "Job"):
        spec = job_spec(job)
        if "activeDeadlineSeconds" not in spec or not {"backoffLimit", "backoffLimitPerIndex"} & set(spec):
            yield f"{said(job)}: a deadline or a limit of failures is missing"
        if job["kind"] == "Job" and "ttlSecondsAfterFinished" not in spec:
            yield f"{said(job)}: stays for ever"


@rule
def databases_are_migrated_once(rendered):
    if not rendered.is_whole:
        return
    for program in PROGRAMS:
        own = next((one for one in rendered.workloads() if program_of(one) == program), None)
        migrates = rendered.settings_of(own)[1].get("migrate", True) not in (False, "false")
        has_job = rendered.find("Job", f"{program}-migration") is not None
        if migrates == has_job:
            yield f"{program}: either it migrates at its start, or a Job does"
