"""Who reaches whom by the NetworkPolicies, and who has to by the settings."""

from urllib.parse import urlsplit

from rendered import MAIN_PORT, SERVICES, is_migration, labels_of, program_of, selects

# What is outside of the namespace: policy -> whose pods, to which ports. Another egress to the outside is a mistake.
OUTSIDE = {
    "dns": (None, {53}),
    "cluster-keys": ({"auth-service"}, {443, 6443}),
    "social-providers": ({"auth-service"}, {443}),
    "postgresql": (None, {5432}),
    "redis": ({"auth-service", "user-service", "order-service"}, {6379}),
    "s3": ({"file-service"}, {443}),
    "mail": ({"user-service"}, {465, 587}),
    "traces": (None, {4318}),
}
# And who comes in from there.
VISITORS = {"metrics": range(9100, 9105), "gateway": range(9000, 9004)}


def policies(rendered):
    return rendered.of_kind("NetworkPolicy")


def ports_of(rule):
    found = set()
    for port in rule.get("ports") or []:
        found.update(range(port["port"], port.get("endPort", port["port"]) + 1))
    return found


def is_inside(peer):
    return set(peer) == {"podSelector"}


def workloads_by_label(rendered, selector):
    return [one for one in rendered.workloads() if selects(selector, labels_of(one))]


def one_way(rendered, direction):
    """(who, whom, port) as the policies of one direction allow it, between pods of the namespace."""
    peers, found = {"egress": "to", "ingress": "from"}[direction], set()
    for policy in policies(rendered):
        own = workloads_by_label(rendered, policy["spec"]["podSelector"])
        for rule in policy["spec"].get(direction) or []:
            others = [
                other
                for peer in rule.get(peers) or []
                if is_inside(peer)
                for other in workloads_by_label(rendered, peer["podSelector"])
            ]
            for mine in own:
                for other in others:
                    pair = (mine, other) if direction == "egress" else (other, mine)
                    found |= {(*map(named, pair), port) for port in ports_of(rule) or {0}}
    return found


def named(workload):
    """Its program; a migration is somebody else."""
    return program_of(workload) + ("/migration" if is_migration(workload) else "")


def wanted(rendered):
    """The calls that the settings speak of: a URL of a service is a call."""
    calls = set()
    for workload in rendered.workloads():
        if is_migration(workload):
            continue
        _, settings = rendered.settings_of(workload)
        for key, value in settings.items():
            url = urlsplit(value) if isinstance(value, str) and key.endswith("_url") else None
            if url and url.hostname in SERVICES:
                calls.add((named(workload), url.hostname, url.port or MAIN_PORT[url.hostname]))
    return calls
