"""varve db update against a bucket of our own: only what has changed is downloaded, cuts are resumed, others go on."""
import hashlib
import http.server
import io
import json
import threading
import zipfile

import pytest
from varve import Varve


def archive(*identifiers, package="bash"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for identifier in identifiers:
            z.writestr(f"{identifier}.json", json.dumps({"id": identifier, "modified": "2030-01-01T00:00:00Z", "affected": [
                {"package": {"ecosystem": "Debian:12", "name": package}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}))
    return out.getvalue()


@pytest.fixture
def bucket():
    """files: path -> bytes. `cut`: how many answers are cut in the middle. `log`: (path, Range, status)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = server.files.get(self.path)
            etag = body and '"%s"' % hashlib.sha256(body).hexdigest()
            span = self.headers.get("Range")
            if body is None:
                return self.answer(404, b"")
            if self.headers.get("If-None-Match") == etag:
                return self.answer(304, b"", etag)
            if span and self.headers.get("If-Range", etag) == etag:
                start = int(span.removeprefix("bytes=").split("-")[0])
                return self.answer(206, body[start:], etag, f"bytes {start}-{len(body) - 1}/{len(body)}")
            return self.answer(200, body, etag)

        def answer(self, status, body, etag=None, content_range=None):
            server.log.append((self.path, self.headers.get("Range"), status))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if etag:
                self.send_header("ETag", etag)
            if content_range:
                self.send_header("Content-Range", content_range)
            self.end_headers()
            if body and server.cut:
                server.cut -= 1
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.log, server.cut = {}, [], 0
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def varve(build, tmp_path):
    return Varve(build, tmp_path)


def update(varve, bucket, *names):
    return varve.run("db", "update", "--store", varve.store, "--from", bucket.url, *names)


def info(varve):
    return json.loads(varve.run("db", "info", "--store", varve.store, "--format", "json").out)


def test_only_what_has_changed_is_downloaded(varve, bucket):
    bucket.files = {"/Debian/all.zip": archive("X-1"), "/Rocky%20Linux/all.zip": archive("X-2")}
    first = update(varve, bucket, "Debian", "Rocky Linux")
    assert first.code == 0, first.err
    generation = info(varve)["generation"]
    second = update(varve, bucket)  # without names: what was downloaded before
    assert second.code == 0, second.err
    assert sorted(bucket.log[2:]) == [("/Debian/all.zip", None, 304), ("/Rocky%20Linux/all.zip", None, 304)]
    assert info(varve)["generation"] == generation
    bucket.files["/Debian/all.zip"] = archive("X-3")
    assert update(varve, bucket).code == 0
    assert [status for _, _, status in sorted(bucket.log[4:])] == [200, 304]
    assert info(varve)["generation"] != generation
    assert sum(source["records"] for source in info(varve)["sources"]) == 2


def test_a_cut_download_is_resumed(varve, bucket):
    bucket.files = {"/Debian/all.zip": archive(*[f"X-{i}" for i in range(500)])}
    bucket.cut = 1
    out = update(varve, bucket, "Debian")
    assert out.code == 0, out.err
    assert [status for _, _, status in bucket.log] == [200, 206]
    assert sum(source["records"] for source in info(varve)["sources"]) == 500


def test_an_ecosystem_that_is_not_there_stops_no_other(varve, bucket):
    bucket.files = {"/Debian/all.zip": archive("X-1")}
    out = update(varve, bucket, "Debian", "Nowhere")
    assert out.code == 3
    assert "Nowhere" in out.err
    assert sum(source["records"] for source in info(varve)["sources"]) == 1


def test_a_bucket_that_does_not_answer_is_exit_code_4_and_changes_nothing(varve, bucket):
    bucket.files = {"/Debian/all.zip": archive("X-1")}
    assert update(varve, bucket, "Debian").code == 0
    before = info(varve)
    bucket.files = {}
    out = update(varve, bucket)
    assert out.code == 4
    assert "Debian" in out.err
    assert info(varve) == before
