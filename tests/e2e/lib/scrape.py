"""scrape.py - reads a daemon's /metrics with Prometheus' own Python parser, and its probes."""
import http.client
import re
import time

from prometheus_client.parser import text_string_to_metric_families

WAIT_SECONDS = 60


class Metrics:
    """The HTTP side of a Program that was started with --metrics 127.0.0.1:0."""

    def __init__(self, program):
        line = program.wait_line("metrics at http://")
        self.host, port = re.search(r"metrics at http://([\d.]+):(\d+)/metrics", line).groups()
        self.port = int(port)

    def request(self, path, method="GET", timeout=30):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def text(self):
        status, text, headers = self.request("/metrics")
        assert status == 200 and headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return text

    def families(self):
        return {family.name: family for family in text_string_to_metric_families(self.text())}

    def values(self):
        """{(sample name, ((label, value), …)): value}"""
        return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
                for family in text_string_to_metric_families(self.text()) for sample in family.samples}

    def value(self, name, **labels):
        return self.values().get((name, tuple(sorted(labels.items()))))

    def wait_value(self, wanted, name, **labels):
        """Until it is `wanted`; numbers are read by the daemon once a second."""
        return self.wait(lambda values: values.get((name, tuple(sorted(labels.items())))) == wanted, f"{name} {labels} == {wanted}")

    def wait(self, condition, what):
        end = time.monotonic() + WAIT_SECONDS
        while True:
            values = self.values()
            if condition(values):
                return values
            assert time.monotonic() < end, f"never: {what}\n" + "\n".join(f"{k} {v}" for k, v in sorted(values.items()))
            time.sleep(0.05)

    def wait_probe(self, path, status):
        end = time.monotonic() + WAIT_SECONDS
        while True:
            got, text, _ = self.request(path)
            if got == status:
                return text
            assert time.monotonic() < end, f"{path} answers {got}: {text}"
            time.sleep(0.05)
