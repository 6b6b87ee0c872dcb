"""What the end-to-end tests share: a built binary, instances in tmp_path, the test data beside the project."""

import os
import pathlib

import pytest

from instance import ROOT, Instance, default_binary


@pytest.fixture(scope="session")
def postrider_bin():
    """The built program: POSTRIDER_BIN, default build/postrider."""
    binary = default_binary()
    if not os.access(binary, os.X_OK):
        pytest.fail(f"{binary} is not built: run make, or set POSTRIDER_BIN")
    return binary


@pytest.fixture
def make_instance(tmp_path, request):
    """make_instance(name="server", env=None, init=True): instances that are stopped and judged at the end."""
    made = []

    def make(name="server", env=None, init=True, binary=None):
        one = Instance(tmp_path / name, binary or request.getfixturevalue("postrider_bin"), env)
        made.append(one)
        return one.init() if init else one

    yield make
    try:
        for one in made:
            one.stop()
    finally:
        for one in made:
            one.kill()


@pytest.fixture
def instance(make_instance):
    """One running instance with the domain shop.example and no accounts."""
    return make_instance().start()


@pytest.fixture(scope="session")
def preload_dir():
    """Where the preloaded libraries of tests/preload are built: POSTRIDER_PRELOAD, default build/tests/preload."""
    found = pathlib.Path(os.environ.get("POSTRIDER_PRELOAD", ROOT / "build" / "tests" / "preload")).resolve()
    if not (found / "recorder.so").exists():
        pytest.fail(f"{found}/recorder.so is not built: run make, or set POSTRIDER_PRELOAD")
    return found


@pytest.fixture(scope="session")
def shared_data():
    """The test data: POSTRIDER_SHARED, default ../shared. Tests that need it are skipped where it is absent."""
    data = pathlib.Path(os.environ.get("POSTRIDER_SHARED", ROOT.parent / "shared")).resolve() / "data"
    if not data.is_dir():
        pytest.skip(f"no test data at {data}: set POSTRIDER_SHARED")
    return data
