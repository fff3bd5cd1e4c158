"""Holds rendered overlays against our rules: check.py <name>=<file>... ; `check.py --broken <name>=<file>` breaks each rule on purpose."""

import sys
from pathlib import Path

import yaml

import broken
import rules
from rendered import Rendered


def main(arguments):
    is_self_test = arguments[:1] == ["--broken"]
    overlays = [argument.split("=", 1) for argument in arguments[1 if is_self_test else 0 :]]
    overlays = [(name, list(yaml.safe_load_all(Path(path).read_text()))) for name, path in overlays]
    return self_test(dict(overlays)) if is_self_test else check(overlays)


def check(overlays):
    failed = 0
    for name, documents in overlays:
        findings = rules.broken(Rendered(name, documents))
        for rule, finding in findings:
            print(f"BROKEN  {name}: {rule}: {finding}")
        failed += len(findings)
        if not findings:
            print(f"ok      {name}: {len(documents)} manifests, {len(rules.RULES)} rules")
    return failed


def self_test(overlays):
    """Each broken manifest has to be refused, and by the rule that it breaks."""
    before = {name: set(rules.broken(Rendered(name, documents))) for name, documents in overlays.items()}
    failed, untested = 0, set(rules.RULES) - {rule for rule, _, _ in broken.TABLE}
    for rule in sorted(untested):
        print(f"BROKEN  nothing breaks the rule {rule}")
    for rule, what, overlay, documents in broken.manifests(overlays):
        findings = set(rules.broken(Rendered(overlay, documents))) - before[overlay]
        found = {name for name, _ in findings}
        if rule not in found:
            failed += 1
            print(f"BROKEN  {what}: {rule} has not noticed it; {sorted(found) or 'nobody has'}")
    print(f"{len(broken.TABLE) - failed} of {len(broken.TABLE)} broken manifests are refused by the rule that they break")
    return failed + len(untested)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
