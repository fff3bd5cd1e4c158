"""The settings that a service has, as its config.rs declares them."""

import re
from functools import cache

from rendered import ROOT

SHARED = ROOT / "shared/src"
# Any service: a setting that holds a secret may stand in a file, named by its key with `_file` behind it.
LAYERS = SHARED / "config/layers.rs"
TABLES = {"trusted_issuers": "TrustedIssuer", "social": "SocialProvider"}


def struct(text, name):
    """The fields of a struct: key -> its doc comment."""
    body = re.search(rf"pub struct {name} \{{\n(.*?)\n\}}", text, re.S)
    fields, doc = {}, []
    for line in body.group(1).splitlines() if body else []:
        line = line.strip()
        if line.startswith("///"):
            doc.append(line[3:].strip())
        elif found := re.match(r"pub (\w+):", line):
            fields[found.group(1)] = " ".join(doc)
            doc = []
    return fields


def in_files():
    found = re.search(r"const IN_FILES: \[&str; \d+\] =\s*\[(.*?)\];", LAYERS.read_text(), re.S)
    return re.findall(r'"(\w+)"', found.group(1))


def known(section):
    """Key -> doc comment, of all settings of a service."""
    config = (ROOT / f"{section}-service/src/config.rs").read_text()
    fields = struct(config, "Config")
    for key in in_files():
        if key in fields:
            fields[f"{key}_file"] = f"A file that holds `{key}`."
    return fields


def known_in_table(key):
    issuers = (ROOT / "auth-service/src/config/issuers.rs").read_text()
    return struct(issuers, TABLES[key])


def required(section):
    return [key for key, doc in known(section).items() if "No default" in doc]


@cache
def seconds(name):
    """A constant of the package that the services are built on, in seconds; wherever it is declared."""
    declared = rf"const {name}: \w+ = (?:Duration::from_secs\()?(\d+)"
    found = [hit for source in SHARED.rglob("*.rs") for hit in re.findall(declared, source.read_text())]
    if len(found) != 1:
        raise SystemExit(f"{name} is declared {len(found)} times in {SHARED}, not once")
    return int(found[0])
