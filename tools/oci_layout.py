"""oci_layout.py - writes images as OCI layouts (image-spec image-layout.md): for quickstart, tests and benchmarks.

Layers are given as tar bytes; the same bytes under the same compression are one blob, however many images use them.
Everything is deterministic: equal input gives equal digests.
"""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pathlib
import subprocess
import tarfile

MEDIA_TYPES = {
    "none": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
    "xz": "application/vnd.oci.image.layer.v1.tar+xz",
    "bzip2": "application/vnd.oci.image.layer.v1.tar+bzip2",
}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compress(data, how):
    if how == "none":
        return data
    if how == "gzip":
        return gzip.compress(data, compresslevel=6, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    if how == "xz":
        return lzma.compress(data, preset=1)
    if how == "bzip2":
        return bz2.compress(data)
    raise ValueError(how)


def tar_of(entries):
    """A tar of (name, content): bytes = a file, None = a directory, "-> target" = a symlink, "=> target" = a hard link;
    a third item sets the mode."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content, *mode in entries:
            info = tarfile.TarInfo(name)
            info.mtime = 1700000000
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str) and content[:3] in ("-> ", "=> "):
                info.type = tarfile.SYMTYPE if content[0] == "-" else tarfile.LNKTYPE
                info.linkname, content = content[3:], None
            else:
                content = content.encode() if isinstance(content, str) else content
                info.size, info.mode = len(content), 0o644
            if mode:
                info.mode = mode[0]
            tar.addfile(info, io.BytesIO(content) if content is not None else None)
    return out.getvalue()


class Layout:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.manifests = []
        self.layers = {}

    def blob(self, data):
        digest = sha256(data)
        path = self.folder / "blobs" / "sha256" / digest[7:]
        if not path.exists():
            temporary = path.with_suffix(".tmp")
            temporary.write_bytes(data)
            os.replace(temporary, path)
        return {"digest": digest, "size": len(data)}

    def layer(self, tar, compression="gzip"):
        """(descriptor, diff_id) of a tar; compressed once however often it is asked for."""
        key = (hashlib.sha256(tar).digest(), compression)
        if key not in self.layers:
            descriptor = {"mediaType": MEDIA_TYPES[compression], **self.blob(compress(tar, compression))}
            self.layers[key] = (descriptor, sha256(tar))
        return self.layers[key]

    def manifest(self, layers, arch="amd64", os_name="linux", config_extra=None):
        """Writes config and manifest over (descriptor, diff_id) pairs, lowest first; returns the manifest's descriptor."""
        config = {
            "architecture": arch, "os": os_name, "created": "2026-01-01T00:00:00Z", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": f"layer {i}"} for i in range(len(layers))],
            **(config_extra or {}),
        }
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(json.dumps(config).encode())},
            "layers": [descriptor for descriptor, _ in layers],
        }
        return {"mediaType": manifest["mediaType"], **self.blob(json.dumps(manifest).encode()),
                "platform": {"architecture": arch, "os": os_name}}

    def index(self, descriptors):
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": descriptors}
        return {"mediaType": index["mediaType"], **self.blob(json.dumps(index).encode())}

    def tag(self, name, descriptor):
        self.manifests.append({**{k: v for k, v in descriptor.items() if k != "platform"},
                               "annotations": {"org.opencontainers.image.ref.name": name}})
        temporary = self.folder / "index.json.tmp"
        temporary.write_text(json.dumps({"schemaVersion": 2, "manifests": self.manifests}))
        os.replace(temporary, self.folder / "index.json")

    def image(self, name, tars, compression="gzip", **config):
        """Tags an image of these layer tars; returns its manifest's descriptor."""
        descriptor = self.manifest([self.layer(tar, compression) for tar in tars], **config)
        self.tag(name, descriptor)
        return descriptor
