"""Fixtures of the end-to-end tests: the built programs, a real registry, images made on the spot."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def build():
    return pathlib.Path(os.environ.get("VARVE_BUILD", ROOT / "build" / "debug"))


@pytest.fixture(scope="session")
def shared():
    """Real material beside the project; a user's clone has none, and says which test was skipped for it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data")
    return SHARED


def pytest_addoption(parser):
    parser.addoption("--seed", action="append", type=int, help="run the tests that take seeds with this one (may be given several times)")
