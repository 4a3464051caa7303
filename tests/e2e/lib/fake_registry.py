"""A registry that misbehaves on demand. Behaviour is a JSON object on the command line; keys below. It prints one JSON
line (port, other_port, digests, sizes), serves until stdin ends, and tells what it was asked for under /_log.

auth: none | basic | bearer       token_uses: a token is refused after so many uses   token_seconds: expires_in
identity_token: accept it at the token endpoint (POST, grant_type=refresh_token)
redirect_blobs: blobs lie on other_port; a request there that carries Authorization is answered 400
redirect_to: blobs redirect to this URL instead
fail_first / rate_limit_first: so many requests per path are answered 503 / 429 before it goes well; retry_after: header
cut_blobs: so many blob answers end early, at cut_after bytes       ignore_range       wrong_bytes       short_blob
stall_blobs: so many blob answers stop in the middle and wait       no_digest_header   head_refused
catalog: ok | refused | array | odd (names and tags no registry may give)      link: relative | absolute | circle | other_host      repositories: how many more than team/app
manifest_bytes: pad the manifest to this size    wrong_manifest: another body than the digest asked for
tls: a folder that gets ca.crt of a fresh private CA; client_cert: ask for a certificate, and put client.cert and .key there
"""
import base64
import hashlib
import http.server
import json
import pathlib
import random
import shutil
import ssl
import sys
import tempfile
import threading
import time
from urllib.parse import parse_qs, urlparse

from token_server import make_ca

USER, PASSWORD, IDENTITY = "alice", "secret:with:colons", "identity-token-1"
TAGS = ["1.0", "1.10", "1.9", "2.0-rc1", "latest", "sha256-" + "a" * 64 + ".sig"]


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Content:
    def __init__(self, options):
        self.layer = random.Random(1).randbytes(options.get("blob_bytes", 3_000_000))
        self.config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        self.blobs = {sha(b): b for b in (self.layer, self.config)}
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha(self.config), "size": len(self.config)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": sha(self.layer), "size": len(self.layer)}],
        }
        pad = options.get("manifest_bytes", 0)
        self.manifest = json.dumps(manifest).encode().ljust(pad)
        self.repositories = sorted(["team/app"] + [f"other/r{i:04}" for i in range(options.get("repositories", 0))])


class Registry:
    """State shared by the two servers."""

    def __init__(self, options):
        self.options, self.content = options, Content(options)
        self.lock, self.log, self.seen, self.uses, self.counter = threading.Lock(), [], {}, {}, 0
        self.budgets = {k: options.get(k, 0) for k in ("cut_blobs", "stall_blobs")}
        self.tls = self.make_tls(options) if "tls" in options else None
        self.main = self.make_server(is_store=False)
        self.store = self.make_server(is_store=True)

    @staticmethod
    def make_tls(options):
        folder = pathlib.Path(options["tls"])
        with tempfile.TemporaryDirectory() as scratch:
            ca, certificate, key = make_ca(scratch)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            if options.get("client_cert"):
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(ca)
                shutil.copy(certificate, folder / "client.cert")
                shutil.copy(key, folder / "client.key")
            shutil.copy(ca, folder / "ca.crt")
        return context

    def make_server(self, is_store):
        server = Server(("127.0.0.1", 0), Handler)
        server.registry, server.is_store = self, is_store
        if self.tls and not is_store:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def first_times(self, path, name):
        """True for the first options[name] requests of this path."""
        with self.lock:
            count = self.seen[(path, name)] = self.seen.get((path, name), 0) + 1
        return count <= self.options.get(name, 0)

    def spend(self, name):
        with self.lock:
            self.budgets[name] -= 1
            return self.budgets[name] >= 0

    def new_token(self):
        with self.lock:
            self.counter += 1
            token = f"token-{self.counter}"
            self.uses[token] = self.options.get("token_uses", 1 << 30)
        return token

    def use_token(self, header):
        token = (header or "").removeprefix("Bearer ")
        with self.lock:
            if self.uses.get(token, 0) <= 0:
                return False
            self.uses[token] -= 1
        return True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, request, address):
        pass  # clients that hang up are part of the tests


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def log_message(self, *args):
        pass

    @property
    def registry(self):
        return self.server.registry

    def answer(self, status, body=b"", **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        with self.registry.lock:
            self.registry.log.append({"method": self.command, "path": self.path, "status": status, "store": self.server.is_store,
                                      "authorization": self.headers.get("Authorization", ""), "range": self.headers.get("Range", "")})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code, message, **headers):
        self.answer(status, {"errors": [{"code": code, "message": message}]}, **headers)

    def base(self, server=None):
        return f"http://127.0.0.1:{(server or self.server).server_address[1]}"

    def authorized(self):
        kind = self.registry.options.get("auth", "none")
        header = self.headers.get("Authorization", "")
        if kind == "none" or self.server.is_store:
            return True
        if kind == "basic":
            if header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
                return True
            self.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate='Basic realm="a \\"fake\\" one"')
            return False
        if self.registry.use_token(header):
            return True
        self.refuse(401, "UNAUTHORIZED", "authentication required",
                    WWW_Authenticate=f'Digest realm="no", Bearer realm="{self.base()}/token",service="fake"')
        return False

    def token(self, fields):
        header = self.headers.get("Authorization", "")
        ok = header == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.command == "POST":
            ok = fields.get("grant_type") == ["refresh_token"] and fields.get("refresh_token") == [IDENTITY]
        if not ok:
            return self.answer(401, {"details": "incorrect username or password"})
        name = "access_token" if self.command == "POST" else "token"
        self.answer(200, {name: self.registry.new_token(), "expires_in": self.registry.options.get("token_seconds", 300)})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if urlparse(self.path).path == "/token":
            return self.token(parse_qs(body))
        self.answer(404)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        url = urlparse(self.path)
        if url.path == "/_log":
            return self.answer(200, self.registry.log)
        if url.path == "/token":
            return self.token(parse_qs(url.query))
        options = self.registry.options
        if url.path == "/file":
            return self.file()
        if not self.authorized():
            return None
        retry = {"Retry_After": str(options["retry_after"])} if "retry_after" in options else {}
        if url.path != "/v2/" and self.registry.first_times(self.path, "fail_first"):
            return self.refuse(503, "UNAVAILABLE", "come again", **retry)
        if url.path != "/v2/" and self.registry.first_times(self.path, "rate_limit_first"):
            return self.refuse(429, "TOOMANYREQUESTS", "slow down", **retry)
        return self.route(url.path.split("/"), url)

    def file(self):
        """The layer as a plain download with an ETag, cut as blobs are."""
        data, etag = self.registry.content.layer, '"v1"'
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, ETag=etag)
        start, status, extra = 0, 200, {"ETag": etag}
        if "Range" in self.headers and self.headers.get("If-Range") == etag:
            start, status = int(self.headers["Range"][6:].split("-")[0]), 206
            extra["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if self.registry.spend("cut_blobs"):
            return self.send_part(status, data[start:], self.registry.options.get("cut_after", 1_000_000), extra, wait=0)
        return self.answer(status, data[start:], **extra)

    def route(self, parts, url):
        if url.path == "/v2/":
            return self.answer(200, {})
        if url.path == "/v2/_catalog":
            return self.catalog(parse_qs(url.query))
        if parts[-2:] == ["tags", "list"]:
            name = "/".join(parts[2:-2])
            if self.registry.options.get("catalog") == "odd" and name in ("UPPER", "other/odd-tags"):
                return self.answer(200, {"name": name, "tags": ["a\nb", "../x", "", 7, "t" * 500, "good", "good@sha256:" + "0" * 64, "x\0y"]})
            if name in self.registry.content.repositories:
                return self.answer(200, {"name": name, "tags": TAGS if name == "team/app" else ["v1"]})
            return self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
        if len(parts) > 4 and parts[-2] == "manifests":
            return self.manifest(parts[-1])
        if len(parts) > 4 and parts[-2] == "blobs":
            return self.blob(parts[-1])
        return self.answer(404)

    def catalog(self, query):
        options, names = self.registry.options, self.registry.content.repositories
        if options.get("catalog") == "refused":
            return self.refuse(401, "UNAUTHORIZED", "catalog is not for you")
        if options.get("catalog") == "odd":
            return self.answer(200, {"repositories": ["UPPER", "../etc", 5, "a b", "other/odd-tags", "team/app"]})
        if options.get("catalog") == "array":
            return self.answer(200, names)
        size, last = min(int(query["n"][0]), 3), query.get("last", [""])[0]
        page = [n for n in names if n > last][:size]
        more = page and page[-1] != names[-1]
        target = f"/v2/_catalog?last={page[-1]}&n={size}" if page else ""
        link = options.get("link", "relative")
        if link == "absolute":
            target = self.base() + target
        elif link == "other_host":
            target = self.base(self.registry.store) + target
        elif link == "circle":
            target, more = self.path, True
        headers = {"Link": f'<{target}>; rel="next"'} if more else {}
        return self.answer(200, {"repositories": page}, **headers)

    def manifest(self, reference):
        options, body = self.registry.options, self.registry.content.manifest
        if reference not in TAGS and reference != sha(body):
            return self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        if self.command == "HEAD" and options.get("head_refused"):
            return self.answer(405)
        digest = {} if options.get("no_digest_header") else {"Docker_Content_Digest": sha(body)}
        if options.get("wrong_manifest"):
            body = body + b" "
        return self.answer(200, body, Content_Type="application/vnd.oci.image.manifest.v1+json; charset=utf-8", **digest)

    def blob(self, digest):
        options, data = self.registry.options, self.registry.content.blobs.get(digest)
        if data is None:
            return self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if not self.server.is_store and "redirect_to" in options:
            return self.answer(307, Location=options["redirect_to"])
        if not self.server.is_store and options.get("redirect_blobs"):
            return self.answer(307, b"<a>moved</a>", Location=self.base(self.registry.store) + self.path)
        if self.server.is_store and "Authorization" in self.headers:
            return self.answer(400, b"credentials were sent to the blob store")
        return self.send_blob(data)

    def send_blob(self, data):
        options, start, status, extra = self.registry.options, 0, 200, {}
        wanted = self.headers.get("Range", "")
        if options.get("wrong_bytes"):
            data = data[:-1] + bytes([data[-1] ^ 1])
        if options.get("short_blob"):
            data = data[:-10]
        if wanted.startswith("bytes=") and not options.get("ignore_range"):
            start, status = int(wanted[6:].split("-")[0]), 206
            extra["Content_Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        small = len(data) < 10_000
        if not small and self.registry.spend("cut_blobs"):
            return self.send_part(status, data[start:], options.get("cut_after", 1_000_000), extra, wait=0)
        if not small and self.registry.spend("stall_blobs"):
            return self.send_part(status, data[start:], options.get("cut_after", 1_000_000), extra, wait=30)
        return self.answer(status, data[start:], **extra)

    def send_part(self, status, data, count, extra, wait):
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:count])
        self.wfile.flush()
        time.sleep(wait)
        self.close_connection = True


def main():
    registry = Registry(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
    content = registry.content
    print(json.dumps({"port": registry.main.server_address[1], "other_port": registry.store.server_address[1],
                      "layer": sha(content.layer), "layer_bytes": len(content.layer), "config": sha(content.config),
                      "config_bytes": len(content.config), "manifest": sha(content.manifest)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
