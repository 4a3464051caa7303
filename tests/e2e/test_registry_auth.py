"""Registries that want to know who asks: basic auth, a token server, TLS by a private CA, client certificates folder."""
import base64
import http.client
import http.server
import json
import subprocess
import threading
import urllib.parse

import pytest
from images import Layout, debian_layer
from registry import Registry
from token_server import TokenServer, make_ca
from varve import Varve, packages

FOUND = {("bash", "5.2.15-2")}


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [debian_layer(("bash", "5.2.15-2"))])
    return layout


@pytest.fixture
def varve(build, tmp_path):
    return Varve(build, tmp_path)


def auth_file(folder, entries):
    path = folder / "auth.json"
    path.write_text(json.dumps({"auths": {key: {"auth": base64.b64encode(f"{user}:{word}".encode()).decode()}
                                          for key, (user, word) in entries.items()}}))
    path.chmod(0o600)
    return path


def test_basic_auth_with_path_scoped_credentials(varve, layout, tmp_path):
    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_text(subprocess.run(["htpasswd", "-Bbn", "alice", "secret"], capture_output=True, text=True, check=True).stdout)
    with Registry(tmp_path / "registry", auth={"htpasswd": {"realm": "test", "path": str(htpasswd)}}) as registry:
        registry.push(f"oci:{layout.folder}:one", "team/one:1", "--dest-creds", "alice:secret")
        reference = f"{registry.host}/team/one:1"
        without = varve.scan(reference)
        assert without.code == 3
        assert without.image["complete"] is False and registry.host in json.dumps(without.image)
        wrong = varve.scan(reference, "--authfile", auth_file(tmp_path, {registry.host: ("alice", "wrong")}))
        assert wrong.code == 3
        # the longest path that fits decides: the host's own entry is wrong here, the repository's is right
        scoped = auth_file(tmp_path, {registry.host: ("alice", "wrong"), f"{registry.host}/team": ("alice", "secret")})
        right = varve.scan(reference, "--authfile", scoped)
        assert right.code == 0, right.err
        assert packages(right.image) == FOUND
        for scan in (without, wrong, right):
            assert "secret" not in scan.err + scan.out


def test_a_credential_helper_is_asked(varve, layout, tmp_path):
    htpasswd = tmp_path / "htpasswd"
    htpasswd.write_text(subprocess.run(["htpasswd", "-Bbn", "alice", "secret"], capture_output=True, text=True, check=True).stdout)
    helper = tmp_path / "bin" / "docker-credential-test"
    helper.parent.mkdir()
    # what it leaves running keeps its stdout open: the answer counts all the same
    helper.write_text(f"#!/bin/sh\nsleep 1000 &\necho \"$1\" >> {tmp_path}/asked\ncat >> {tmp_path}/asked\n"
                      "echo '{\"Username\":\"alice\",\"Secret\":\"secret\"}'\n")
    helper.chmod(0o755)
    varve.env["PATH"] = f"{helper.parent}:{varve.env['PATH']}"
    with Registry(tmp_path / "registry", auth={"htpasswd": {"realm": "test", "path": str(htpasswd)}}) as registry:
        registry.push(f"oci:{layout.folder}:one", "team/one:1", "--dest-creds", "alice:secret")
        config = tmp_path / "auth.json"
        config.write_text(json.dumps({"credHelpers": {registry.host: "test"}}))
        scan = varve.scan(f"{registry.host}/team/one:1", "--authfile", config)
    assert scan.code == 0, scan.err
    assert packages(scan.image) == FOUND
    assert "get" in (tmp_path / "asked").read_text()


def test_a_token_server_is_asked_again_when_its_token_expires(varve, layout, tmp_path):
    with TokenServer(tmp_path / "tokens", seconds=1) as tokens, \
         Registry(tmp_path / "registry", auth=tokens.registry_auth()) as registry:
        for i in range(3):
            registry.push(f"oci:{layout.folder}:one", f"team/one:{i}", "--dest-creds", "alice:secret")
        before = len(tokens.asked)
        scan = varve.scan(*[f"{registry.host}/team/one:{i}" for i in range(3)],
                          "--authfile", auth_file(tmp_path, {registry.host: ("alice", "secret")}))
        assert scan.code == 0, scan.err
        assert all(packages(image) == FOUND for image in scan.images.values())
        asked = tokens.asked[before:]
        assert asked and all("push" not in scope for scopes in asked for scope in scopes)


def test_tls_by_a_private_ca_is_verified_unless_told_otherwise(varve, layout, tmp_path):
    ca, certificate, key = make_ca(tmp_path / "ca")
    with Registry(tmp_path / "registry", tls=(certificate, key)) as registry:
        registry.push(f"oci:{layout.folder}:one", "team/one:1")
        reference = f"{registry.host}/team/one:1"
        refused = varve.scan(reference)
        assert refused.code == 3
        assert "certificate" in json.dumps(refused.image).lower()
        assert varve.scan(reference, "--tls-verify=false").code == 0
        certs = tmp_path / "certs"
        certs.mkdir()
        (certs / "ca.crt").write_bytes(ca.read_bytes())
        trusted = varve.scan(reference, "--cert-dir", certs)
        assert trusted.code == 0, trusted.err
        assert packages(trusted.image) == FOUND


@pytest.fixture
def proxy():
    """A forward proxy for plain HTTP that sends every request to `target`, whatever host it names; `seen`: the hosts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def forward(self):
            url = urllib.parse.urlsplit(self.path)
            server.seen.append((url.hostname, self.headers.get("Proxy-Authorization")))
            upstream = http.client.HTTPConnection(server.target)
            headers = {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")}
            upstream.request(self.command, url.path + ("?" + url.query if url.query else ""), headers=headers)
            answer = upstream.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = forward

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.target = [], None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_registry_behind_a_proxy_and_one_that_needs_none(varve, layout, proxy, tmp_path):
    with Registry(tmp_path / "registry") as registry:
        registry.push(f"oci:{layout.folder}:one", "team/one:1")
        proxy.target = registry.host
        varve.env["http_proxy"] = f"http://user:proxypass@127.0.0.1:{proxy.server_port}"
        through = varve.scan("registry.test/team/one:1", "--plain-http")
        assert through.code == 0, through.err
        assert packages(through.image) == FOUND
        assert {host for host, _ in proxy.seen} == {"registry.test"}
        assert all(authorization for _, authorization in proxy.seen)
        asked = len(proxy.seen)
        direct = varve.scan(f"{registry.host}/team/one:1")  # this host is never asked through a proxy
        varve.env["no_proxy"] = "registry.test"
        unresolved = varve.scan("registry.test/team/one:1", "--plain-http")
    assert direct.code == 0, direct.err
    assert unresolved.code == 3 and "registry.test" in json.dumps(unresolved.image)
    assert len(proxy.seen) == asked
    for scan in (through, direct, unresolved):
        assert "proxypass" not in scan.err + scan.out
