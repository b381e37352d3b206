"""``striate inspect``: the table, the JSON that others read, the formulas, the three ways to name a network."""

import json

import pytest

from striate.zoo import NETWORKS, lenet5

ROW = ["path", "kind", "input_shape", "output_shape", "weights", "biases", "params", "macs", "neurons"]
TOTALS = {
    "params",
    "weights",
    "biases",
    "macs",
    "neurons",
    "weighted_layers",
    "activation_bytes",
    "training_bytes",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_keys_of_the_json_are_fixed(striate, name):
    done = striate("inspect", name, "--json")
    assert (done.status, done.err) == (0, "")
    data = json.loads(done.out)
    assert list(data) == ["name", "input", "batch_size", "layers", "totals"]
    assert data["name"] == name
    assert data["batch_size"] == 1
    assert set(data["totals"]) >= TOTALS
    assert all(isinstance(value, int) for value in data["totals"].values())
    for row in data["layers"]:
        assert list(row) == [*ROW, "activation_bytes", "receptive_field"]
        assert list(row["receptive_field"]) == ["size", "stride", "offset"]
        assert row["params"] == row["weights"] + row["biases"]
    for key in ("weights", "biases", "macs"):
        assert sum(row[key] for row in data["layers"]) >= data["totals"][key]


def test_the_figures_of_the_first_layer_of_lenet5(striate):
    # LeCun et al. 1998: C1 has 156 trainable parameters and 122,304 connections, on maps of 28×28.
    data = json.loads(striate("inspect", "lenet5", "--json").out)
    assert data["input"] == [1, 32, 32]
    c1 = data["layers"][0]
    assert c1 == {
        "path": "c1",
        "kind": "Conv",
        "input_shape": [1, 32, 32],
        "output_shape": [6, 28, 28],
        "weights": 150,
        "biases": 6,
        "params": 156,
        "macs": 6 * 28 * 28 * 25,
        "neurons": 6 * 28 * 28,
        "activation_bytes": 4 * 6 * 28 * 28,
        "receptive_field": {"size": [5, 5], "stride": [1, 1], "offset": c1["receptive_field"]["offset"]},
    }
    assert c1["macs"] + c1["neurons"] == 122_304
    assert data["totals"]["params"] == 61_706


def test_the_batch_scales_the_bytes_alone(striate):
    one, many = (json.loads(striate("inspect", "lenet5", "--json", "--batch-size", n).out) for n in (1, 32))
    assert many["batch_size"] == 32
    assert many["totals"]["activation_bytes"] == 32 * one["totals"]["activation_bytes"]
    assert many["totals"]["params"] == one["totals"]["params"]
    assert many["totals"]["macs"] == one["totals"]["macs"]


def test_another_input(striate):
    data = json.loads(striate("inspect", "resnet18", "--input", "3x256x320", "--json").out)
    assert data["input"] == [3, 256, 320]
    assert data["layers"][0]["output_shape"] == [64, 128, 160]


def test_work(striate):
    done = striate("inspect", "alexnet", "--work", "conv1")
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0] == "conv1  Conv"
    assert any("55" in line and line.startswith("  ") for line in lines[1:])
    data = json.loads(striate("inspect", "alexnet", "--work", "conv1", "--json").out)
    assert list(data) == ["conv1"]
    below = json.loads(striate("inspect", "resnet18", "--work", "stage2.block1", "--json").out)
    assert len(below) > 3
    assert all(path.startswith("stage2.block1") for path in below)


def test_description_files_and_functions(striate, tmp_path, monkeypatch):
    expected = striate("inspect", "lenet5", "--json").out
    for name in ("net.yaml", "net.yml", "net.json"):
        lenet5().save(tmp_path / name)
        assert striate("inspect", tmp_path / name, "--json").out == expected
    (tmp_path / "my_networks_7.py").write_text(
        "from striate.zoo import lenet5\n\ndef make():\n    return lenet5()\n"
    )
    monkeypatch.chdir(tmp_path)
    assert striate("inspect", "my_networks_7:make", "--json").out == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["lenet"],
            "unknown network 'lenet'. Did you mean 'lenet5' or 'lenet4'? striate zoo lists all of them. "
            "Or give a .yaml or .json file, or module:function.",
        ),
        (["nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory."),
        (["lenet5", "--batch-size", "0"], "--batch-size 0: must be a whole number of at least 1."),
        (
            ["lenet5", "--work", "c9"],
            "no layer at 'c9' in 'lenet5'. "
            "Paths: c1, tanh1, s2, c3, tanh2, s4, c5, tanh3, flatten1, f6 and 2 more.",
        ),
        (
            ["json:dumps"],
            "json:dumps: cannot be had: TypeError: dumps() missing 1 required positional argument: 'obj'. "
            "Write module:function, a function without arguments that returns a Network.",
        ),
        (
            ["os:nope"],
            "os:nope: cannot be had: AttributeError: module 'os' has no attribute 'nope'. "
            "Write module:function, a function without arguments that returns a Network.",
        ),
        (["os:getcwd"], "os:getcwd: returned str; it must return a striate.Network."),
        (
            ["no_such_module_here:x"],
            "no_such_module_here:x: cannot be had: ModuleNotFoundError: No module named 'no_such_module_here'. "
            "Write module:function, a function without arguments that returns a Network.",
        ),
    ],
)
def test_failures(failure, arguments, message):
    assert failure("inspect", *arguments) == message


@pytest.mark.parametrize("text", ["axb", "1x-3x4", " ", "3x"])
def test_an_input_that_is_no_shape_is_bad_usage(failure, text):
    message = failure("inspect", "lenet5", "--input", text, status=2)
    assert message == f"--input {text!r}: write channels, height and width as 3x224x224."


def test_a_name_is_no_markup(striate, tmp_path):
    path = tmp_path / "net.json"
    path.write_text('{"schema": 1, "name": "x[/b] [bold]y[/bold] :smile:", "input": [3], "body": "ReLU"}')
    assert striate("inspect", path).out.startswith("x[/b] [bold]y[/bold] :smile:   input 3\n")


@pytest.mark.parametrize("form", ["svg", "png"])
def test_a_picture_besides(striate, tmp_path, form):
    table = striate("inspect", "lenet5").out
    done = striate("inspect", "lenet5", "--plot", tmp_path / f"net.{form}")
    assert (done.status, done.out, done.err) == (0, table, f"picture: {tmp_path / f'net.{form}'}\n")
    begin = {"svg": b"<?xml", "png": b"\x89PNG"}[form]
    assert (tmp_path / f"net.{form}").read_bytes().startswith(begin)


def test_a_picture_for_another_input_beside_json_or_formulas(striate, tmp_path):
    path = tmp_path / "net.svg"
    done = striate("inspect", "resnet18", "--input", "3x256x320", "--plot", path, "--json")
    assert json.loads(done.out)["input"] == [3, 256, 320]
    assert ">64×128×160</text>" in path.read_text(encoding="utf-8")
    done = striate("inspect", "resnet18", "--work", "conv1", "--plot", path)
    assert done.out == striate("inspect", "resnet18", "--work", "conv1").out
    assert ">64×112×112</text>" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["net.pdf", "net", ".", ".png"])
def test_a_picture_of_another_form_is_bad_usage(failure, name):
    message = failure("inspect", "lenet5", "--plot", name, status=2)
    assert message == f"--plot {name!r}: must end with .svg or .png."


def test_a_picture_that_cannot_be_written(failure, tmp_path):
    path = tmp_path / "nowhere" / "net.svg"
    message = failure("inspect", "lenet5", "--plot", path, "--json")
    assert message == f"{path}: cannot be written: No such file or directory."
    assert not list(tmp_path.iterdir())


def test_no_picture_of_what_fails_otherwise(failure, tmp_path):
    failure("inspect", "lenet5", "--work", "c9", "--plot", tmp_path / "net.svg")
    failure("inspect", "vgg16", "--input", "3x10x10", "--plot", tmp_path / "net.svg")
    assert not list(tmp_path.iterdir())
