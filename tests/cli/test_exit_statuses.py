"""Exit statuses: 0 done, 1 a failure told in one message, 2 bad usage; tracebacks only when asked for."""

import pytest
from toys import write_image, write_split_folder

import striate as st
from striate.cli import inspect_command


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["--version"], ["inspect", "--help"], ["zoo", "-h"]]
)
def test_done(striate, arguments):
    done = striate(*arguments)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(("Usage: striate", f"striate {st.__version__}\n"))


def test_no_command_is_bad_usage(striate):
    done = striate()
    assert done.status == 2
    assert "Usage: striate" in done.out + done.err
    assert "inspect" in done.out + done.err


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_traceback_only_when_asked_for(striate, failure, place):
    words = ["inspect", "lenet5", "--work", "nowhere"]
    message = failure(*words)
    words.insert(place, "--debug")
    done = striate(*words)
    assert done.status == 1
    assert done.err.startswith("Traceback (most recent call last):")
    assert done.err.endswith(f"\nstriate: {message}\n")


def test_what_we_did_not_foresee_is_told_in_one_message_too(striate, failure, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(inspect_command, "analyze", broken)
    assert failure("inspect", "lenet5") == (
        "unexpected ZeroDivisionError: by nought. This is a bug in striate; "
        "run again with --debug to see where."
    )
    assert "in broken" in striate("inspect", "lenet5", "--debug").err


NAUGHTY = "\x1b[31mred\x07\x9b2J\u202e"
SHOWN = r"\x1b[31mred\x07\x9b2J\u202e"


def test_control_characters_of_a_name_do_not_reach_the_terminal(striate, tmp_path):
    odd = tmp_path / NAUGHTY
    odd.mkdir()
    image = write_image(odd / "one.png", 1)
    write_split_folder(odd / "set")
    for arguments, shown in (
        (["data", "check", odd / "none"], "err"),
        (["data", "check", odd / "none", "--debug"], "err"),
        (["predict", odd, image], "err"),
        (["data", "check", odd / "set", "--report", odd / "check.html"], "out"),
        (["data", "pack", odd / "set", "--size", 4, "--out", odd / "a.pack"], "out"),
        (["data", "pack", odd / "a.pack", "--verify"], "out"),
    ):
        done = striate(*arguments)
        assert SHOWN in getattr(done, shown), arguments
        assert all(line.isprintable() for line in (done.out + done.err).split("\n")), arguments


def test_errors_of_the_system_are_no_bugs(failure):
    name = "x" * 300
    assert failure("train", "lenet5", "--data", name) == f"{name}: File name too long."


def test_refused_access_is_no_bug(failure, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/secret/net.yaml")

    monkeypatch.setattr(inspect_command.zoo, "find", refuse)
    assert failure("inspect", "lenet5") == "/secret/net.yaml: Permission denied."
