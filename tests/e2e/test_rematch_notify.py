"""Who is told when advisories bring or take findings: by `varve rematch`, and by a broker as soon as a generation lands."""
import hashlib
import hmac
import json
import pathlib

import pytest
from fleet import Fleet
from test_rematch import FIRST, SECOND, THIRD, World, of_reports, world  # noqa: F401
from webhook import Webhook

KEY = b"a key of some bytes"


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "webhook.key"
    path.write_bytes(KEY + b"\n")
    return path


def news(world):
    """A store whose advisories have just changed."""
    world.advisories(*FIRST)
    world.scan()
    world.advisories(*SECOND)


def signed(delivery):
    headers, body = delivery
    return headers["X-Varve-Signature"] == "sha256=" + hmac.new(KEY, body, hashlib.sha256).hexdigest()


def test_a_webhook_gets_the_signed_document(world, key):
    news(world)
    with Webhook() as hook:
        document = world.rematch("--webhook", hook.url, "--webhook-key", key)
    (delivery,) = hook.deliveries
    assert signed(delivery)
    headers, body = delivery
    assert headers["X-Varve-Event"] == "rematch" and headers["Content-Type"] == "application/json"
    told = json.loads(body)
    assert told["counts"] == document["counts"] and told["images"] == document["images"]
    assert [p["purl"] for p in told["packages"]] == [p["purl"] for p in document["packages"]]


def test_it_is_posted_again_under_the_same_id_until_it_is_taken(world):
    news(world)
    with Webhook(500, (429, {"Retry-After": "1"}), 200) as hook:
        world.rematch("--webhook", hook.url)
    assert len(hook.deliveries) == 3
    assert len({headers["X-Varve-Delivery"] for headers, _ in hook.deliveries}) == 1
    assert len({body for _, body in hook.deliveries}) == 1


@pytest.mark.parametrize("answer", [404, (302, {"Location": "/elsewhere"})])
def test_what_no_retry_would_change_is_an_error_that_tells_no_secret(world, answer):
    news(world)
    with Webhook(answer) as hook:
        out = world.varve.run("rematch", "--store", world.varve.store, "--webhook", hook.url)
    assert out.code != 0 and "webhook http://127.0.0.1" in out.err
    assert "secret-token" not in out.err
    assert len(hook.deliveries) == 1


def test_metadata_addresses_are_refused(world):
    news(world)
    out = world.varve.run("rematch", "--store", world.varve.store, "--webhook", "http://169.254.169.254/latest")
    assert out.code != 0 and "refused" in out.err


def test_a_command_gets_the_document_and_its_failure_is_one(world, tmp_path):
    news(world)
    script = tmp_path / "receiver"
    script.write_text(f"#!/bin/sh\ncat > {tmp_path}/got\n")
    script.chmod(0o755)
    document = world.rematch("--exec", str(script))
    assert json.loads((tmp_path / "got").read_text())["counts"] == document["counts"]
    script.write_text("#!/bin/sh\nexit 9\n")
    out = world.varve.run("rematch", "--store", world.varve.store, "--exec", str(script))
    assert out.code != 0 and "status 9" in out.err


def test_nothing_changed_is_told_to_nobody(world):
    world.advisories(*FIRST)
    world.scan()
    with Webhook() as hook:
        world.rematch("--webhook", hook.url)
    assert hook.deliveries == []


# --- the broker ---

@pytest.fixture
def fleet(build, tmp_path, world):
    with Fleet(build, tmp_path / "fleet") as fleet:
        fleet.store = world.varve.store
        yield fleet


def test_a_broker_tells_once_per_generation_over_kills_and_restarts(world, fleet, key):
    world.advisories(*FIRST)
    world.scan()
    with Webhook() as hook:
        notify = ["--notify-webhook", hook.url, "--notify-webhook-key", key]
        broker = fleet.start_broker(*notify)
        hook.hold.clear()  # the receiver has it and does not say so
        world.advisories(*SECOND)
        hook.wait(1)
        broker.kill()
        hook.hold.set()
        broker = fleet.start_broker(*notify)  # it cannot know whether it was taken
        first, second = hook.wait(2)[:2]
        assert first[0]["X-Varve-Delivery"] == second[0]["X-Varve-Delivery"] and first[1] == second[1]
        assert signed(first) and signed(second)
        world.advisories(*THIRD)
        third = hook.wait(3)[2]
        assert third[0]["X-Varve-Delivery"] != first[0]["X-Varve-Delivery"]
        broker.wait_line("told of judgement 3")
        broker.terminate()
        broker = fleet.start_broker(*notify)
        by_broker = fleet.call("rematch", "--format", "json")
        assert by_broker.code == 0, by_broker.err
        broker.terminate()
        assert len(hook.deliveries) == 3
    assert "secret-token" not in "".join(program.log for program in fleet.programs)
    assert by_broker.out == world.varve.run("rematch", "--store", world.varve.store, "--format", "json").out
    assert json.loads(third[1]) == json.loads(by_broker.out)


def test_a_broker_judges_a_generation_when_it_lands_and_answers_as_the_store_does(world, fleet):
    world.advisories(*FIRST)
    before = of_reports(world.scan())
    broker = fleet.start_broker()
    world.advisories(*SECOND)
    broker.wait_line("judgement 2 has ended")
    answers = {fmt: fleet.call("rematch", "--format", fmt) for fmt in ("table", "json", "jsonl")}
    broker.terminate()
    for fmt, answer in answers.items():
        assert answer.code == 0, answer.err
        assert answer.out == world.varve.run("rematch", "--store", world.varve.store, "--format", fmt).out
    after = of_reports(world.scan())
    assert before != after


def test_a_broker_refuses_questions_that_are_none(world, fleet):
    fleet.start_broker()
    out = fleet.call("rematch")
    assert out.code != 0 and "nothing was judged" in out.err


def test_a_broker_whose_receiver_cannot_be_right_does_not_start(fleet):
    broker = fleet.start(fleet.build / "varve-broker", "--store", fleet.store, "--endpoint", fleet.endpoint, "--notify-webhook", "ftp://x/")
    assert broker.wait() == 2


def test_all_questions_have_one_answer_from_store_and_broker_and_keep_to_their_schema(world, fleet, build):
    world.advisories(*FIRST)
    world.scan()
    world.advisories(*SECOND)
    broker = fleet.start_broker()
    broker.wait_line("judgement 2 has ended")
    one, three = (f"oci:{world.layout.folder}:{name}" for name in ("one", "three"))
    questions = [("rematch",), ("top",), ("diff", one, three), ("diff", "--base", f"oci:{world.layout.folder}:two")]
    by_broker = {(q, fmt): fleet.call(*q, "--format", fmt) for q in questions for fmt in ("table", "json")}
    broker.terminate()
    for (question, fmt), answer in by_broker.items():
        assert answer.code == 0, answer.err
        assert answer.out == world.varve.run(*question, "--store", world.varve.store, "--format", fmt).out
    answers = [by_broker[q, "json"].out for q in questions] + [world.varve.run("history", "--store", world.varve.store, "--format", "json").out]
    jsonschema = pytest.importorskip("jsonschema")
    for document in map(json.loads, answers):
        name = document["schema"].replace("/", ".")
        schema = json.loads((pathlib.Path(__file__).parents[2] / "docs" / "schema" / f"{name}.json").read_text())
        jsonschema.validate(document, schema)
