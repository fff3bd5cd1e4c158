"""What has to name each other, and where it is."""

import re

from rendered import MAIN_PORT, ROOT, SERVICES, containers, is_service, labels_of, name_of, said, selects
from rules.registry import rule


@rule
def selectors_fit(rendered):
    for deployment in filter(is_service, rendered.workloads()):
        if not selects(deployment["spec"]["selector"], labels_of(deployment)):
            yield f"{said(deployment)}: does not select its own pods"
    for service in rendered.of_kind("Service"):
        own = [one for one in rendered.workloads() if selects({"matchLabels": service["spec"]["selector"]}, labels_of(one))]
        if [name_of(one) for one in own] != [name_of(service).removesuffix("-management")]:
            yield f"{said(service)}: selects {[said(one) for one in own]}"
    for document in rendered.of_kind("NetworkPolicy", "PodDisruptionBudget", "PodMonitor"):
        spec = document["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        if not any(selects(selector, labels_of(one)) for one in rendered.workloads()):
            yield f"{said(document)}: selects nothing"


@rule
def services_lead_to_the_ports_of_their_pods(rendered):
    for service in rendered.of_kind("Service"):
        name = name_of(service)
        deployment = rendered.find("Deployment", name.removesuffix("-management"))
        ports = {p["name"]: p["containerPort"] for c in containers(deployment) for p in c.get("ports", [])} if deployment else {}
        is_management = name.endswith("-management")
        expected = MAIN_PORT.get(name.removesuffix("-management"), 0) + (100 if is_management else 0)
        for port in service["spec"]["ports"]:
            if port["port"] != expected or ports.get(port["targetPort"]) != expected:
                yield f"{said(service)}: {port['port']} does not lead to {expected}"
        if is_management != (service["spec"].get("clusterIP") == "None"):
            yield f"{said(service)}: the management Service, and no other, is headless"
        if service["spec"].get("type", "ClusterIP") != "ClusterIP":
            yield f"{said(service)}: is open to the outside"


KEPT_INSIDE = ("/internal", "/admin", "/oauth2/revocations", "/mailbox", "/metrics", "/livez", "/readyz", "/startupz")


@rule
def only_public_paths_are_routed(rendered):
    for route in rendered.of_kind("HTTPRoute"):
        program = name_of(route)
        paths = re.findall(r'"(/[^"]*)"', (ROOT / f"{program}/src/routes.rs").read_text()) if program in SERVICES else []
        for rule_ in route["spec"]["rules"]:
            for match in rule_.get("matches", [{"path": {"type": "PathPrefix", "value": "/"}}]):
                path, is_prefix = match["path"]["value"], match["path"]["type"] == "PathPrefix"
                covers = lambda other: other == path or (is_prefix and other.startswith(path.rstrip("/") + "/"))
                if any(covers(inside) or path.startswith(inside) for inside in KEPT_INSIDE):
                    yield f"{said(route)}: {path} shows what is kept inside"
                if not any(map(covers, paths)):
                    yield f"{said(route)}: {program} has no route {path}"
            if [(b["name"], b["port"]) for b in rule_["backendRefs"]] != [(program, MAIN_PORT.get(program))]:
                yield f"{said(route)}: does not lead to {program}"


BUILT_IN = {
    "v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v2", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1",
}


@rule
def a_bare_cluster_knows_all_kinds(rendered):
    """Custom resources are in components, which one takes where they are there."""
    for document in rendered.documents if rendered.name.startswith("overlays/") else []:
        if document["apiVersion"] not in BUILT_IN:
            yield f"{said(document)}: {document['apiVersion']} is not Kubernetes' own"


@rule
def all_is_in_the_namespace_and_says_whose_it_is(rendered):
    cluster_wide = ("Namespace", "ClusterRoleBinding")
    for document in rendered.documents:
        if document["kind"] not in cluster_wide and document["metadata"].get("namespace") != "baton":
            yield f"{said(document)}: is not in the namespace baton"
        if rendered.is_whole and document["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "baton":
            yield f"{said(document)}: its label part-of is not baton"
