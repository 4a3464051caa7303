"""registry.py - a real docker-registry on a free port, with its access log; skopeo and plain HTTP push to it; it can be
killed, stopped and started again over the same folder and port."""
import collections
import concurrent.futures
import http.client
import json
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


MARK = "/v2/?mark="


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def blob_of(layout, digest):
    return (layout.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def request(connection, method, path, body, want, headers=None):
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read()
    assert want in (None, answer.status), f"{method} {path}: {answer.status} {text[:500]}"
    return answer


class Registry:
    """docker-registry over a folder. `auth`: {"htpasswd": …} or {"token": …} section; `tls`: (certificate, key) files.
    `address`: where it listens, `inside`: a command before its own, such as `ip netns exec NAME`, `store`: a store that is there already."""

    def __init__(self, folder, auth=None, tls=None, host="127.0.0.1", address="127.0.0.1", port=None, inside=(), store=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address, self.inside = address, list(inside)
        self.port = port or free_port()
        self.host = f"{host}:{self.port}"
        self.tls = tls
        self.marks = 0
        self.log_path = self.folder / "registry.log"
        config = {
            "version": "0.1",
            "log": {"accesslog": {"disabled": False}, "level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(store or self.folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": f"{address}:{self.port}"},
        }
        if auth:
            config["auth"] = auth
        if tls:
            config["http"]["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
        (self.folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML

    def __enter__(self):
        self.log = open(self.log_path, "ab")
        return self.start()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def start(self):
        self.process = subprocess.Popen([*self.inside, "docker-registry", "serve", str(self.folder / "config.yml")],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.answers():
                return self
            time.sleep(0.05)
        raise RuntimeError("docker-registry did not start: " + self.log_path.read_text())

    def answers(self):
        if self.inside:  # not ours to reach: its own words have to do
            return subprocess.run([*self.inside, "curl", "-s", "-o", "/dev/null", f"http://{self.host}/v2/"], check=False).returncode == 0
        try:
            socket.create_connection((self.address, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()

    def push(self, source, name, *options):
        """skopeo copy SOURCE (a containers-transports name) to this registry as NAME (repository:tag)."""
        out = subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", *options, source,
                              f"docker://{self.host}/{name}"], capture_output=True, text=True)
        assert out.returncode == 0, out.stderr
        return name

    def push_layout(self, layout):
        """Every tag of an OCI layout, REPOSITORY:TAG by its name there, by plain HTTP; blobs go to all repositories that use them."""
        def push_image(descriptor):
            repository, tag = descriptor["annotations"]["org.opencontainers.image.ref.name"].rsplit(":", 1)
            body = blob_of(layout, descriptor["digest"])
            manifest = json.loads(body)
            connection = http.client.HTTPConnection(self.address, self.port, timeout=60)
            for part in [manifest["config"], *manifest["layers"]]:
                self.push_blob(connection, repository, part["digest"], layout)
            request(connection, "PUT", f"/v2/{repository}/manifests/{tag}", body, 201, {"Content-Type": descriptor["mediaType"]})
            connection.close()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(push_image, layout.manifests))

    @staticmethod
    def push_blob(connection, repository, digest, layout):
        if request(connection, "HEAD", f"/v2/{repository}/blobs/{digest}", None, None).status == 200:
            return
        where = request(connection, "POST", f"/v2/{repository}/blobs/uploads/", b"", 202).headers["Location"]
        path = where.split(connection.host, 1)[-1].split("/", 1)[1] if where.startswith("http") else where.lstrip("/")
        request(connection, "PUT", f"/{path}{'&' if '?' in path else '?'}digest={digest}", blob_of(layout, digest), 201,
                {"Content-Type": "application/octet-stream"})

    def requests(self):
        """[(method, path, status)] from the access log (combined log format)."""
        self.settle()
        text = self.log_path.read_text(errors="replace")
        return [(m, p, int(s)) for m, p, s in re.findall(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" (\d{3})', text) if MARK not in p]

    def settle(self):
        """A line is written after its answer: a request of our own comes last, and is waited for."""
        self.marks += 1
        url = f"{'https' if self.tls else 'http'}://{self.address}:{self.port}{MARK}{self.marks}"
        asked = subprocess.run([*self.inside, "curl", "-sk", "--max-time", "20", "-o", "/dev/null", url], check=False)
        if self.process.poll() is not None:
            return  # it has said all that it will
        assert asked.returncode == 0, f"curl {url}: {asked.returncode}"
        deadline = time.monotonic() + 20
        while f"{MARK}{self.marks} " not in self.log_path.read_text(errors="replace"):
            assert time.monotonic() < deadline, f"{MARK}{self.marks} is not in {self.log_path}"
            time.sleep(0.01)

    def blob_fetches(self):
        """How often each blob digest was answered 200 or 206 to a GET."""
        fetched = collections.Counter()
        for method, path, status in self.requests():
            hit = re.search(r"/blobs/(sha256:[0-9a-f]{64})", path)
            if method == "GET" and hit and status in (200, 206):
                fetched[hit.group(1)] += 1
        return fetched

    def forget_requests(self):
        self.settle()
        self.log.flush()
        self.log.truncate(0)
        self.log.seek(0)

    def manifest(self, repository, tag):
        request = urllib.request.Request(f"http://{self.host}/v2/{repository}/manifests/{tag}", headers={
            "Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"})
        return json.load(urllib.request.urlopen(request))
