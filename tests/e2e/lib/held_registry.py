"""held_registry.py - serves an OCI layout as a registry inside the test's process, so that a test says when each blob goes on.

Nothing here waits for time: a held blob stops in the middle until the test lets it go, and the test waits for the request
itself. Tags are REPOSITORY:TAG names of the layout.
"""
import base64
import http.server
import json
import threading


class HeldRegistry:
    """`held`: digests whose answer stops half-way until release(). `bad`: digests answered with other bytes of the same
    length. `first`: {digest: [(status, headers)…]}: what the first requests for a blob are answered, before it goes well.
    `login`: (user, password) that every request must bring."""

    def __init__(self, layout, held=(), bad=(), login=None, first=None, address="127.0.0.1"):
        self.layout, self.bad, self.first = layout, set(bad), {digest: list(answers) for digest, answers in (first or {}).items()}
        self.login = "Basic " + base64.b64encode(":".join(login).encode()).decode() if login else None
        self.gates = {digest: threading.Event() for digest in held}
        self.arrivals, self.log = threading.Condition(), []
        self.server = http.server.ThreadingHTTPServer((address, 0), self.handler())
        self.server.daemon_threads, self.server.block_on_close = True, False
        self.server.handle_error = lambda *_: None  # clients that are killed hang up
        self.host = f"{address}:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.release()
        self.server.shutdown()
        self.server.server_close()

    def release(self, *digests):
        for digest in digests or list(self.gates):
            self.gates[digest].set()

    def asked(self, digest):
        return sum(one == digest for one in self.log)

    def wait_asked(self, digest, times=1, seconds=60):
        """Returns when the blob has been asked for so often."""
        with self.arrivals:
            assert self.arrivals.wait_for(lambda: self.asked(digest) >= times, seconds), f"{digest} was not asked for"

    def arrived(self, digest):
        with self.arrivals:
            self.log.append(digest)
            self.arrivals.notify_all()

    def tags(self):
        """{repository: {tag: (media type, digest)}}"""
        out = {}
        for one in self.layout.manifests:
            repository, tag = one["annotations"]["org.opencontainers.image.ref.name"].rsplit(":", 1)
            out.setdefault(repository, {})[tag] = (one["mediaType"], one["digest"])
        return out

    def read(self, digest):
        path = self.layout.folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
        return path.read_bytes() if path.is_file() else None

    def handler(outer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def head(self, status, length, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(length))
                self.end_headers()

            def answer(self, status, body, **headers):
                self.head(status, len(body), **headers)
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                if outer.login and self.headers.get("Authorization") != outer.login:
                    return self.answer(401, b"{}", WWW_Authenticate='Basic realm="held"')
                parts = self.path.split("?")[0].strip("/").split("/")
                name, tags = "/".join(parts[1:-2]), outer.tags()
                if parts == ["v2"]:
                    return self.answer(200, b"{}")
                if parts == ["v2", "_catalog"]:
                    return self.answer(200, json.dumps({"repositories": sorted(tags)}).encode())
                if parts[-2:] == ["tags", "list"] and name in tags:
                    return self.answer(200, json.dumps({"name": name, "tags": sorted(tags[name])}).encode())
                if len(parts) > 3 and parts[-2] == "manifests" and name in tags:
                    return self.manifest(parts[-1], tags[name])
                if len(parts) > 3 and parts[-2] == "blobs" and name in tags:
                    return self.blob(parts[-1])
                return self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')

            def manifest(self, wanted, tags):
                known = {**tags, **{digest: (kind, digest) for kind, digest in tags.values()}}
                if wanted not in known:
                    return self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
                kind, digest = known[wanted]
                return self.answer(200, outer.read(digest), Content_Type=kind, Docker_Content_Digest=digest)

            def blob(self, digest):
                data = outer.read(digest)
                if data is None:
                    return self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
                if outer.first.get(digest):
                    status, headers = outer.first[digest].pop(0)
                    outer.arrived(digest)
                    return self.answer(status, b'{"errors":[{"code":"TOLD"}]}', **headers)
                if digest in outer.bad:
                    data = bytes(len(data))
                self.head(200, len(data))
                self.wfile.write(data[:len(data) // 2])
                self.wfile.flush()
                outer.arrived(digest)
                if digest in outer.gates:
                    outer.gates[digest].wait(120)
                return self.wfile.write(data[len(data) // 2:])

        return Handler
