"""What a cluster is to our programs: a server that publishes the keys of service accounts, and tokens of pods signed by them."""

import base64
import http.server
import json
import ssl
import subprocess
import threading
import time
from pathlib import Path

ISSUER = "https://kubernetes.default.svc.cluster.local"


class Cluster:
    """Serves until the process ends."""

    def __init__(self, folder):
        self.folder = Path(folder)
        openssl("genrsa", "-out", self.folder / "account.key", "2048")
        self.authority = self.certificate()
        self.server = self.serve()
        self.address = f"https://localhost:{self.server.server_port}"

    def certificate(self):
        """A certificate for the server, by an authority of its own; gives that of the authority."""
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        authority, key, asked = (self.folder / name for name in ("ca.crt", "ca.key", "server.csr"))
        more = ("-days", "1", "-subj", "/CN=cluster", "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", "-x509", *curve, *more, "-keyout", key, "-out", authority)
        openssl("req", *curve, "-subj", "/CN=server", "-keyout", self.folder / "server.key", "-out", asked)
        (self.folder / "names").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        signed = ("-CA", authority, "-CAkey", key, "-CAcreateserial", "-days", "1", "-extfile", self.folder / "names")
        openssl("x509", "-req", "-in", asked, *signed, "-out", self.folder / "server.crt")
        return authority.read_text()

    def serve(self):
        keys = json.dumps({"keys": [self.public_key()]}).encode()

        class Keys(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                is_there = self.path == "/openid/v1/jwks"
                self.send_response(200 if is_there else 404)
                self.send_header("Content-Length", str(len(keys) if is_there else 0))
                self.end_headers()
                self.wfile.write(keys if is_there else b"")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.crt", self.folder / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def public_key(self):
        modulus = openssl("rsa", "-in", self.folder / "account.key", "-noout", "-modulus").decode().strip().split("=")[1]
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "accounts", "n": text(bytes.fromhex(modulus)), "e": "AQAB"}

    def token(self, source, account):
        """As the kubelet would project it for this source of a volume, in the shape that Kubernetes gives it."""
        now, namespace = int(time.time()), "baton"
        header = {"alg": "RS256", "kid": "accounts"}
        claims = {
            "iss": ISSUER, "aud": [source.get("audience", ISSUER)], "iat": now, "nbf": now, "exp": now + source["expirationSeconds"],
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "kubernetes.io": {
                "namespace": namespace,
                "pod": {"name": f"{account}-0", "uid": "00000000-0000-0000-0000-000000000001"},
                "serviceaccount": {"name": account, "uid": "00000000-0000-0000-0000-000000000002"},
            },
        }
        signed = ".".join(text(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{text(openssl('dgst', '-sha256', '-sign', self.folder / 'account.key', given=signed.encode()))}"


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, given=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=given, check=True, capture_output=True).stdout
