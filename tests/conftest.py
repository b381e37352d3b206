"""What every folder of tests may use."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from toys import trained

from striate.cli import main

# No test is timed, not by hypothesis either: the machine may be busy. And all runs see the same examples, so that what
# fails, fails again; pytest --hypothesis-profile=explore looks at others.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", untimed, derandomize=True)
settings.register_profile("explore", untimed)
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep the tests, and the processes that they start, out of the user's cache."""
    os.environ["STRIATE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def data_folder():
    """The folder of real data that STRIATE_DATA names; without it the test is skipped."""
    name = os.environ.get("STRIATE_DATA")
    if not name:
        pytest.skip("STRIATE_DATA is not set: no real data")
    if not Path(name).is_dir():
        pytest.skip(f"STRIATE_DATA={name}: no such folder")
    return Path(name).resolve()  # tests may work in other folders


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory):
    """A finished run on the toy source; to be read, never written."""
    path = tmp_path_factory.mktemp("runs") / "toy"
    trained(path, epochs=6.0, lr=0.01)
    return path


@pytest.fixture
def striate(capsys, monkeypatch):
    """Return a function that runs ``striate`` and returns its status, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return SimpleNamespace(status=ended.value.code or 0, out=out, err=err)

    return call


@pytest.fixture
def failure(striate):
    """Return a function that runs ``striate``, wants its status and nothing printed, and returns the message."""

    def call(*arguments, status=1):
        done = striate(*arguments)
        assert (done.status, done.out) == (status, ""), done.err
        assert "Traceback" not in done.err
        assert done.err.startswith("striate: ")
        assert done.err.endswith("\n")
        return done.err.removeprefix("striate: ").rstrip("\n")

    return call
