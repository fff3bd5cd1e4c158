"""Runs the dev overlay without a cluster: settled_day.py <programs> <dev> <demo>. Each program gets what its manifest gives it (settings,
mounted files, a token of its service account), all on this machine; then the demo has to settle its day, with no client secret anywhere."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import yaml

from check_config import SECRETS, rooted
from cluster import Cluster
from rendered import MAIN_PORT, Rendered, containers, pod, program_of

# A debug build on a busy machine.
PATIENCE_S = 120
CALL = re.compile(r"http://(auth|user|order|file)-service:(\d+)")


def main(programs, dev, demo):
    dev, demo = (list(yaml.safe_load_all(Path(path).read_text())) for path in (dev, demo))
    demo = Rendered("examples/demo", demo + [one for one in dev if one["kind"] == "ConfigMap"])
    dev = Rendered("overlays/dev", dev)
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(programs), Path(folder))
        try:
            # auth-service comes last: the others wait for it.
            for service in sorted(MAIN_PORT, reverse=True):
                machine.start(dev, dev.find("Deployment", service))
            machine.wait_until_ready()
            said = [machine.run(demo, demo.find("Job", "settled-day"), index) for index in (0, 1)]
        finally:
            codes = machine.stop()
    return judge(said, codes)


def judge(said, codes):
    settled = re.search(r"settled (\d+) orders", said[1])
    imported = re.search(r"(\d+) created", said[0])
    if not settled or not imported or settled.group(1) != imported.group(1) or any(codes):
        print(f"BROKEN  overlays/dev: the day is not settled; services ended with {codes}\n{''.join(said)}")
        return 1
    print(f"ok      overlays/dev: runs, and settles {settled.group(1)} orders with the tokens of its pods")
    return 0


class Machine:
    """Pods as processes: a folder is the root of each, a port of loopback stands for each port."""

    def __init__(self, programs, folder):
        self.programs, self.folder, self.running = programs, folder, []
        (folder / "cluster").mkdir()
        self.cluster = Cluster(folder / "cluster")
        numbers = [*MAIN_PORT.values(), *(port + 100 for port in MAIN_PORT.values())]
        self.ports = dict(zip(numbers, free_ports(len(numbers))))

    def start(self, rendered, workload):
        program = program_of(workload)
        environment, main = self.prepare(rendered, workload), MAIN_PORT[program]
        prefix = f"BATON_{program.split('-')[0].upper()}"
        environment[f"{prefix}_LISTEN"] = f"127.0.0.1:{self.ports[main]}"
        environment[f"{prefix}_MANAGEMENT_LISTEN"] = f"127.0.0.1:{self.ports[main + 100]}"
        log = (self.folder / f"{program}.log").open("w")
        self.running.append(subprocess.Popen([self.programs / program], env=environment, stdout=log, stderr=log))

    def run(self, rendered, workload, index):
        """One container of a job, to its end; gives what it says."""
        environment = self.prepare(rendered, workload)
        container = containers(workload)[index]
        arguments = [rooted(argument, self.root(workload)) for argument in container["args"]]
        command = [self.programs / program_of(workload), *arguments]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
        return ended.stdout + (ended.stderr if ended.returncode else "")

    def wait_until_ready(self):
        waiting, end = [port for number, port in self.ports.items() if number >= 9100], time.monotonic() + PATIENCE_S
        while waiting:
            waiting = [port for port in waiting if not is_ready(port)]
            if time.monotonic() > end or any(process.poll() is not None for process in self.running):
                sys.exit("\n".join(log.read_text()[-2000:] for log in self.folder.glob("*.log")))
            time.sleep(0.2)

    def stop(self):
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        return [process.wait(60) for process in self.running]

    def root(self, workload):
        return self.folder / program_of(workload)

    def prepare(self, rendered, workload):
        """Lays out what is mounted, and gives the variables."""
        volumes = {volume["name"]: volume for volume in pod(workload)["spec"]["volumes"]}
        for mount in (mount for container in containers(workload) for mount in container["volumeMounts"]):
            folder = self.root(workload) / mount["mountPath"].lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in self.files(rendered, program_of(workload), volumes[mount["name"]]).items():
                (folder / name).write_text(self.here(content, workload))
        variables = {key: self.here(value, workload) for key, value in rendered.environment(workload).items() if value}
        return {"PATH": os.environ["PATH"], **variables}

    def files(self, rendered, program, volume):
        if "projected" in volume:
            source = volume["projected"]["sources"][0]["serviceAccountToken"]
            return {source["path"]: self.cluster.token(source, program)}
        if "secret" in volume:
            return {"database-url": f"sqlite:///data/{program}.db", "master-key": SECRETS["master-key"]}
        configmap = volume.get("configMap", {}).get("name")
        if configmap == "kube-root-ca.crt":
            return {"ca.crt": self.cluster.authority}
        return rendered.find("ConfigMap", configmap)["data"] if configmap else {}

    def here(self, text, workload):
        """With the addresses and the paths of this machine."""
        text = CALL.sub(lambda found: f"http://127.0.0.1:{self.ports[int(found.group(2))]}", text)
        text = re.sub(r"https://kubernetes\.default\.svc(?=/)", self.cluster.address, text)
        return rooted(text, self.root(workload))


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_ports(count):
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
