"""Gentoo's own packages are the distribution's: counted as such, and nobody publishes advisories for them in OSV."""
import shutil
from pathlib import Path

from varve import Varve

LAYER = Path(__file__).resolve().parents[1] / "data" / "analyze" / "portage-pf" / "names_and_versions" / "layer"


def test_gentoo_is_a_distribution_without_an_advisory_source(build, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(LAYER, root)
    (root / "etc").mkdir()
    (root / "etc" / "os-release").write_text('ID=gentoo\nVERSION_ID=2.15\nPRETTY_NAME="Gentoo"\n')
    scan = Varve(build, tmp_path).scan(f"rootfs:{root}")
    assert scan.code == 0, scan.err
    found = {(p["name"], p["version"], p["purl"]) for p in scan.image["packages"] if p["type"] == "ebuild"}
    assert ("dev-libs/openssl", "1.1.1w_p1", "pkg:ebuild/dev-libs/openssl@1.1.1w_p1") in found and len(found) == 5
    rows = scan.image["coverage"]
    assert [(row["state"], row["remark"]) for row in rows] == [("no_advisory_source", "no advisory source for this distribution")]
