"""Local sources: OCI layouts and archives, docker save archives old and new, root folders, lists of references."""
import hashlib
import io
import json
import subprocess
import tarfile

import pytest
from images import Layout, alpine_layer, debian_layer, read_tar, tar_of
from varve import Varve, packages

DEBIAN = {("bash", "5.2.15-2")}


@pytest.fixture
def varve(build, tmp_path):
    return Varve(build, tmp_path)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "layout")
    layout.image("deb", [debian_layer(("bash", "5.2.15-2")), tar_of([("a", "a")])])
    layout.image("apk", [alpine_layer(("musl", "1.1.20-r4"))])
    return layout


def skopeo(source, destination):
    out = subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", source, destination], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr


def test_every_image_of_a_layout(varve, layout):
    scan = varve.scan(f"oci:{layout.folder}")
    assert scan.code == 0, scan.err
    assert sorted(len(image["packages"]) for image in scan.images.values()) == [1, 1]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd", "xz", "bzip2"])
def test_layers_of_every_compression(varve, tmp_path, compression):
    layout = Layout(tmp_path / "one")
    layout.image("x", [debian_layer(("bash", "5.2.15-2"))], compression=compression)
    scan = varve.scan(f"oci:{layout.folder}:x")
    assert scan.code == 0, scan.err
    assert packages(scan.image) == DEBIAN


def test_oci_archive(varve, layout, tmp_path):
    skopeo(f"oci:{layout.folder}:deb", f"oci-archive:{tmp_path}/a.tar:deb")
    scan = varve.scan(f"oci-archive:{tmp_path}/a.tar")
    assert scan.code == 0, scan.err
    assert packages(scan.image) == DEBIAN


def test_docker_archive_as_docker_save_writes_it(varve, layout, tmp_path):
    skopeo(f"oci:{layout.folder}:deb", f"docker-archive:{tmp_path}/a.tar:team/deb:1")
    scan = varve.scan(f"docker-archive:{tmp_path}/a.tar")
    assert scan.code == 0, scan.err
    assert packages(scan.image) == DEBIAN


def test_docker_archive_with_linked_layers_null_tags_and_several_images(varve, tmp_path):
    base, top = debian_layer(("bash", "5.2.15-2")), tar_of([("a", "a")])
    out = io.BytesIO()
    import hashlib
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("two/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../one/layer.tar"
        add("one/layer.tar", base)
        tar.addfile(link)
        add("three/layer.tar", top)
        entries = []
        for name, layers, tags in (("c1", ["one"], None), ("c2", ["two", "three"], ["team/x:2"])):
            diff_ids = ["sha256:" + hashlib.sha256(base if layer in ("one", "two") else top).hexdigest() for layer in layers]
            add(f"{name}.json", json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
            entries.append({"Config": f"{name}.json", "RepoTags": tags, "Layers": [f"{layer}/layer.tar" for layer in layers]})
        add("manifest.json", json.dumps(entries).encode())
    (tmp_path / "old.tar").write_bytes(out.getvalue())
    scan = varve.scan(f"docker-archive:{tmp_path}/old.tar")
    assert scan.code == 0, scan.err
    images = list(scan.images.values())
    assert len(images) == 2 and all(packages(image) == DEBIAN for image in images)


def test_real_docker_save_archives(varve, shared, tmp_path):
    import gzip
    plain = tmp_path / "alpine.tar"
    plain.write_bytes(gzip.decompress((shared / "images" / "dockersave-alpine-3.10-trivy.tar.gz").read_bytes()))
    for archive in (plain, shared / "images" / "dockersave-alpine-3.10-trivy.tar.gz", shared / "images" / "dockersave-image3-gzlayers.tar"):
        scan = varve.scan(f"docker-archive:{archive}")
        assert scan.code == 0, scan.err
        assert len(scan.image["packages"]) == 14


def test_real_oci_layouts(varve, shared):
    for name in ("busybox-1.37.0-glibc-arm64v8", "busybox-1.37.0-musl-amd64"):
        scan = varve.scan(f"oci:{shared / 'images' / name}", "--platform", "all")
        assert scan.code == 0, scan.err
        assert scan.image["packages"] == [] and scan.image["complete"]


def test_rootfs(varve, tmp_path):
    root = tmp_path / "root"
    with tarfile.open(fileobj=io.BytesIO(debian_layer(("bash", "5.2.15-2")))) as tar:
        tar.extractall(root)
    (root / "loop").symlink_to("..")
    subprocess.run(["mkfifo", root / "fifo"], check=True)
    scan = varve.scan(f"rootfs:{root}")
    assert scan.code == 0, scan.err
    assert packages(scan.image) == DEBIAN


def test_a_list_of_references(varve, layout, tmp_path):
    text = f"# two images\noci:{layout.folder}:deb\n\n  oci:{layout.folder}:apk  \n"
    (tmp_path / "list").write_text(text)
    for arguments, given in ((("--from-file", tmp_path / "list"), None), (("--from-file", "-"), text)):
        scan = varve.scan(*arguments, input=given)
        assert scan.code == 0, scan.err
        assert len(scan.images) == 2


def test_platforms_of_an_index(varve, tmp_path):
    layout = Layout(tmp_path / "multi")
    children = [layout.manifest([layout.layer(debian_layer(("bash", version)))], arch=arch)
                for arch, version in (("amd64", "1-1"), ("arm64", "2-1"))]
    attestation = {**layout.manifest([layout.layer(tar_of([("in-toto.json", "{}")]))], arch="unknown", os_name="unknown"),
                   "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    layout.tag("multi", layout.index([*children, attestation]))
    reference = f"oci:{layout.folder}:multi"
    assert packages(varve.scan(reference, "--platform", "linux/arm64").image) == {("bash", "2-1")}
    every = varve.scan(reference, "--platform", "all")
    assert every.code == 0, every.err
    scanned = [json.loads(line) for line in every.out.splitlines()]
    assert {image["platform"] for image in scanned if image["packages"]} == {"linux/amd64", "linux/arm64"}
    assert len({image["index_digest"] for image in scanned if image["packages"]}) == 1
    missing = varve.scan(reference, "--platform", "linux/s390x")
    assert missing.code == 3
    assert "s390x" in json.dumps(missing.image)


def test_root_filesystem_images_have_their_known_package_counts(varve, shared, tmp_path):
    """The counts of ../shared/data/README.md."""
    counts = {
        "alpine-3.6.5-x86_64.tar.gz": 13, "alpine-3.10.9-x86_64.tar.gz": 14, "alpine-3.14.10-x86_64.tar.gz": 14,
        "alpine-3.17.10-x86_64.tar.gz": 15, "alpine-3.20.3-x86_64.tar.gz": 14, "alpine-3.20.3-aarch64.tar.gz": 14,
        "alpine-gl-library-3.4.tar.gz": 11, "alpine-gl-library-3.9-x86_64.tar.xz": 14,
        "almalinux-9-micro-20220707-aarch64.tar.xz": 22, "almalinux-9-micro-20231125-s390x.tar.xz": 22,
        "debian-8-jessie-layer.tar.gz": 117, "ubuntu-22.04.5-python-amd64-tree.tar.zst": 117, "docker-23.0.3-amd64-tree.tar.zst": 55,
    }
    layout = Layout(tmp_path / "real")
    for name in counts:
        layout.image(name.split("-x86")[0].split(".tar")[0], [read_tar(shared / "images" / name)], compression="gzip" if "ubuntu" not in name else "zstd")
    scan = varve.scan(f"oci:{layout.folder}")
    assert scan.code == 0, scan.err
    found = {r.rsplit(":", 1)[1]: sum(p["type"] in ("apk", "deb", "rpm") for p in image["packages"]) for r, image in scan.images.items()}
    assert found == {name.split("-x86")[0].split(".tar")[0]: count for name, count in counts.items()}


def test_a_layer_that_an_archive_lacks_is_not_taken_from_elsewhere(varve, tmp_path):
    base = debian_layer(("bash", "5.2.15-2"))
    config = json.dumps({"architecture": "amd64", "os": "linux",
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(base).hexdigest()]}})
    entries = [("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["a/layer.tar"]}])), ("c.json", config)]
    for name, more in (("whole", [("a/layer.tar", base)]), ("lost", [])):
        (tmp_path / f"{name}.tar").write_bytes(tar_of(entries + more))
    assert varve.scan(f"docker-archive:{tmp_path}/whole.tar").image["complete"] is True
    scan = varve.scan(f"docker-archive:{tmp_path}/lost.tar")
    assert scan.code == 3
    assert scan.image["packages"] == []
    assert [layer["status"] for layer in scan.image["layers"]] == ["failed"]
    assert "a/layer.tar" in scan.image["layers"][0]["reason"]
