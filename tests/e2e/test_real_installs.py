"""What the package managers of this machine install, compared with what they themselves list. Nothing is fetched: packages are made on the spot."""
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from varve import Varve


def tool(*names):
    for name in names:
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip(f"needs {' or '.join(names)}")


def run(*command, cwd, **env):
    out = subprocess.run([str(c) for c in command], cwd=cwd, env={**os.environ, "HOME": str(cwd), **env}, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return out.stdout


def installed(build, folder, root, kind):
    scan = Varve(build, folder).scan(f"rootfs:{root}")
    assert scan.code == 0, scan.err
    return {(p["name"], p["version"]) for p in scan.image["packages"] if p["type"] == kind and "declared" not in p.get("flags", [])}


def test_npm_install(build, tmp_path):
    npm = tool("npm")
    for name, version, needs in (("leaf", "1.0.0", {}), ("@scope/branch", "2.1.0", {"leaf": f"file:{tmp_path}/leaf-1.0.0.tgz"})):
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()
        (folder / "package.json").write_text(json.dumps({"name": name, "version": version, "dependencies": needs}))
        run(npm, "pack", folder, "--pack-destination", tmp_path, "--offline", cwd=tmp_path)
    app = tmp_path / "root" / "app"
    app.mkdir(parents=True)
    (app / "package.json").write_text(json.dumps({"name": "app", "version": "0.0.1"}))
    run(npm, "install", "--offline", "--no-audit", "--no-fund", tmp_path / "leaf-1.0.0.tgz", tmp_path / "scope-branch-2.1.0.tgz", cwd=app)
    listed = json.loads(run(npm, "ls", "--all", "--json", cwd=app))

    def walk(node):
        for name, child in node.get("dependencies", {}).items():
            yield name, child["version"]
            yield from walk(child)

    assert set(walk(listed)) == {("leaf", "1.0.0"), ("@scope/branch", "2.1.0")}
    assert installed(build, tmp_path, tmp_path / "root", "npm") == set(walk(listed))


def test_pip_install(build, tmp_path):
    python = next((p for p in (sys.executable, "/usr/bin/python3", shutil.which("python3")) if p and
                   subprocess.run([p, "-m", "pip", "--version"], capture_output=True).returncode == 0), None)
    if not python:
        pytest.skip("needs pip")
    for name, version in (("leaf", "1.0"), ("Under_Score", "2.0.post1")):
        info = f"{name.lower()}-{version}.dist-info"
        with zipfile.ZipFile(tmp_path / f"{name.lower()}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name.lower()}.py", "")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"{name.lower()}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    site = tmp_path / "root" / "usr" / "lib" / "python3" / "site-packages"
    run(python, "-m", "pip", "install", "--no-index", "--no-deps", "--target", site, *tmp_path.glob("*.whl"), cwd=tmp_path)
    listed = json.loads(run(python, "-m", "pip", "list", "--path", site, "--format", "json", cwd=tmp_path))
    assert {p["name"] for p in listed} == {"leaf", "Under_Score"}
    assert installed(build, tmp_path, tmp_path / "root", "pypi") == {(p["name"], p["version"]) for p in listed}


def test_go_build(build, tmp_path):
    go = tool("go", "/usr/local/go/bin/go")
    for name in ("shop", "beside"):
        (tmp_path / name).mkdir()
    (tmp_path / "beside" / "go.mod").write_text("module example.org/beside\n")
    (tmp_path / "beside" / "b.go").write_text("package beside\n\nconst B = 1\n")
    (tmp_path / "shop" / "go.mod").write_text("module example.org/shop\n\nrequire example.org/beside v0.0.0\n\nreplace example.org/beside => ../beside\n")
    (tmp_path / "shop" / "main.go").write_text('package main\n\nimport (\n\t"example.org/beside"\n\t"fmt"\n)\n\nfunc main() { fmt.Println(beside.B) }\n')
    program = tmp_path / "root" / "usr" / "bin" / "shop"
    run(go, "build", "-o", program, ".", cwd=tmp_path / "shop", GOFLAGS="-mod=mod", GOPROXY="off", GOTOOLCHAIN="local", GOCACHE=str(tmp_path / "cache"))
    lines = run(go, "version", "-m", program, cwd=tmp_path).splitlines()
    version = lines[0].split()[-1].removeprefix("go")
    modules = {tuple(line.split("\t")[2:4]) for line in lines if line.startswith(("\tmod\t", "\tdep\t"))}
    assert {name for name, *_ in modules} == {"example.org/shop", "example.org/beside"}
    found = installed(build, tmp_path, tmp_path / "root", "golang")
    assert {name for name, _ in found} == {name for name, *_ in modules} | {"stdlib"}
    assert dict(found)["stdlib"] == version
