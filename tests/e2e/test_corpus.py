"""bench/corpus: a registry whose packages, layers, files and findings are known in advance, and a scan of it finds exactly those."""
import collections
import json
import subprocess

import pytest

from registry import Registry
from varve import Varve

SHAPE = ["--images", "60", "--scale", "0.005", "--seed", "7", "--zstd", "25"]


class Corpus:
    def __init__(self, build, folder):
        self.program, self.folder = build / "bench" / "bench_corpus", folder
        self.layout = folder / "layout"

    def make(self, *options):
        done = subprocess.run([self.program, *SHAPE, *options, self.folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        lines = map(json.loads, (self.folder / "expected.jsonl").read_text().splitlines())
        self.images = {image["reference"]: image for image in lines}
        self.sums = json.loads((self.folder / "expected.json").read_text())
        return self

    def blobs(self):
        return {path.name for path in (self.layout / "blobs" / "sha256").iterdir()}


@pytest.fixture
def corpus(build, tmp_path):
    if not (build / "bench" / "bench_corpus").exists():
        pytest.skip("built without benchmarks")
    return Corpus(build, tmp_path / "corpus")


@pytest.fixture
def varve(build, tmp_path):
    return Varve(build, tmp_path)


def check(run, corpus, prefix, generation=None):
    """Every image of the corpus is in the report with the digest, packages and (where asked) findings that it was made with."""
    assert run.code == 0, run.err
    assert {reference.removeprefix(prefix) for reference in run.images} == set(corpus.images)
    for reference, image in run.images.items():
        expected = corpus.images[reference.removeprefix(prefix)]
        assert image["complete"] and image["digest"] == expected["digest"], reference
        assert collections.Counter(p["type"] for p in image["packages"]) == expected["packages"], reference
        assert len(image["layers"]) == expected["layers"], reference
        if generation:
            assert len(image["vulnerabilities"]) == expected["vulnerabilities"][generation], reference


def test_a_scan_finds_what_the_corpus_was_made_with(corpus, varve, tmp_path):
    corpus.make("--advisories")
    varve.import_advisories(corpus.folder / "advisories" / "1")
    run = varve.scan("--stats", tmp_path / "stats", f"oci:{corpus.layout}")
    check(run, corpus, f"oci:{corpus.layout}:", "1")
    stats = json.loads((tmp_path / "stats").read_text())
    assert (stats["unique_layers"], stats["scanned"]) == (corpus.sums["layers_unique"],) * 2
    assert (stats["layer_uses"], stats["layer_bytes_fetched"]) == (corpus.sums["layers"], corpus.sums["bytes"])
    assert (stats["files_seen"], stats["bytes_inflated"]) == (corpus.sums["entries"], corpus.sums["tar_bytes"])
    varve.import_advisories(corpus.folder / "advisories" / "2")
    check(varve.scan(f"oci:{corpus.layout}"), corpus, f"oci:{corpus.layout}:", "2")
    found = [sum(image["vulnerabilities"][g] for image in corpus.images.values()) for g in ("1", "2", "new", "gone")]
    assert found[0] + found[2] - found[3] == found[1] and found[2] > 0


def test_later_nights_keep_what_has_not_changed_and_scans_find_the_rest(corpus, varve):
    first = dict(corpus.make().images)
    made, blobs = corpus.sums["layers_made"], corpus.blobs()
    corpus.make("--night", "12")
    kept = [reference for reference in first if corpus.images.get(reference, {}).get("digest") == first[reference]["digest"]]
    moved = [reference for reference in first if reference in corpus.images and reference not in kept]
    assert moved and len(kept) > len(first) / 2, "some tags moved, most did not"
    assert first.keys() - corpus.images.keys() and corpus.images.keys() - first.keys(), "some images deleted, some new"
    assert 0 < corpus.sums["layers_made"] < made and blobs < corpus.blobs()
    check(varve.scan(f"oci:{corpus.layout}"), corpus, f"oci:{corpus.layout}:")


def test_the_same_seed_gives_the_same_corpus(corpus, build, tmp_path):
    corpus.make("--threads", "1")
    other = Corpus(build, tmp_path / "other").make("--threads", "3")
    assert other.images == corpus.images and other.sums == corpus.sums
    assert other.blobs() == corpus.blobs()


def test_a_registry_serves_the_same_images(corpus, varve, tmp_path):
    corpus.make("--registry")
    with Registry(tmp_path / "served", store=corpus.folder / "registry") as registry:
        check(varve.scan("--plain-http", f"registry://{registry.host}"), corpus, f"docker://{registry.host}/")
