"""Calling the command line in this process."""

from types import SimpleNamespace

import pytest

from striate.cli import main


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
    """Return a function that runs ``striate``, wants status 1 and nothing printed, and returns the message."""

    def call(*arguments):
        done = striate(*arguments)
        assert (done.status, done.out) == (1, ""), done.err
        assert "Traceback" not in done.err
        assert done.err.startswith("striate: ")
        assert done.err.endswith("\n")
        return done.err.removeprefix("striate: ").rstrip("\n")

    return call
