"""Who reaches whom."""

import network
from rendered import PROGRAMS, name_of, program_of, said
from rules.registry import rule


@rule
def nothing_is_reached_by_default(rendered):
    policy = rendered.find("NetworkPolicy", "default-deny")
    spec = policy["spec"] if policy else {}
    is_whole_denial = set(spec.get("policyTypes", [])) == {"Ingress", "Egress"} and not spec.get("ingress") and not spec.get("egress")
    if rendered.is_whole and (spec.get("podSelector") != {} or not is_whole_denial):
        yield "there is no policy that denies all ingress and egress"


@rule
def just_the_calls_of_the_settings_get_through(rendered):
    if not rendered.is_whole:
        return
    out, inward, wanted = network.one_way(rendered, "egress"), network.one_way(rendered, "ingress"), network.wanted(rendered)
    for who, whom, port in sorted(wanted - (out & inward)):
        yield f"{who} calls {whom}:{port}, and may not"
    for who, whom, port in sorted((out | inward) - wanted):
        yield f"{who} may reach {whom}:{port}, and has no need to"


@rule
def the_outside_is_named(rendered):
    for policy in network.policies(rendered):
        name, spec = name_of(policy), policy["spec"]
        programs = {program_of(one) for one in network.workloads_by_label(rendered, spec["podSelector"])}
        for rule_ in spec.get("egress") or []:
            if rule_.get("to") and all(map(network.is_inside, rule_["to"])):
                continue
            whose, ports = network.OUTSIDE.get(name, (set(), set()))
            found = network.ports_of(rule_)
            if not found or not found <= ports or (whose is not None and not programs <= whose):
                yield f"{said(policy)}: {sorted(programs)} may reach the outside at {sorted(found) or 'any port'}"
        for rule_ in spec.get("ingress") or []:
            if rule_.get("from") and all(map(network.is_inside, rule_["from"])):
                continue
            found = network.ports_of(rule_)
            if not found or not rule_.get("from") or not found <= set(network.VISITORS.get(name, [])):
                yield f"{said(policy)}: the outside may come in at {sorted(found) or 'any port'}"


@rule
def names_can_be_looked_up_and_databases_reached(rendered):
    if not rendered.is_whole:
        return
    needed = {"dns": set(PROGRAMS)}
    if not rendered.is_dev:
        # Those whose settings name a server outside.
        users = lambda *keys: {program_of(w) for w in rendered.workloads() if set(keys) & set(rendered.settings_of(w)[1])}
        needed |= {"postgresql": set(PROGRAMS), "redis": users("cache_url_file"), "s3": users("s3_endpoint"), "mail": users("smtp_url_file")}
    for name, programs in needed.items():
        policy = rendered.find("NetworkPolicy", name)
        found = network.workloads_by_label(rendered, policy["spec"]["podSelector"]) if policy else []
        missing = programs - {program_of(one) for one in found}
        if missing:
            yield f"NetworkPolicy {name}: {sorted(missing)} cannot get there"
