"""Opening a run folder: what is wrong with one that cannot be used."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from toys import files_below, message_of, tiny, trained

from striate import Run
from striate.data import Recipe
from striate.data.augment.effects import HorizontalFlip
from striate.errors import RunError, WeightsError
from striate.spec import BatchNorm, Conv, Flatten, Linear, Network
from striate.train import RunFolder
from striate.train.keeping.checkpoint import model_tensors, read_progress


@pytest.fixture
def copy(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "copy")
    return tmp_path / "copy"


def edit(path, change):
    file = path / "run.yaml"
    data = yaml.safe_load(file.read_text())
    change(data)
    file.write_text(yaml.safe_dump(data))


def test_missing_and_foreign_folders(tmp_path):
    assert message_of(RunError, Run, tmp_path / "no") == f"{tmp_path / 'no'}: no such run folder."
    assert message_of(RunError, Run, tmp_path) == f"{tmp_path}: not a run folder; it has no run.yaml."
    (tmp_path / "file").touch()
    assert message_of(RunError, Run, tmp_path / "file") == f"{tmp_path / 'file'}: no such run folder."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "its run.yaml is not a striate run's."),
        ("kind: something else\n", "its run.yaml is not a striate run's."),
        ("- a\n- b\n", "its run.yaml is not a striate run's."),
        (
            "kind: striate run\nschema: 3\n",
            "its schema 3 is newer than this version of striate reads (2); upgrade striate.",
        ),
        ("kind: striate run\nschema: 1\n", "its run.yaml is damaged (KeyError: 'data')."),
        (
            "kind: [striate",
            "its run.yaml cannot be read (not YAML: line 1, column 15: expected ',' or ']', but got ",
        ),
        ("kind: \x00", "its run.yaml cannot be read ("),
        (
            "!!python/object/apply:os.system ['true']",
            "its run.yaml cannot be read (not YAML: line 1, column 1: could not determine a constr",
        ),
    ],
)
def test_a_run_yaml_that_is_none(copy, text, reason):
    (copy / "run.yaml").write_text(text)
    assert message_of(RunError, Run, copy).startswith(f"{copy}: {reason}")


def test_a_run_yaml_that_is_no_text(copy):
    (copy / "run.yaml").write_bytes(b"\xff\xfe\x00")
    assert message_of(RunError, Run, copy).startswith(f"{copy}: its run.yaml cannot be read ('utf-8' codec")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("network"), "KeyError: 'network'"),
        (lambda d: d["training"].update(lr=-1), "ConfigError: training: lr=-1 must be greater than 0."),
        (lambda d: d["training"].update(lrr=1.0), "ConfigError: training has no option 'lrr'."),
        (lambda d: d["preprocess"].update(shape=[1, 8]), "ValueError: not enough values to unpack"),
        (lambda d: d["preprocess"].update(steps=["x"]), "ValueError: dictionary update sequence element #0"),
        (lambda d: d["preprocess"].pop("steps"), "KeyError: 'mean'"),
        (lambda d: d["network"].update(body=[{"Convv": {}}]), "DescriptionError: "),
        (lambda d: d.update(data=None), "TypeError: 'NoneType' object is not subscriptable"),
    ],
)
def test_a_damaged_run_yaml(copy, change, reason):
    edit(copy, change)
    assert message_of(RunError, Run, copy).startswith(f"{copy}: its run.yaml is damaged ({reason}")


def test_weights_that_are_cut_short(copy):
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-7])
    text = message_of(WeightsError, Run(copy).module)
    assert text.startswith(f"{file}: not a readable safetensors file (")


def test_weights_of_another_network(copy):
    save_file(load_file(copy / "model.safetensors") | {"extra": torch.zeros(1)}, copy / "model.safetensors")
    assert message_of(WeightsError, Run(copy).module) == (
        f"{copy / 'model.safetensors'} does not fit the module. unexpected: extra."
    )


def test_without_weights_the_checkpoints_serve(copy):
    best = copy / "checkpoints" / "best" / "checkpoint.safetensors"
    last = copy / "checkpoints" / "last" / "checkpoint.safetensors"
    (copy / "model.safetensors").unlink()
    before = copy / "checkpoints" / "before" / "checkpoint.safetensors"
    for file in (best, last, before):
        expected = model_tensors(file)
        state = Run(copy).module().state_dict()
        assert all(torch.equal(state[name], expected[name]) for name in expected)
        file.unlink()
    text = message_of(RunError, Run(copy).module)
    assert text == f"{copy}: has no weights; its training ended before the first checkpoint."


@pytest.mark.parametrize("length", [0, 5, 300, -9])
def test_a_checkpoint_that_is_cut_short(copy, length):
    file = copy / "checkpoints" / "last" / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    text = message_of(RunError, read_progress, file)
    assert text.startswith(f"{file}: not a checkpoint, or a damaged one (")
    assert message_of(RunError, model_tensors, file) == text


def test_other_checkpoints(copy):
    file = copy / "checkpoints" / "last" / "checkpoint.safetensors"
    save_file({"model/x": torch.zeros(1)}, file)
    assert message_of(RunError, read_progress, file).startswith(f"{file}: not a checkpoint, or a damaged one")
    save_file({"model/x": torch.zeros(1)}, file, {"striate": json.dumps({"schema": 3, "progress": {}})})
    assert message_of(RunError, read_progress, file) == (
        f"{file}: written by a newer version of striate; upgrade striate."
    )
    save_file({"model/x": torch.zeros(1)}, file, {"striate": json.dumps({"schema": 1, "progress": {}})})
    assert message_of(RunError, read_progress, file) == (
        f"{file}: written by an older version of striate; train anew."
    )
    file.unlink()
    assert message_of(RunError, read_progress, file) == f"{file}: no such checkpoint."


def test_checkpoints_hold_buffers_and_the_optimizer(tmp_path):
    network = Network(
        "n", (1, 8, 8), [Conv(2, 3, name="conv"), BatchNorm(name="norm"), Flatten(), Linear(3, name="out")]
    )
    trained(tmp_path / "run", network)
    weights = load_file(tmp_path / "run" / "model.safetensors")
    assert {n for n in weights if n.startswith("norm.")} == {
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
    }
    saved = load_file(tmp_path / "run" / "checkpoints" / "last" / "checkpoint.safetensors")
    assert int(saved["model/norm.num_batches_tracked"]) == 6
    assert saved["model/norm.running_mean"].abs().max() > 0
    moments = [n for n in saved if n.endswith("/exp_avg_sq")]
    assert len(moments) == 6  # of conv, norm and out, weight and bias each
    module = RunFolder.open(tmp_path / "run").module()
    assert not module.training
    assert all(torch.equal(module.state_dict()[n], v) for n, v in weights.items())


def test_a_run_is_opened_by_text_or_path(toy_run):
    assert Run(str(toy_run)).network == Run(toy_run).network == tiny()


def test_a_run_folder_makes_nothing_else_be_opened(tmp_path):
    trained(tmp_path / "run")
    recipe = tmp_path / "other.yaml"
    Recipe((HorizontalFlip(),)).save(recipe)
    file = tmp_path / "run" / "run.yaml"
    file.write_text(file.read_text().replace("augment: none", f"augment: {recipe}"))
    told = message_of(RunError, RunFolder.open, tmp_path / "run")
    assert "is neither the name of a recipe nor its text" in told


def test_an_empty_folder_is_taken(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    trained(path)
    assert Run(path).complete
    assert message_of(RunError, RunFolder.check_free, path).startswith(
        f"{path}: a run is there already; choose"
    )


@pytest.mark.parametrize("there", [True, False])
def test_of_several_that_want_a_folder_one_has_it(toy_run, tmp_path, there):
    path, record = tmp_path / "run", RunFolder.open(toy_run).record
    if there:
        path.mkdir()
    together = Barrier(8)

    def create(number):
        together.wait()
        try:
            return RunFolder.create(path, record)
        except RunError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(create, range(8)))
    assert sum(isinstance(folder, RunFolder) for folder in done) == 1
    assert all(str(path) in text for text in done if isinstance(text, str))
    assert RunFolder.open(path).record == record


@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_left_of_a_run_folder_that_cannot_be_written(toy_run, tmp_path, monkeypatch, there):
    path, record = tmp_path / "run", RunFolder.open(toy_run).record
    if there:
        path.mkdir()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert message_of(RunError, RunFolder.create, path, record) == (
        f"{path}: run.yaml cannot be written: No space left on device."
    )
    assert files_below(tmp_path) == (["run"] if there else [])
