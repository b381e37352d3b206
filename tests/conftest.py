"""What every folder of tests may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real data that STRIATE_DATA names; without it the test is skipped."""
    name = os.environ.get("STRIATE_DATA")
    if not name:
        pytest.skip("STRIATE_DATA is not set: no real data")
    if not Path(name).is_dir():
        pytest.skip(f"STRIATE_DATA={name}: no such folder")
    return Path(name)


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory):
    """A finished run on the toy source; to be read, never written."""
    from toys import trained

    path = tmp_path_factory.mktemp("runs") / "toy"
    trained(path, epochs=6.0, lr=0.01)
    return path
