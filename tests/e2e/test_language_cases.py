"""Language package cases of ../shared/data/truth/packages (osv-scalibr's own): agree, or a reason stands in tests/data/analyze/language_disagree.txt.

All inputs are laid into one root folder, each where its kind is looked for, and scanned at once."""
import json
import shutil
from collections import defaultdict
from pathlib import Path

import pytest

from varve import Varve

ROOT = Path(__file__).resolve().parents[2]
TRUTH = ROOT.parent / "shared" / "data" / "truth" / "packages"
REASONS = ROOT / "tests" / "data" / "analyze" / "language_disagree.txt"

# test folder -> where its input would lie; {} is the input's own name
PLACES = {
    "javascript/packagelockjson": "package-lock.json", "php/composerlock": "composer.lock", "python/pipfilelock": "Pipfile.lock",
    "dotnet/packageslockjson": "packages.lock.json", "swift/packageresolved": "Package.resolved", "cpp/conanlock": "conan.lock",
    "rust/cargolock": "Cargo.lock", "python/poetrylock": "poetry.lock", "python/uvlock": "uv.lock", "python/pdmlock": "pdm.lock",
    "ruby/gemfilelock": "Gemfile.lock", "java/gradlelockfile": "gradle.lockfile", "erlang/mixlock": "mix.lock",
    "elixir/mixlock": "mix.lock", "golang/gomod": "go.mod", "python/requirements": "requirements.txt",
    "javascript/yarnlock": "yarn.lock", "javascript/packagejson": "node_modules/x/package.json",
    "ruby/gemspec": "specifications/{}", "java/archive": "{}", "golang/gobinary": "bin/{}", "rust/cargoauditable": "bin/{}",
    "javascript/pnpmlock": "pnpm-lock.yaml", "javascript/bunlock": "bun.lock", "dart/pubspec": "pubspec.lock",
    "java/pomxml": "pom.xml", "julia/manifesttoml": "Manifest.toml", "perl/cpan": ".meta/x/META.json",
    "wordpress/plugins": "wp-content/plugins/akismet/akismet.php", "homebrew/homebrew_test.go": "Cellar/rclone/1.67.0/INSTALL_RECEIPT.json",
    "portage/portage_test.go": "var/db/pkg/dev-perl/x/PF",
    "dotnet/depsjson": "x.deps.json", "python/condameta": "conda-meta/x.json", "python/wheelegg": "site-packages/x.dist-info/METADATA",
}


def place_of(kind, name):
    if kind == "python/wheelegg" and not name.endswith("METADATA"):
        return "site-packages/x.egg-info/PKG-INFO" if name.endswith("PKG-INFO") else "site-packages/x.egg-info"
    if kind == "ruby/gemspec" and not name.endswith(".gemspec"):
        return None
    if kind == "perl/cpan" and not name.endswith(".json"):
        return None
    return PLACES[kind].format(name)


def cases():
    """(id, input, place, {(name, version)}) of those that expect packages from one file."""
    found = {}
    for line in (TRUTH / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        kind = "/".join(case["test"].split("/")[3:5])
        if kind not in PLACES or len(case["inputs"]) != 1 or not case["expected"]:
            continue
        source = TRUTH / case["inputs"][0]
        place = place_of(kind, source.name)
        if not place or not source.is_file():
            continue
        expected = {(p.get("Name", ""), p.get("Version", "")) for p in case["expected"]}
        if ("", "") in expected:
            continue  # written as a call, which the extraction of the cases did not follow
        found[f"{kind} | {case['case']}"] = (source, place, expected)
    return found


def same(pair):
    name, version = pair
    if name in ("stdlib", "toolchain"):
        name = "go"
    return name.lower().replace("_", "-"), version.removeprefix("v")


@pytest.fixture(scope="module")
def scanned(build, tmp_path_factory):
    if not (TRUTH / "cases.jsonl").exists():
        pytest.skip("needs ../shared/data")
    folder = tmp_path_factory.mktemp("language_cases")
    all_cases = cases()
    for number, (source, place, _) in enumerate(all_cases.values()):
        target = folder / "root" / str(number) / place
        target.parent.mkdir(parents=True)
        shutil.copyfile(source, target)
        target.chmod(0o755)
    run = Varve(build, folder).scan("--all", f"rootfs:{folder / 'root'}")
    assert run.code in (0, 3), run.err  # 3: some inputs are damaged on purpose
    got = defaultdict(set)
    for package in run.image["packages"]:
        for path in package["paths"]:
            got[int(path.split("/")[0])].add(same((package["name"], package["version"])))
    return [(key, {same(p) for p in expected}, got[number]) for number, (key, (_, _, expected)) in enumerate(all_cases.items())]


def test_cases_agree_or_have_a_reason(scanned):
    reasons = dict(line.rsplit(" | ", 1) for line in REASONS.read_text().splitlines() if line and not line.startswith("#"))
    wrong = {key: (expected - got, got - expected) for key, expected, got in scanned if expected != got}
    assert len(scanned) > 155
    assert not [f"{key} | missing {sorted(value[0])} extra {sorted(value[1])}" for key, value in wrong.items() if key not in reasons]
    assert not set(reasons) - set(wrong), "these agree by now: strike them"
