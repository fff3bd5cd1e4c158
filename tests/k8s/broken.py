"""Manifests that are broken on purpose, at least one for each rule: (rule, what is wrong, what breaks it)."""

import copy

from rendered import containers, name_of, pod

EVERYTHING, DEV = "examples/everything", "overlays/dev"
TABLE = []


def breaks(rule, what, overlay=EVERYTHING):
    def add(function):
        TABLE.append((rule, what, (overlay, function)))
        return function

    return add


def manifests(overlays):
    """(rule, what, overlay, its manifests with one thing broken)."""
    for rule, what, (overlay, function) in TABLE:
        documents = copy.deepcopy(overlays[overlay])
        function(documents)
        yield rule, what, overlay, documents


def one(documents, kind, name):
    return next(d for d in documents if d["kind"] == kind and name_of(d) == name)


def order(documents):
    return one(documents, "Deployment", "order-service")


def order_pod(documents):
    return pod(order(documents))["spec"]


def order_container(documents):
    return containers(order(documents))[0]


def settle_pod(documents):
    return pod(one(documents, "CronJob", "settle-orders"))["spec"]


def policy(documents, name):
    return one(documents, "NetworkPolicy", name)["spec"]


def toml(documents):
    """The ConfigMap whose settings are to be broken."""
    return next(d for d in documents if d["kind"] == "ConfigMap" and "baton.toml" in d["data"])["data"]


def replace(documents, old, new):
    data = toml(documents)
    assert old in data["baton.toml"], old
    data["baton.toml"] = data["baton.toml"].replace(old, new)


def without(documents, kind, name):
    documents.remove(one(documents, kind, name))


# --- pods

@breaks("namespace-enforces-restricted", "a namespace that only warns")
def _(documents):
    del one(documents, "Namespace", "baton")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]


@breaks("pods-are-restricted", "a pod that may be root")
def _(documents):
    order_pod(documents)["securityContext"]["runAsUser"] = 0


@breaks("pods-are-restricted", "a pod without a seccomp profile")
def _(documents):
    del order_pod(documents)["securityContext"]["seccompProfile"]


@breaks("pods-are-restricted", "a container that keeps its capabilities")
def _(documents):
    del order_container(documents)["securityContext"]["capabilities"]


@breaks("pods-are-restricted", "a container that may escalate")
def _(documents):
    order_container(documents)["securityContext"]["allowPrivilegeEscalation"] = True


@breaks("pods-are-restricted", "a folder of the host in a CronJob")
def _(documents):
    settle_pod(documents)["volumes"].append({"name": "host", "hostPath": {"path": "/var"}})


@breaks("pods-are-restricted", "an init container that is privileged")
def _(documents):
    bad = copy.deepcopy(order_container(documents)) | {"name": "init"}
    bad["securityContext"]["privileged"] = True
    order_pod(documents)["initContainers"] = [bad]


@breaks("pods-are-restricted", "a port of the host")
def _(documents):
    order_container(documents)["ports"][0]["hostPort"] = 9002


@breaks("pods-write-nowhere", "a file system that can be written")
def _(documents):
    order_container(documents)["securityContext"]["readOnlyRootFilesystem"] = False


@breaks("image-is-ours-and-pinned", "an image by its tag")
def _(documents):
    order_container(documents)["image"] = "registry.example.com/baton:latest"


@breaks("image-is-ours-and-pinned", "an image of somebody else")
def _(documents):
    order_container(documents)["image"] = "docker.io/library/busybox@sha256:" + "0" * 64


@breaks("program-is-the-workloads-own", "the program of another service")
def _(documents):
    order_container(documents)["command"] = ["user-service"]


@breaks("resources-are-bounded", "memory without a limit")
def _(documents):
    del order_container(documents)["resources"]["limits"]


@breaks("resources-are-bounded", "more memory than a laptop has for it", DEV)
def _(documents):
    order_container(documents)["resources"]["limits"]["memory"] = "1Gi"


@breaks("scratch-space-is-bounded", "a /tmp without an end")
def _(documents):
    next(v for v in order_pod(documents)["volumes"] if v["name"] == "tmp")["emptyDir"] = {}


# --- life

@breaks("probes-ask-the-management-port", "a liveness probe at the main port")
def _(documents):
    order_container(documents)["livenessProbe"]["httpGet"]["port"] = "main"


@breaks("probes-ask-the-management-port", "a liveness probe that asks whether the database is there")
def _(documents):
    order_container(documents)["livenessProbe"]["httpGet"]["path"] = "/readyz"


@breaks("a-start-may-wait-for-a-migration", "a start that is cut short")
def _(documents):
    order_container(documents)["startupProbe"]["failureThreshold"] = 3


@breaks("grace-is-longer-than-the-shutdown", "a grace time shorter than the shutdown")
def _(documents):
    order_pod(documents)["terminationGracePeriodSeconds"] = 20


@breaks("grace-is-longer-than-the-shutdown", "a hook that needs a shell")
def _(documents):
    order_container(documents)["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", "5"]}}}


@breaks("each-deployment-is-guarded", "no disruption budget")
def _(documents):
    without(documents, "PodDisruptionBudget", "order-service")


@breaks("each-deployment-is-guarded", "no autoscaler")
def _(documents):
    without(documents, "HorizontalPodAutoscaler", "order-service")


@breaks("each-deployment-is-guarded", "two pods of a service whose database is a file", DEV)
def _(documents):
    order(documents)["spec"]["replicas"] = 2


@breaks("pods-are-spread", "all pods on one node")
def _(documents):
    del order_pod(documents)["topologySpreadConstraints"]


@breaks("a-volume-has-one-writer", "a rolling update of a service with a volume", DEV)
def _(documents):
    order(documents)["spec"]["strategy"] = {"type": "RollingUpdate"}


@breaks("cron-jobs-come-to-an-end", "a CronJob that overlaps itself")
def _(documents):
    one(documents, "CronJob", "settle-orders")["spec"]["concurrencyPolicy"] = "Allow"


@breaks("cron-jobs-come-to-an-end", "a CronJob that keeps all its Jobs")
def _(documents):
    del one(documents, "CronJob", "settle-orders")["spec"]["successfulJobsHistoryLimit"]


@breaks("cron-jobs-come-to-an-end", "a Job without a deadline")
def _(documents):
    del one(documents, "CronJob", "settle-orders")["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]


@breaks("databases-are-migrated-once", "a database that nobody migrates")
def _(documents):
    without(documents, "Job", "order-service-migration")


# --- settings

@breaks("settings-exist", "a key with a slip of the pen")
def _(documents):
    replace(documents, "token_url", "tokn_url")


@breaks("settings-exist", "a variable that is no setting")
def _(documents):
    order_container(documents)["env"].append({"name": "BATON_ORDER_RETRIES", "value": "3"})


@breaks("settings-exist", "an unknown key of a trusted issuer")
def _(documents):
    replace(documents, 'name = "cluster"', 'name = "cluster"\njwk_url = "https://example.com"')


@breaks("settings-are-complete", "no issuer")
def _(documents):
    data = toml(documents)
    data["baton.toml"] = "\n".join(line for line in data["baton.toml"].splitlines() if not line.startswith("jwks_url = \"http"))


@breaks("files-in-settings-are-mounted", "a file where nothing is mounted")
def _(documents):
    replace(documents, "/run/secrets/identity/token", "/run/identity/token")


@breaks("urls-lead-somewhere", "a port that no Service has")
def _(documents):
    replace(documents, "file-service:9003", "file-service:9002")


@breaks("urls-lead-somewhere", "plain HTTP to a service that speaks TLS")
def _(documents):
    replace(documents, "https://file-service", "http://file-service")


@breaks("urls-lead-somewhere", "a plain host that is not declared", DEV)
def _(documents):
    replace(documents, '["auth-service", "file-service"]', '["auth-service"]')


# --- secrets and identities

@breaks("no-secret-is-written-down", "a Secret in the repository")
def _(documents):
    documents.append({
        "apiVersion": "v1", "kind": "Secret", "data": {"database-url": "c2VjcmV0"},
        "metadata": {"name": "order-service", "namespace": "baton", "labels": {"app.kubernetes.io/part-of": "baton"}},
    })


@breaks("no-secret-is-written-down", "a password in a URL of the settings")
def _(documents):
    replace(documents, 'database_url_file = "/run/secrets/baton/database-url"', 'database_url = "postgres://baton:pass@db/baton"')


@breaks("no-secret-is-written-down", "a client secret among the batch's variables")
def _(documents):
    batch = next(d for d in documents if d["kind"] == "ConfigMap" and name_of(d) == "baton-batch")
    batch["data"]["BATON_BATCH_SMTP_URL"] = "smtp://baton:pass@mail.example.com"


@breaks("secrets-come-in-files", "a secret in a variable")
def _(documents):
    secret = {"secretKeyRef": {"name": "order-service", "key": "database-url"}}
    order_container(documents)["env"].append({"name": "BATON_ORDER_DATABASE_URL", "valueFrom": secret})


@breaks("each-workload-has-an-account-without-rights", "a token for the cluster")
def _(documents):
    order_pod(documents)["automountServiceAccountToken"] = True


@breaks("each-workload-has-an-account-without-rights", "the account of another service")
def _(documents):
    order_pod(documents)["serviceAccountName"] = "user-service"


@breaks("each-workload-has-an-account-without-rights", "a right in the cluster", DEV)
def _(documents):
    one(documents, "ClusterRoleBinding", "baton-service-account-issuer-discovery")["roleRef"]["name"] = "view"


@breaks("clients-prove-themselves-by-their-pods", "a token for the API server")
def _(documents):
    for volume in order_pod(documents)["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            del source["serviceAccountToken"]["audience"]


@breaks("clients-prove-themselves-by-their-pods", "a token that lives for a day")
def _(documents):
    for volume in settle_pod(documents)["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            source["serviceAccountToken"]["expirationSeconds"] = 86400


@breaks("clients-prove-themselves-by-their-pods", "a client with a secret")
def _(documents):
    data = next(d for d in documents if d["kind"] == "ConfigMap" and "clients.toml" in d["data"])["data"]
    data["clients.toml"] = data["clients.toml"].replace('service_account = "cluster/baton:order-service"', "")


@breaks("what-is-referred-to-exists", "the Secret of another service")
def _(documents):
    next(v for v in order_pod(documents)["volumes"] if v["name"] == "secrets")["secret"]["secretName"] = "auth-service"


@breaks("what-is-referred-to-exists", "a ConfigMap that is not there")
def _(documents):
    next(v for v in order_pod(documents)["volumes"] if v["name"] == "settings")["configMap"]["name"] = "settings"


@breaks("external-secrets-have-all-that-is-read", "an ExternalSecret that lacks a key")
def _(documents):
    one(documents, "ExternalSecret", "order-service")["spec"]["data"].pop()


# --- network

@breaks("nothing-is-reached-by-default", "no denial by default")
def _(documents):
    without(documents, "NetworkPolicy", "default-deny")


@breaks("nothing-is-reached-by-default", "a denial of ingress alone")
def _(documents):
    policy(documents, "default-deny")["policyTypes"] = ["Ingress"]


@breaks("just-the-calls-of-the-settings-get-through", "a call that may not go out")
def _(documents):
    policy(documents, "order-service")["egress"].pop()


@breaks("just-the-calls-of-the-settings-get-through", "a call that may not come in")
def _(documents):
    policy(documents, "file-service")["ingress"][0]["from"].pop(0)


@breaks("just-the-calls-of-the-settings-get-through", "a way that nobody needs")
def _(documents):
    to = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "user-service"}}}
    policy(documents, "file-service")["egress"].append({"to": [to], "ports": [{"port": 9001}]})


@breaks("just-the-calls-of-the-settings-get-through", "any port of a peer")
def _(documents):
    del policy(documents, "order-service")["egress"][0]["ports"]


@breaks("the-outside-is-named", "the whole internet for a service")
def _(documents):
    policy(documents, "order-service")["egress"].append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]})


@breaks("the-outside-is-named", "any namespace at the main ports")
def _(documents):
    policy(documents, "order-service")["ingress"] = [{"from": [{"namespaceSelector": {}}], "ports": [{"port": 9002}]}]


@breaks("the-outside-is-named", "everybody at the management ports")
def _(documents):
    del policy(documents, "metrics")["ingress"][0]["from"]


@breaks("names-can-be-looked-up-and-databases-reached", "a service that cannot reach its Redis")
def _(documents):
    policy(documents, "redis")["podSelector"]["matchExpressions"][0]["values"].remove("order-service")


@breaks("names-can-be-looked-up-and-databases-reached", "no names", DEV)
def _(documents):
    without(documents, "NetworkPolicy", "dns")


# --- what belongs together

@breaks("selectors-fit", "a Service that selects nothing")
def _(documents):
    one(documents, "Service", "order-service")["spec"]["selector"]["app.kubernetes.io/name"] = "orders"


@breaks("selectors-fit", "a disruption budget for nobody")
def _(documents):
    one(documents, "PodDisruptionBudget", "order-service")["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] = "orders"


@breaks("services-lead-to-the-ports-of-their-pods", "a Service that leads to the management port")
def _(documents):
    one(documents, "Service", "order-service")["spec"]["ports"][0]["targetPort"] = "management"


@breaks("services-lead-to-the-ports-of-their-pods", "a Service that is open to the outside")
def _(documents):
    one(documents, "Service", "order-service")["spec"]["type"] = "LoadBalancer"


@breaks("only-public-paths-are-routed", "the administration on the internet")
def _(documents):
    one(documents, "HTTPRoute", "auth-service")["spec"]["rules"][0]["matches"].append({"path": {"type": "PathPrefix", "value": "/admin"}})


@breaks("only-public-paths-are-routed", "everything on the internet")
def _(documents):
    one(documents, "HTTPRoute", "order-service")["spec"]["rules"][0]["matches"] = [{"path": {"type": "PathPrefix", "value": "/"}}]


@breaks("a-bare-cluster-knows-all-kinds", "a custom resource in an overlay", DEV)
def _(documents):
    labels = {"app.kubernetes.io/part-of": "baton"}
    documents.append({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "spec": {},
        "metadata": {"name": "baton", "namespace": "baton", "labels": labels},
    })


@breaks("all-is-in-the-namespace-and-says-whose-it-is", "a manifest in another namespace")
def _(documents):
    one(documents, "Service", "order-service")["metadata"]["namespace"] = "default"


# --- what the API server refuses

@breaks("the-api-server-would-take-it", "a mount of a volume that is not there")
def _(documents):
    order_container(documents)["volumeMounts"].append({"name": "cache", "mountPath": "/cache"})


@breaks("the-api-server-would-take-it", "two mounts at one path")
def _(documents):
    order_container(documents)["volumeMounts"].append({"name": "tmp", "mountPath": "/etc/baton"})


@breaks("the-api-server-would-take-it", "a failure policy with pods that are restarted")
def _(documents):
    settle_pod(documents)["restartPolicy"] = "OnFailure"


@breaks("the-api-server-would-take-it", "a name that is too long for a CronJob")
def _(documents):
    one(documents, "CronJob", "settle-orders")["metadata"]["name"] = "settle-" + "orders-" * 8 + "x"


@breaks("the-api-server-would-take-it", "a manifest that is there twice")
def _(documents):
    documents.append(one(documents, "Service", "order-service"))


@breaks("the-api-server-would-take-it", "a label that is none")
def _(documents):
    one(documents, "Service", "order-service")["metadata"]["labels"]["team"] = "a team"
