"""Holds DEPENDENCIES.md against Cargo.toml: each direct dependency of every member has a row that says what it is for, and no other crate
has one. With --write the rows are written anew; what each is for stays, and is left open for a new one."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("DEPENDENCIES.md")
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \| ([^|]*) \|$", re.M)
HEAD = """# What each dependency is for

The crates that baton names itself; what those bring along is in the SBOM. `deploy/supply-chain/check` holds this table against Cargo.toml:
a new crate needs a row, with its purpose, and a crate that is gone loses it (`python3 deploy/supply-chain/dependencies.py --write`).
"""


def main(arguments):
    purposes = {name: purpose.strip() for name, _, purpose in ROW.findall(TABLE.read_text())} if TABLE.exists() else {}
    image, tests = dependencies()
    text = HEAD + section("In the services and in `shared`", image, purposes) + section("In tests, measurements and tools alone", tests, purposes)
    if arguments == ["--write"]:
        TABLE.write_text(text)
    open_rows = [name for name in (*image, *tests) if not purposes.get(name)]
    if open_rows:
        return f"DEPENDENCIES.md does not say what these are for: {', '.join(open_rows)}"
    if TABLE.read_text() != text:
        return "DEPENDENCIES.md is not up to date: run python3 deploy/supply-chain/dependencies.py --write"
    print(f"each of {len(image) + len(tests)} dependencies has its purpose")
    return None


def section(title, crates, purposes):
    rows = [f"| `{name}` | {licence} | {purposes.get(name, '')} |" for name, licence in sorted(crates.items())]
    return "\n".join(["", f"## {title}", "", "| crate | licence | what for |", "|---|---|---|", *rows, ""])


def dependencies():
    """Name -> licence, of what services and `shared` are made of, and of the rest; members themselves are code of our own."""
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--all-features", "--locked"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    metadata = json.loads(metadata.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    members = [packages[member] for member in metadata["workspace_members"]]
    own = {member["name"] for member in members}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    image, others = {}, {}
    for member in members:
        is_deployed = not Path(member["manifest_path"]).is_relative_to(ROOT / "tests") and member["name"] != "standalone"
        for dependency in nodes[member["id"]]["deps"]:
            package = packages[dependency["pkg"]]
            if package["name"] not in own:
                in_image = is_deployed and any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
                (image if in_image else others)[package["name"]] = package["license"] or "none"
    return image, {name: licence for name, licence in others.items() if name not in image}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
