"""token_server.py - certificates of a private CA, and a token server for docker-registry's `auth: token`.

Tokens are JWTs signed (RS256, by the openssl program) with the certificate in x5c, as distribution's token auth demands.
"""
import base64
import http.server
import json
import pathlib
import subprocess
import threading
import time
import urllib.parse


def make_ca(folder, host="127.0.0.1"):
    """(ca.crt, server.crt, server.key) of a fresh private CA; the server certificate names `host`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=Test CA")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={host}")
    (folder / "ext").write_text(f"subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.crt",
            "-days", "2", "-extfile", "ext")
    return folder / "ca.crt", folder / "server.crt", folder / "server.key"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Hands tokens to `user`/`password`; each lives `seconds`. `asked` counts the requests, with their scopes."""

    def __init__(self, folder, user="alice", password="secret", seconds=60):
        self.ca, self.certificate, self.key = make_ca(folder)
        self.credentials = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.seconds = seconds
        self.asked, self.refused = [], 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                if self.headers.get("Authorization") != outer.credentials:
                    outer.refused += 1
                    self.send_error(401)
                    return
                outer.asked.append(query.get("scope", []))
                body = json.dumps({"token": outer.token(query), "expires_in": outer.seconds}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = f"http://127.0.0.1:{self.server.server_port}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def registry_auth(self):
        return {"token": {"realm": self.realm, "service": "test-registry", "issuer": "test-issuer", "rootcertbundle": str(self.certificate)}}

    def token(self, query):
        der = subprocess.run(["openssl", "x509", "-in", self.certificate, "-outform", "DER"], check=True, capture_output=True).stdout
        access = []
        for scope in query.get("scope", []):
            for one in scope.split(" "):
                kind, rest = one.split(":", 1)
                name, actions = rest.rsplit(":", 1)
                access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        body = {"iss": "test-issuer", "sub": "alice", "aud": query["service"][0], "exp": now + self.seconds, "nbf": now - 60,
                "iat": now, "jti": str(time.time_ns()), "access": access}
        signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(body).encode())}"
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True, capture_output=True).stdout
        return f"{signed}.{b64(signature)}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
