"""``striate check --init``: with data and without, side by side, as JSON and as a picture; and what it refuses."""

import json

import pytest
from toys import files_below, tiny, write_split_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny(2).save(tmp_path / "net.yaml")
    return tmp_path


def test_noise_without_data(striate, folder):
    done = striate("check", "net.yaml", "--init", "he-normal, xavier-normal")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "tiny on N(0, 1), 64 at once, before the first step"
    assert lines[2].split() == ["he-normal", "xavier-normal"]
    assert [line.split()[0] for line in lines[4:6]] == ["conv", "head"]
    assert lines[9].split() == ["healthy"] * 4


def test_behind_the_report_of_the_data(striate, folder):
    write_split_folder(folder / "set", each=10)
    arguments = ("check", "net.yaml", "--data", "set", "--device", "cpu", "--batch-size", "8")
    plain = striate(*arguments).out
    done = striate(*arguments, "--init", "default", "--plot", "depth.svg")
    assert done.err == "picture: depth.svg\n"
    assert "before the first step" not in plain
    assert ": 0 errors, " in done.out
    assert "/set, 8 at once, before the first step" in done.out
    assert "default" in (folder / "depth.svg").read_text()


def test_json_with_data(striate, folder):
    write_split_folder(folder / "set", each=10)
    done = striate(
        "check", "net.yaml", "--data", "set", "--init", "orthogonal,lsuv", "--json", "--device", "cpu"
    )
    told = json.loads(done.out)
    assert told["source"] == told["propagation"]["data"]
    assert told["source"].endswith("/set")
    assert [trace["init"] for trace in told["propagation"]["traces"]] == ["orthogonal", "lsuv"]


def test_json_without_data(striate, folder):
    told = json.loads(striate("check", "net.yaml", "--plot", "depth.png", "--json").out)
    assert [trace["init"] for trace in told["traces"]] == ["default"]
    assert told["limit"] == 10_000
    assert files_below(folder) == ["depth.png", "net.yaml"]


def test_the_step_is_measured_with_the_first(striate, folder):
    write_split_folder(folder / "set", each=10)
    arguments = ("check", "net.yaml", "--data", "set", "--device", "cpu", "--json")

    def first_loss(*more):
        return json.loads(striate(*arguments, *more).out)["figures"]["loss"]["first"]

    assert first_loss("--init", "he-normal,default") == first_loss("init=he-normal")
    assert first_loss("--init", "default,he-normal") == first_loss() != first_loss("init=he-normal")


def test_a_network_that_training_refuses_is_not_followed(striate, folder):
    write_split_folder(folder / "set", each=10)
    tiny(3).save(folder / "net.yaml")
    done = striate("check", "net.yaml", "--data", "set", "--init", "default", "--device", "cpu")
    assert done.status == 1
    assert "the outputs are not the classes" in done.out
    assert "before the first step" not in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --data SOURCE, or --init NAME alone to follow noise through the network."),
        (
            ["--init", "default", "--report", "check.html"],
            "give --data SOURCE, or --init NAME alone to follow noise",
        ),
        (
            ["--init", "kaiming"],
            "--init 'kaiming' must be an initialization. Did you mean 'he-normal'? Known: ",
        ),
        (
            ["--init", "default,ortho"],
            "--init 'ortho' must be an initialization. Did you mean 'orthogonal'? Known: ",
        ),
        (
            ["--init", "lsuv,default, lsuv"],
            "--init lsuv,default, lsuv: lsuv stands twice; name each once.",
        ),
        (["--init", "default", "--plot", "x.pdf"], "--plot 'x.pdf': must end with .svg or .png."),
        (["--plot", "no/x.svg"], "--plot no/x.svg: there is no folder no; name one that is there."),
    ],
    ids=["nothing", "report", "name", "second-name", "twice", "form", "folder"],
)
def test_what_it_refuses(striate, folder, arguments, message):
    done = striate("check", "net.yaml", *arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith(f"striate: {message}")
    assert files_below(folder) == ["net.yaml"]


def test_training_begins_as_it_is_told(striate, folder):
    write_split_folder(folder / "set", each=10)
    arguments = ("train", "net.yaml", "--data", "set", "--epochs", "1", "--device", "cpu", "--init", "lsuv")
    assert striate(*arguments, "--out", "run").status == 0
    assert "init: lsuv" in (folder / "run" / "run.yaml").read_text()
