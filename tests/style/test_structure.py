"""The shape of the tree, as docs/ARCHITECTURE.md promises it: include edges, one includer per library, sizes, names."""
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP = {"CMakeLists.txt", "broker", "worker", "common", "tools", "bench", "tests", "docs", "README.md", "LICENSE",
       "CHANGELOG.md", "SECURITY.md", "CMakePresets.json"}

# A folder may include itself and what stands here. A file listed by name may see more than its folder.
EDGES = {
    "base": set(),
    "model": {"base"},
    "wire": {"base"},
    "store": {"base"},
    "net": {"base"},
    "deliver": {"base", "net"},
    "aggregate": {"base", "model"},
    "match": {"base", "model", "store"},
    "match/advisory_update.c": {"base", "model", "store", "net"},
    "source": {"base", "model", "net"},
    "layer": {"base", "model"},
    "entry": {"base", "model", "analyze"},
    "analyze": {"base", "model", "entry"},
    "sandbox": {"base", "analyze"},
    "memo": {"base", "store", "analyze"},
    "worker": {"base", "model", "source", "layer", "entry", "analyze", "memo", "sandbox", "net"},
    "worker/agent": {"base", "model", "source", "layer", "entry", "analyze", "memo", "sandbox", "net", "wire"},
    "worker/varve_worker_main.c": {"base", "model", "source", "layer", "entry", "analyze", "memo", "sandbox", "net", "wire", "store"},
    "worker/varve_parse_main.c": {"base", "sandbox"},
    "broker": {"base", "model", "wire", "store", "aggregate", "match", "deliver"},
    "broker/varve_broker_main.c": {"base", "model", "wire", "store", "aggregate", "match", "deliver", "net"},
}

LIBRARIES = {
    r"zmq\.h": 1, r"lmdb\.h": 1, r"archive(_entry)?\.h": 1, r"isa-l.*|igzip_lib\.h": 1, r"zstd\.h": 1, r"lzma\.h": 1,
    r"bzlib\.h": 1, r"curl/.*": 1, r"jansson\.h": 1, r"sqlite3\.h": 1, r"msgpack.*": 1, r"xxhash\.h": 1, r"sodium\.h": 1,
    r"microhttpd\.h": 1, r"yaml\.h": 1, r"seccomp\.h": 1, r"expat\.h": 1,
}


def all_files():
    """What git tracks or would; in an unpacked archive everything but build folders and caches."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
        return [ROOT / line for line in out.stdout.split("\n") if line and (ROOT / line).exists()]
    return [p for p in ROOT.rglob("*") if p.is_file() and not {"build", "__pycache__", ".git"} & set(p.relative_to(ROOT).parts)]


def tracked(*suffixes):
    return [p for p in all_files() if not suffixes or p.suffix in suffixes]


def sources():
    return [p for p in tracked(".c", ".h") if p.relative_to(ROOT).parts[0] in ("common", "worker", "broker", "tools")]


def room(path):
    """The folder of the flow that a file belongs to: "base", "source", "worker" for worker/*.c, …"""
    parts = path.relative_to(ROOT).parts
    if parts[0] == "common" or (parts[0] == "worker" and len(parts) > 2):
        return parts[1]
    return parts[0]


def allowed(path):
    name = str(path.relative_to(ROOT))
    for key, rooms in EDGES.items():
        if "/" in key and (name.endswith(key) or name.removeprefix("common/").startswith(key)):
            return rooms
    return EDGES.get(room(path))


def test_top_level_is_fixed():
    names = {p.relative_to(ROOT).parts[0] for p in tracked()}
    assert {n for n in names if not n.startswith(".")} <= TOP


def test_include_edges_go_one_way():
    wrong = []
    for path in sources():
        rooms = allowed(path)
        if rooms is None:
            continue
        for include in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
            assert not include.startswith(".."), f"{path}: include from the folder root"
            target = include.split("/")[0] if "/" in include else None
            if target and target != room(path) and target not in rooms:
                wrong.append(f"{path.relative_to(ROOT)} includes {include}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_is_included_by_one_file(library):
    users = [str(p.relative_to(ROOT)) for p in sources() if re.search(rf"^#include <({library})>", p.read_text(), re.M)]
    assert len(users) <= LIBRARIES[library], users


def test_file_names_are_unique():
    seen = {}
    for path in sources():
        assert path.name not in seen, f"{path} and {seen[path.name]}"
        seen[path.name] = path


def test_sources_are_laid_out_by_clang_format():
    """.clang-format rules, in the version that Debian 12 has (others lay some lines out differently)."""
    program = shutil.which("clang-format")
    if not program or " 14." not in subprocess.run([program, "--version"], capture_output=True, text=True).stdout:
        pytest.skip("needs clang-format 14")
    out = subprocess.run(["clang-format", "--dry-run", "--Werror", "--ferror-limit=1", *map(str, tracked(".c", ".h"))],
                         cwd=ROOT, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr[-2000:]


def test_files_stay_below_600_lines():
    long = [f"{p.relative_to(ROOT)}: {n}" for p in tracked(".c", ".h") if (n := p.read_text().count("\n")) > 600]
    assert not long, long


def test_functions_stay_below_70_lines():
    long = []
    for path in sources():
        start = None
        for number, line in enumerate(path.read_text().split("\n"), 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start > 72:
                    long.append(f"{path.relative_to(ROOT)}:{start}: {number - start} lines")
                start = None
    assert not long, "\n".join(long)


def test_headers_say_what_they_are():
    silent = [str(p.relative_to(ROOT)) for p in sources() if p.suffix == ".h" and not p.read_text().startswith(f"/* {p.name} - ")]
    assert not silent, silent


@pytest.mark.parametrize("word", ["sprintf", "strcpy", "strcat", "strtok", "atoi", "atol", "alloca", "gets"])
def test_unsafe_functions_are_not_used(word):
    users = [str(p.relative_to(ROOT)) for p in sources() if re.search(rf"(?<![A-Za-z0-9_]){word}\(", p.read_text())]
    assert not users, users


def test_nothing_is_left_for_later():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    left = [str(p.relative_to(ROOT)) for p in sources() if marks.search(p.read_text())]
    assert not left, left
