"""registry.py - a real docker-registry on a free loopback port, with its access log; and skopeo to push to it."""
import collections
import json
import pathlib
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Registry:
    """docker-registry over a folder. `auth`: {"htpasswd": …} or {"token": …} section; `tls`: (certificate, key) files."""

    def __init__(self, folder, auth=None, tls=None, host="127.0.0.1"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.host = f"{host}:{self.port}"
        self.tls = tls
        self.log_path = self.folder / "registry.log"
        config = {
            "version": "0.1",
            "log": {"accesslog": {"disabled": False}, "level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{self.port}"},
        }
        if auth:
            config["auth"] = auth
        if tls:
            config["http"]["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        (self.folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML

    def __enter__(self):
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(["docker-registry", "serve", str(self.folder / "config.yml")],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("docker-registry did not start: " + self.log_path.read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def push(self, source, name, *options):
        """skopeo copy SOURCE (a containers-transports name) to this registry as NAME (repository:tag)."""
        out = subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", *options, source,
                              f"docker://{self.host}/{name}"], capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        return name

    def requests(self):
        """[(method, path, status)] from the access log (combined log format)."""
        time.sleep(0.2)  # the log is written after the answer
        text = self.log_path.read_text(errors="replace")
        return [(m, p, int(s)) for m, p, s in re.findall(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d{3})', text)]

    def blob_fetches(self):
        """How often each blob digest was answered 200 or 206 to a GET."""
        fetched = collections.Counter()
        for method, path, status in self.requests():
            hit = re.search(r"/blobs/(sha256:[0-9a-f]{64})", path)
            if method == "GET" and hit and status in (200, 206):
                fetched[hit.group(1)] += 1
        return fetched

    def forget_requests(self):
        self.log.flush()
        self.log.truncate(0)
        self.log.seek(0)

    def manifest(self, repository, tag):
        request = urllib.request.Request(f"http://{self.host}/v2/{repository}/manifests/{tag}", headers={
            "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"})
        return json.load(urllib.request.urlopen(request))
