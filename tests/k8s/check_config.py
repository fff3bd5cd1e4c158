"""Asks each program whether it would start with the settings that an overlay gives it: check_config.py <programs> <name>=<file>...

A folder takes the place of a pod's root: ConfigMaps are laid out there as they are mounted, and made-up Secrets of the right kind."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from rendered import Rendered, containers, is_migration, pod, program_of, said

# By the name of the key, as deploy/k8s/README.md has them.
SECRETS = {
    "cache-url": "rediss://:word@redis.example.com:6379",
    "master-key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "smtp-url": "smtps://baton:word@mail.example.com:465",
    "s3-secret-key": "word",
}


def main(programs, *overlays):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        for name, path in (overlay.split("=", 1) for overlay in overlays):
            rendered = Rendered(name, list(yaml.safe_load_all(Path(path).read_text())))
            workloads = [one for one in rendered.workloads() if not is_migration(one)]
            findings = [check(Path(programs), rendered, one, certificate) for one in workloads]
            for finding in filter(None, findings):
                print(f"BROKEN  {name}: {finding}")
                failed += 1
            if not any(findings):
                print(f"ok      {name}: {len(workloads)} workloads would start with their settings")
    return failed


def check(programs, rendered, workload, certificate):
    with tempfile.TemporaryDirectory() as root:
        lay_out(Path(root), rendered, workload, certificate)
        program = programs / program_of(workload)
        # What a pod knows by itself, and what its image sets.
        environment = {"PATH": os.environ["PATH"], "JOB_COMPLETION_INDEX": "0"}
        for key, value in rendered.environment(workload).items():
            if value is not None:
                environment[key] = rooted(value, root)
        answer = subprocess.run([program, "--check-config"], env=environment, capture_output=True, text=True, timeout=60)
    return f"{said(workload)}: {answer.stderr.strip() or answer.stdout.strip()}" if answer.returncode else None


def rooted(text, root):
    """The same with the pod's paths below this folder."""
    return re.sub(r"(?<![\w-])/(?=(run/secrets|etc/baton|data|orders)\b)", f"{root}/", text)


def lay_out(root, rendered, workload, certificate):
    volumes = {volume["name"]: volume for volume in pod(workload)["spec"].get("volumes", [])}
    for container in containers(workload):
        for mount in container.get("volumeMounts", []):
            folder = root / mount["mountPath"].lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files(rendered, workload, volumes[mount["name"]], certificate).items():
                (folder / name).write_text(rooted(text, str(root)))


def files(rendered, workload, volume, certificate):
    if "configMap" in volume:
        configmap = rendered.find("ConfigMap", volume["configMap"]["name"])
        return configmap["data"] if configmap else {"ca.crt": certificate["tls.crt"]}
    if "projected" in volume:
        return {"token": "a.b.c"}
    secret = volume.get("secret", {}).get("secretName", "")
    if secret.endswith("-tls"):
        return certificate
    database = "sqlite:///data/some.db" if rendered.is_dev else "postgres://baton:word@db.example.com/baton?sslmode=verify-full"
    return {**SECRETS, "database-url": database} if secret else {}


def make_certificate(folder):
    key, certificate = folder / "tls.key", folder / "tls.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-subj", "/CN=baton", "-addext", "subjectAltName=DNS:order-service", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    return {"tls.crt": certificate.read_text(), "tls.key": key.read_text(), "ca.crt": certificate.read_text()}


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
