"""webhook.py - a receiver of webhooks that answers as a test wants, and keeps what it got."""
import http.server
import threading


class Webhook:
    """`answers`: the status of each delivery in order, the last one for all that follow; (status, headers) for more than that."""

    def __init__(self, *answers):
        self.answers, self.deliveries, self.changed = list(answers or [200]), [], threading.Condition()
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.deliveries.append((dict(self.headers), body))
                    answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                    receiver.changed.notify_all()
                receiver.hold.wait(60)
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                with receiver.changed:
                    receiver.deliveries.append((dict(self.headers), None))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/secret-token"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()

    def wait(self, count, seconds=60):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.deliveries) >= count, seconds), f"{len(self.deliveries)} deliveries"
            return self.deliveries
