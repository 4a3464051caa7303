"""What is shipped: the same source gives the same bytes anywhere, the programs are hardened, and Varve says what they are made of."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import ROOT

SOURCE = ("CMakeLists.txt", "CMakePresets.json", "CHANGELOG.md", "LICENSE", "common", "worker", "broker", "tools", "docs")
EPOCH = "1700000000"


def run(*command, **options):
    out = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert out.returncode == 0, f"{command}\n{out.stdout[-3000:]}{out.stderr[-3000:]}"
    return out.stdout


def make(source, build):
    """As a packager does: optimised, packages and all."""
    run("cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DVARVE_TESTS=OFF", "-DVARVE_BENCH=OFF",
        "-DCMAKE_INSTALL_PREFIX=/usr")
    run("cmake", "--build", build)
    return build


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return make(ROOT, tmp_path_factory.mktemp("release") / "build")


@pytest.fixture(scope="module")
def installed(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", release, env={**os.environ, "DESTDIR": str(folder)})
    return folder


def programs(installed):
    """Every ELF file below the installed tree."""
    found = [path for path in installed.rglob("*") if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF"]
    assert {"varve", "varve-broker", "varve-worker"} <= {path.name for path in found}
    return found


def test_the_same_source_in_another_folder_gives_the_same_bytes(release, installed, tmp_path):
    if not shutil.which("dpkg-shlibdeps"):
        pytest.skip("needs dpkg-shlibdeps (package dpkg-dev)")
    source = tmp_path / "somewhere else" / "varve"
    for name in SOURCE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        source.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, source / name)
    other = make(source, tmp_path / "b")
    for path in programs(installed):
        name = path.name
        assert (release / name).read_bytes() == (other / name).read_bytes(), f"{name} differs"
    packages = []
    for build in (release, other):
        run("cpack", "-G", "DEB", cwd=build, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH})
        packages.append({path.name: path.read_bytes() for path in build.glob("*.deb")})
    assert len(packages[0]) == 3 and packages[0] == packages[1]


def test_programs_are_hardened(installed):
    for program in programs(installed):
        headers = run("readelf", "-hlWd", program)
        assert re.search(r"Type:\s+DYN \(Position-Independent Executable", headers), f"{program}: not position independent"
        assert "GNU_RELRO" in headers and re.search(r"FLAGS_1.*NOW", headers), f"{program}: its tables stay writable"
        assert re.search(r"GNU_STACK.* RW +0x", headers), f"{program}: its stack can be executed"
        assert not re.search(r"LOAD.* RWE ", headers), f"{program}: pages that can be written and executed"
        assert "RPATH" not in headers and "RUNPATH" not in headers, f"{program}: looks for libraries elsewhere"
        symbols = run("nm", "-D", program)
        assert "__stack_chk_fail" in symbols, f"{program}: no stack protector"
        assert re.search(r"__(snprintf|memcpy|memset|vsnprintf|read)_chk", symbols), f"{program}: not fortified"
        assert str(ROOT) not in program.read_bytes().decode("latin-1"), f"{program}: names the folder that it was built in"


def test_fortification_is_of_the_highest_level(release):
    commands = json.loads((release / "compile_commands.json").read_text())
    assert commands
    for entry in commands:
        assert "-D_FORTIFY_SOURCE=3" in entry["command"] and "-fstack-protector-strong" in entry["command"], entry["file"]


def test_varve_makes_its_own_bill_of_materials(installed):
    if not shutil.which("dpkg-query"):
        pytest.skip("needs dpkg-query")
    bom = json.loads(run(ROOT / "tools/packaging/sbom", installed))
    listed = {component["name"]: component["version"] for component in bom["components"] if component["type"] == "library"}
    libraries = set()
    for program in programs(installed):
        libraries |= set(re.findall(r"(/\S+) \(0x", run("ldd", program)))
    assert len(libraries) > 20
    for library in libraries:
        for name in (os.path.realpath(library), os.path.realpath(library).removeprefix("/usr")):
            owner = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True).stdout
            if owner:
                break
        package = re.match(r"[^:, ]+", owner).group()
        version = run("dpkg-query", "-W", "-f", "${Version}\n", package).split()[0]
        assert listed.get(package) == version, f"{library} is of {package} {version}"
