"""The main job against a real docker-registry: every unique layer once, over runs and over processes."""
import collections
import json
import re
import subprocess
import urllib.request

import pytest
from images import Layout, alpine_layer, debian_layer, read_tar, split_tar, tar_of
from registry import Registry
from varve import Varve, packages

IMAGES = 60
BASES = 4


@pytest.fixture(scope="module")
def sixty(tmp_path_factory):
    """A registry of 60 images over 4 bases, 12 middles and one top each; every base is shared 15 times."""
    folder = tmp_path_factory.mktemp("sixty")
    layout = Layout(folder / "layout")
    bases = [alpine_layer(("musl", f"1.1.{b}-r0")) for b in range(BASES)]
    middles = [tar_of([("opt/runtime", f"runtime {m}\n" * 2000)]) for m in range(12)]
    with Registry(folder / "registry") as registry:
        for i in range(IMAGES):
            top = tar_of([("srv/app", f"application {i}\n" * 50)])
            layout.image(f"i{i}", [bases[i % BASES], middles[i % 12], top])
            registry.push(f"oci:{layout.folder}:i{i}", f"team{i % 5}/app{i}:v1")
        registry.layers = {d["digest"] for i in range(IMAGES)
                           for d in registry.manifest(f"team{i % 5}/app{i}", "v1")["layers"]}
        yield registry


def layer_fetches(registry):
    fetched = registry.blob_fetches()
    return {digest: fetched[digest] for digest in registry.layers if digest in fetched}


def documents(registry):
    """How often manifests and blobs were asked for, by method."""
    asked = re.findall(r"'(\w+)', '/v2/\S+/(manifests|blobs)/", str(registry.requests()))
    return dict(collections.Counter(asked))


def reused(image):
    return json.loads(json.dumps(image).replace('"scanned"', '"reused"'))


def by_reference(run):
    return {r: reused(image) for r, image in run.images.items()}


def test_two_scans_at_once_fetch_each_layer_once_and_the_second_night_none(build, sixty, tmp_path):
    varve = Varve(build, tmp_path)
    sixty.forget_requests()
    runs = [varve.start_scan(f"registry://{sixty.host}") for _ in range(2)]
    reports = []
    for run in runs:
        out, err = run.communicate(timeout=240)
        assert run.returncode == 0, err
        reports.append({o["reference"]: o for o in map(json.loads, out.splitlines())})
    assert len(sixty.layers) == BASES + 12 + IMAGES
    assert layer_fetches(sixty) == {digest: 1 for digest in sixty.layers}
    for report in reports:
        assert len(report) == IMAGES
        assert all(image["complete"] for image in report.values())
        assert all(len(image["packages"]) == 1 for image in report.values())

    sixty.forget_requests()
    second = varve.scan(f"registry://{sixty.host}", "--stats", tmp_path / "stats.json")
    assert second.code == 0, second.err
    assert len(second.images) == IMAGES
    assert documents(sixty) == {("HEAD", "manifests"): IMAGES}
    assert by_reference(second) == {r: reused(image) for r, image in reports[0].items()}
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["images"] == IMAGES and stats["unique_layers"] == len(sixty.layers)
    assert stats["scanned"] == 0 and stats["reused"] == len(sixty.layers)


def test_one_result_per_image_is_the_same_with_and_without_reuse(build, sixty, tmp_path):
    first = Varve(build, tmp_path / "a").scan(f"registry://{sixty.host}/team1")
    again = Varve(build, tmp_path / "b").scan(f"registry://{sixty.host}/team1")
    assert first.code == again.code == 0
    # which of two images met a shared layer first is chance; everything else is not
    reports = [sorted(run.out.replace('"reused"', '"scanned"').splitlines()) for run in (first, again)]
    assert reports[0] == reports[1]


def test_listing_honours_prefix_globs_and_newest(build, sixty, tmp_path):
    varve = Varve(build, tmp_path)
    only = varve.scan(f"registry://{sixty.host}/team2", "--include", "team2/app1*:*", "--exclude", "*/app12:*", "--newest", "1")
    assert only.code == 0, only.err
    names = {r.rsplit("/", 1)[1] for r in only.images}
    assert names == {"app17:v1"}


def test_real_root_filesystems_in_several_layers(build, shared, tmp_path):
    counts = {"alpine-3.10.9-x86_64.tar.gz": 14, "alpine-3.20.3-x86_64.tar.gz": 14, "almalinux-9-micro-20220707-aarch64.tar.xz": 22}
    layout = Layout(tmp_path / "layout")
    varve = Varve(build, tmp_path)
    with Registry(tmp_path / "registry") as registry:
        for i, name in enumerate(counts):
            layout.image(f"i{i}", split_tar(read_tar(shared / "images" / name), 3), compression=["gzip", "zstd", "gzip"][i])
            registry.push(f"oci:{layout.folder}:i{i}", f"real/i{i}:1")
        scan = varve.scan(f"registry://{registry.host}")
    assert scan.code == 0, scan.err
    found = {r.rsplit("/", 1)[1]: sum("owner" not in package for package in image["packages"]) for r, image in scan.images.items()}
    assert found == {f"i{i}:1": count for i, count in enumerate(counts.values())}


def test_an_image_is_named_like_docker_names_it(build, tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("one", [debian_layer(("bash", "5.2.15-2"))])
    varve = Varve(build, tmp_path)
    with Registry(tmp_path / "registry") as registry:
        registry.push(f"oci:{layout.folder}:one", "library/one:latest")
        bare = varve.scan(f"{registry.host}/library/one")
        full = varve.scan(f"docker://{registry.host}/library/one:latest")
        digest = bare.image["digest"]
        pinned = varve.scan(f"docker://{registry.host}/library/one@{digest}")
    assert bare.code == full.code == pinned.code == 0
    assert packages(bare.image) == packages(full.image) == packages(pinned.image) == {("bash", "5.2.15-2")}
    assert bare.image["layers"][0]["status"] == "scanned"
    assert full.image["layers"][0]["status"] == "reused"


def test_the_same_content_in_another_compression_is_verified_not_analysed_again(build, tmp_path):
    layout = Layout(tmp_path / "layout")
    tar = debian_layer(("bash", "5.2.15-2"))
    layout.image("gz", [tar], compression="gzip")
    layout.image("zst", [tar], compression="zstd")
    varve = Varve(build, tmp_path)
    first = varve.scan(f"oci:{layout.folder}:gz")
    second = varve.scan(f"oci:{layout.folder}:zst", "--stats", tmp_path / "stats.json")
    assert first.code == second.code == 0, second.err
    assert packages(first.image) == packages(second.image)
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["verified"] == 1 and stats["scanned"] == 0


def test_a_config_that_lies_about_its_diff_ids_hides_nothing(build, tmp_path):
    """TRAPS A4: the claimed diffID names a known harmless layer, the blob holds something else."""
    layout = Layout(tmp_path / "layout")
    harmless, other = layout.layer(tar_of([("a", "a")])), layout.layer(debian_layer(("openssl", "3.0.1-1")), "zstd")
    layout.tag("harmless", layout.manifest([harmless]))
    layout.tag("liar", layout.manifest([(other[0], harmless[1])]))
    varve = Varve(build, tmp_path)
    assert varve.scan(f"oci:{layout.folder}:harmless").code == 0
    liar = varve.scan(f"oci:{layout.folder}:liar")
    assert packages(liar.image) == {("openssl", "3.0.1-1")}
    assert any(f["kind"] == "diff_id_mismatch" for f in liar.image["findings"])


# ---- the second night ----

def two_platforms(layout, name, version):
    """An index of amd64 and arm64, and an attestation beside them as BuildKit pushes it."""
    children = [layout.manifest([layout.layer(debian_layer(("bash", f"{version}-{arch}")))], arch=arch) for arch in ("amd64", "arm64")]
    attestation = layout.manifest([layout.layer(tar_of([("a", "a")]), "none")], arch="unknown", os_name="unknown")
    attestation["annotations"] = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": children[0]["digest"]}
    layout.tag(name, layout.index([*children, attestation]))


@pytest.fixture
def nights(build, tmp_path):
    """A registry with an index and a plain image, and a function that scans it: (run, documents asked for)."""
    layout = Layout(tmp_path / "layout")
    two_platforms(layout, "multi", "1.0")
    layout.image("plain", [alpine_layer(("musl", "1.1.1-r0"))])
    varve = Varve(build, tmp_path)
    with Registry(tmp_path / "registry") as registry:
        registry.layout = layout
        registry.push(f"oci:{layout.folder}:multi", "team/multi:1", "--all")
        registry.push(f"oci:{layout.folder}:plain", "team/plain:1")

        def night(*arguments):
            registry.forget_requests()
            run = varve.scan(*arguments)
            return run, documents(registry)

        registry.night = night
        yield registry


@pytest.mark.parametrize("platform, images", [("linux/amd64", 1), ("linux/arm64", 1), ("all", 3)])
def test_an_index_is_asked_for_by_head_alone(nights, platform, images):
    scan = (f"{nights.host}/team/multi:1", "--platform", platform)
    first, asked = nights.night(*scan)
    assert first.code == 0, first.err
    assert asked[("GET", "blobs")] > 0
    second, asked = nights.night(*scan)
    assert second.code == 0, second.err
    assert asked == {("HEAD", "manifests"): 1}
    lines = [json.loads(line) for line in second.out.splitlines()]
    assert len(lines) == images
    assert sorted(second.out.splitlines()) == sorted(first.out.replace('"scanned"', '"reused"').splitlines())


def test_what_is_known_of_one_platform_says_nothing_of_another(nights):
    name = f"{nights.host}/team/multi:1"
    nights.night(name, "--platform", "linux/amd64")
    other, asked = nights.night(name, "--platform", "linux/arm64")
    assert packages(other.image) == {("bash", "1.0-arm64")}
    assert asked[("GET", "manifests")] > 0


def test_a_moved_tag_is_noticed(nights):
    scan = f"registry://{nights.host}"
    nights.night(scan)
    nights.layout.image("plain2", [alpine_layer(("musl", "1.1.1-r0")), tar_of([("new", "new")])])
    two_platforms(nights.layout, "multi2", "2.0")
    nights.push(f"oci:{nights.layout.folder}:multi2", "team/multi:1", "--all")
    nights.push(f"oci:{nights.layout.folder}:plain2", "team/plain:1")
    moved, asked = nights.night(scan, "--platform", "linux/amd64")
    assert moved.code == 0, moved.err
    images = {r.rsplit("/", 1)[1]: image for r, image in moved.images.items()}
    assert packages(images["multi:1"]) == {("bash", "2.0-amd64")}
    assert [layer["status"] for layer in images["plain:1"]["layers"]] == ["reused", "scanned"]
    still, asked = nights.night(scan, "--platform", "linux/amd64")
    assert asked == {("HEAD", "manifests"): 2}
    assert by_reference(still) == by_reference(moved)


def test_a_pinned_digest_is_asked_for_too(nights):
    first, _ = nights.night(f"{nights.host}/team/plain:1")
    pinned = f"{nights.host}/team/plain@{first.image['digest']}"
    nights.night(pinned)
    again, asked = nights.night(pinned)
    assert again.code == 0 and asked == {("HEAD", "manifests"): 1}


def test_a_deleted_image_fails_as_if_never_seen(nights, build, tmp_path):
    name = f"{nights.host}/team/plain:1"
    first, _ = nights.night(name)
    urllib.request.urlopen(urllib.request.Request(
        f"http://{nights.host}/v2/team/plain/manifests/{first.image['digest']}", method="DELETE"))
    gone, _ = nights.night(name)
    never = Varve(build, tmp_path / "other").scan(name)
    assert gone.code == never.code != 0
    assert gone.out == never.out and "unknown" in gone.out


def test_no_reuse_asks_for_everything_again(nights):
    name = f"{nights.host}/team/plain:1"
    nights.night(name)
    again, asked = nights.night(name, "--no-reuse")
    assert again.code == 0
    assert asked == {("GET", "manifests"): 1, ("GET", "blobs"): 2}


def test_a_fleet_remembers_too_and_over_a_restart_of_the_broker(nights, build, tmp_path):
    endpoint = f"ipc://{tmp_path}/broker.sock"
    varve = Varve(build, tmp_path / "client")
    varve.folder.mkdir()
    asked = []
    for _ in range(2):
        broker = subprocess.Popen([build / "varve-broker", "--endpoint", endpoint, "--store", tmp_path / "fleet"], env=varve.env)
        worker = subprocess.Popen([build / "varve-worker", "--broker", endpoint], env=varve.env)
        try:
            nights.forget_requests()
            run = varve.run("submit", "--broker", endpoint, "--wait", "--platform", "all", f"registry://{nights.host}", timeout=60)
            assert run.code == 0, run.err
            asked.append(documents(nights))
        finally:
            for process in (worker, broker):
                process.terminate()
                assert process.wait(30) == 0
    assert asked[0][("GET", "blobs")] > 0
    assert asked[1] == {("HEAD", "manifests"): 2}
