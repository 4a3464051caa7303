"""The 749 package cases of ../shared/data/truth/packages (osv-scalibr's own): agree, or a reason stands in tests/data/analyze/language_disagree.txt.

All inputs are laid into one root folder, each where its kind is looked for, and scanned at once. Those of dpkg, apk, rpm and pacman are
compared field by field by tests/unit/test_analyze_cases.c."""
import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from varve import Varve

ROOT = Path(__file__).resolve().parents[2]
TRUTH = ROOT.parent / "shared" / "data" / "truth" / "packages"
REASONS = ROOT / "tests" / "data" / "analyze" / "language_disagree.txt"

OS_KINDS = {"apk", "dpkg", "rpm", "pacman"}

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
    "dotnet/csproj": "x.csproj", "dotnet/nugetcpm": "Directory.Packages.props", "dotnet/packagesconfig": "packages.config",
    "dotnet/projectassetsjson": "obj/project.assets.json", "dotnet/paketlock": "paket.lock", "haskell/cabal": "cabal.project.freeze",
    "haskell/stacklock": "stack.yaml.lock", "java/gradleverificationmetadataxml": "gradle/verification-metadata.xml",
    "java/gradleversioncatalog": "gradle/libs.versions.toml", "python/pylock": "pylock.toml", "r/renvlock": "renv.lock",
    "swift/podfilelock": "Podfile.lock", "golang/vendormodules": "vendor/modules.txt", "chisel/chisel_test.go": "var/lib/chisel/manifest.wall",
    "githubactions/githubactions_test.go": ".github/workflows/x.yml",
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


def kind_of(case):
    return "/".join(case["test"].split("/")[3:5])


def all_cases():
    """(key, case) of every case; one whose name stands there before has "(2)" behind it."""
    seen = Counter()
    for line in (TRUTH / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        key = f"{kind_of(case)} | {case['case']}"
        seen[key] += 1
        yield key if seen[key] == 1 else f"{key} ({seen[key]})", case


def placed(case):
    """(input, place) where a kind that is read would look for it, or None."""
    kind = kind_of(case)
    sources = [TRUTH / name for name in case["inputs"] if (TRUTH / name).is_file()]
    if kind not in PLACES or len(sources) != 1 or (len(case["inputs"]) != 1 and kind != "rust/cargoauditable"):
        return None
    place = place_of(kind, sources[0].name)
    return (sources[0], place) if place else None


def expected_of(case):
    """{(name, version)}; None where the case says it by a call, which the extraction of the cases did not follow."""
    expected = {(p.get("Name", ""), p.get("Version", "")) for p in case["expected"]}
    return None if ("", "") in expected else expected


def same(pair):
    name, version = pair
    if name in ("stdlib", "toolchain"):
        name = "go"
    return name.lower().replace("_", "-"), version.removeprefix("v")


@pytest.fixture(scope="module")
def scanned(build, tmp_path_factory):
    """{key: (expected, found)} of what can be laid where it is looked for."""
    if not (TRUTH / "cases.jsonl").exists():
        pytest.skip("needs ../shared/data")
    folder = tmp_path_factory.mktemp("language_cases")
    laid = []
    for key, case in all_cases():
        where = placed(case)
        if not where or key.split("/")[0] in OS_KINDS or expected_of(case) is None:
            continue
        target = folder / "root" / str(len(laid)) / where[1]
        target.parent.mkdir(parents=True)
        shutil.copyfile(where[0], target)
        target.chmod(0o755)
        laid.append((key, expected_of(case)))
    run = Varve(build, folder).scan("--all", f"rootfs:{folder / 'root'}")
    assert run.code in (0, 3), run.err  # 3: some inputs are damaged on purpose
    got = defaultdict(set)
    for package in run.image["packages"]:
        for path in package["paths"]:
            got[int(path.split("/")[0])].add(same((package["name"], package["version"])))
    return {key: ({same(p) for p in expected}, got[number]) for number, (key, expected) in enumerate(laid)}


def listed():
    lines = [line for line in REASONS.read_text().splitlines() if line and not line.startswith("#")]
    reasons = dict(line.rsplit(" | ", 1) for line in lines)
    assert len(reasons) == len(lines), "a case is listed twice"
    return reasons


def test_cases_agree_or_have_a_reason(scanned):
    wrong = {key: (expected - got, got - expected) for key, (expected, got) in scanned.items() if expected != got}
    reasons = listed()
    assert not [f"{key} | missing {sorted(value[0])} extra {sorted(value[1])}" for key, value in wrong.items() if key not in reasons]
    assert not [key for key in reasons if key in scanned and key not in wrong], "these agree by now: strike them"


def test_every_case_is_accounted_for(scanned):
    keys = [key for key, _ in all_cases()]
    os_keys = [key for key in keys if key.split("/")[0] in OS_KINDS]
    reasons = listed()
    assert len(keys) == len(set(keys)) == 749 and len(os_keys) == 51  # the number that test_analyze_cases.c asserts
    assert not [key for key in keys if key not in scanned and key not in reasons and key not in os_keys]
    assert not set(reasons) - set(keys), "no such case"
