"""The night after: nothing unchanged is fetched, deleted tags are retired, and a report can be only what is new."""
import collections
import json
import shutil

import pytest
from fleet import Fleet
from images import Layout, alpine_layer, tar_of
from registry import Registry
from varve import Varve

IMAGES = 120


def layer(i):
    return tar_of([("srv/app", f"application {i}\n" * 20)])


@pytest.fixture
def registry(tmp_path):
    with Registry(tmp_path / "registry") as registry:
        yield registry


def push(registry, folder, names, variant=0):
    """REPOSITORY:TAG names, each with a layer of its own over a base that all share."""
    layout = Layout(folder)
    base = alpine_layer(("musl", "1.1.24-r0"))
    for name in names:
        layout.image(name, [base, layer(f"{name} {variant}")])
    registry.push_layout(layout)


def delete(registry, name):
    """As a registry does that is told to: the tag is gone, its repository stays in the catalog."""
    repository, tag = name.rsplit(":", 1)
    shutil.rmtree(registry.folder / "data/docker/registry/v2/repositories" / repository / "_manifests/tags" / tag)


def names(run, registry):
    return {reference.removeprefix(f"docker://{registry.host}/") for reference in run.images}


def latest(varve, registry, *options, code=0):
    run = varve.run("report", "--latest", "--store", varve.store, "--format", "jsonl", *options)
    assert run.code == code, run.err
    return names(run, registry)


def scan(varve, registry, *options, prefix=""):
    run = varve.scan(f"registry://{registry.host}{prefix}", *options)
    assert run.code == 0, run.err
    return run


def test_the_second_night_of_120_unchanged_images_is_heads_and_lists_alone(build, registry, tmp_path):
    push(registry, tmp_path / "layout", [f"team{i % 7}/app{i}:v1" for i in range(IMAGES)])
    varve = Varve(build, tmp_path)
    scan(varve, registry)
    registry.forget_requests()
    second = scan(varve, registry, "--stats", tmp_path / "stats.json")
    asked = collections.Counter((method, path.split("/")[-2]) for method, path, _ in registry.requests() if "/manifests/" in path or "/blobs/" in path)
    assert asked == {("HEAD", "manifests"): IMAGES}
    assert len(second.images) == IMAGES
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["scanned"] == stats["verified"] == 0


def test_a_deleted_tag_is_retired_stays_in_the_history_and_comes_back(build, registry, tmp_path):
    push(registry, tmp_path / "layout", ["a/x:1", "a/x:2", "b/y:1"])
    varve = Varve(build, tmp_path)
    scan(varve, registry)
    delete(registry, "a/x:2")
    scan(varve, registry)
    assert latest(varve, registry) == {"a/x:1", "b/y:1"}
    assert latest(varve, registry, "--with-retired") == {"a/x:1", "a/x:2", "b/y:1"}
    assert latest(varve, registry, "--retired") == {"a/x:2"}
    first_job = varve.run("report", "--job", "1", "--store", varve.store, "--format", "jsonl")
    assert names(first_job, registry) == {"a/x:1", "a/x:2", "b/y:1"}
    push(registry, tmp_path / "again", ["a/x:2"])
    back = scan(varve, registry, "--since-last")
    assert names(back, registry) == {"a/x:2"}
    assert latest(varve, registry) == {"a/x:1", "a/x:2", "b/y:1"}
    assert latest(varve, registry, "--retired") == set()


def test_a_listing_retires_nothing_that_it_could_not_have_seen(build, registry, tmp_path):
    push(registry, tmp_path / "layout", ["a/x:1", "a/x:2", "ab/z:1", "b/y:1", "b/y:2"])
    varve = Varve(build, tmp_path)
    scan(varve, registry)
    for name in ("a/x:2", "ab/z:1", "b/y:2"):
        delete(registry, name)
    scan(varve, registry, "--newest", "1")
    assert latest(varve, registry, "--retired") == set(), "an older tag may be there"
    scan(varve, registry, "--include", "b/*")
    assert latest(varve, registry, "--retired") == {"b/y:2"}
    scan(varve, registry, "--exclude", "a/x:2", prefix="/a")
    assert latest(varve, registry, "--retired") == {"b/y:2"}, "excluded, and below another prefix"
    scan(varve, registry, prefix="/a")
    assert latest(varve, registry, "--retired") == {"b/y:2", "a/x:2"}
    scan(varve, registry)
    assert latest(varve, registry, "--retired") == {"b/y:2", "a/x:2", "ab/z:1"}


def test_a_listing_that_failed_retires_nothing(build, registry, tmp_path):
    push(registry, tmp_path / "layout", ["a/x:1", "b/y:1"])
    varve = Varve(build, tmp_path)
    scan(varve, registry)
    link = registry.folder / "data/docker/registry/v2/repositories/b/y/_manifests/tags"
    shutil.move(link, registry.folder / "aside")
    link.write_text("no folder: listing its tags is an error of the server")
    failed = varve.scan(f"registry://{registry.host}")
    assert failed.code == 3
    assert latest(varve, registry, "--retired") == set()


def test_images_by_digest_and_those_that_the_job_names_itself_are_not_retired(build, registry, tmp_path):
    push(registry, tmp_path / "layout", ["a/x:1", "a/x:2"])
    varve = Varve(build, tmp_path)
    by_tag = scan(varve, registry)
    pinned = by_tag.images[f"docker://{registry.host}/a/x:2"]["digest"]
    assert varve.scan(f"{registry.host}/a/x@{pinned}").code == 0
    delete(registry, "a/x:2")
    gone = varve.scan(f"registry://{registry.host}", f"{registry.host}/a/x:2")
    assert gone.code == 3  # it is asked for, and not there
    assert latest(varve, registry, "--retired") == set()


def test_since_last_reports_what_is_new_changed_or_failed_and_nothing_else(build, registry, tmp_path):
    push(registry, tmp_path / "layout", ["a/x:1", "a/x:2", "b/y:1"])
    varve = Varve(build, tmp_path)
    first = scan(varve, registry, "--since-last")
    assert names(first, registry) == {"a/x:1", "a/x:2", "b/y:1"}, "the first time everything is new"
    nothing = scan(varve, registry, "--since-last")
    assert nothing.images == {} and "0 of 3 images are new or have changed" in nothing.err
    push(registry, tmp_path / "changed", ["a/x:2", "c/new:1"], variant=1)
    changed = scan(varve, registry, "--since-last")
    assert names(changed, registry) == {"a/x:2", "c/new:1"}
    report = varve.run("report", "--since-last", "--store", varve.store, "--format", "jsonl")
    assert report.out == changed.out

    for _ in range(2):
        failed = varve.scan(f"{registry.host}/a/x:1", f"{registry.host}/gone:1", "--since-last")
        assert failed.code == 3 and names(failed, registry) == {"gone:1"}, "what fails is reported each time"


def test_since_last_and_retired_tags_over_a_broker(build, registry, tmp_path):
    push(registry, tmp_path / "layout", ["a/x:1", "b/y:1"])
    with Fleet(build, tmp_path / "fleet") as fleet:
        broker = fleet.start_broker()
        fleet.start_worker("one")
        fleet.submit(f"registry://{registry.host}")
        push(registry, tmp_path / "changed", ["b/y:1"], variant=1)
        job = fleet.submit(f"registry://{registry.host}")
        out = fleet.call("results", "--since-last", "--format", "jsonl", job)
        assert out.code == 0 and names(out, registry) == {"b/y:1"}
        delete(registry, "a/x:1")
        job = fleet.submit(f"registry://{registry.host}")
        assert fleet.call("results", "--since-last", "--format", "jsonl", job).out == ""
        broker.wait_line("is not listed any more: retired")
        assert broker.terminate() == 0
        assert latest(fleet.varve, registry, "--retired") == {"a/x:1"}
