"""Run folders that somebody edited or made to do harm."""

import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import save_file
from toys import message_of

from striate import Run
from striate.errors import RunError, WeightsError
from striate.train.keeping.checkpoint import read_progress


@pytest.fixture
def copy(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize(
    ("room", "key", "value", "reason"),
    [
        ("preprocess", "shape", [1, -8, 8], "must be (channels,), (channels, length), (channels, height, width)"),
        ("preprocess", "shape", [1, 9, 8], "shape (1, 9, 8) is not the network's input (1, 8, 8)"),
        ("data", "class_names", ["a", "b"], "2 names for the network's output (3,)"),
        ("data", "class_names", ["a", "a", "b"], "two or more names are needed, each once"),
        ("data", "class_names", [], "two or more names are needed, each once"),
        ("training", "epoch", 3, "training has no option 'epoch'. Did you mean 'epochs'"),
    ],
)  # fmt: skip
def test_values_that_cannot_be(copy, room, key, value, reason):
    data = yaml.safe_load((copy / "run.yaml").read_text())
    data[room][key] = value
    (copy / "run.yaml").write_text(yaml.safe_dump(data))
    text = message_of(RunError, Run, copy)
    assert text.startswith(f"{copy}: its run.yaml is damaged (")
    assert reason in text


@pytest.mark.parametrize("schema", ["old", 0, -1, True])
def test_a_schema_that_is_none(copy, schema):
    data = yaml.safe_load((copy / "run.yaml").read_text()) | {"schema": schema}
    (copy / "run.yaml").write_text(yaml.safe_dump(data))
    assert message_of(RunError, Run, copy) == f"{copy}: its run.yaml is damaged (schema {schema!r})."


def test_aliases_that_explode_are_bounded(copy):
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (copy / "run.yaml").write_text("\n".join(["a0: &a0 [x]", *levels, "kind: striate run", "schema: 1"]))
    # Written out they would be 10¹¹ values.
    assert message_of(RunError, Run, copy) == (
        f"{copy}: its run.yaml cannot be read (more than 500,000 values once aliases are written out.)."
    )


@pytest.mark.parametrize(
    "metadata", ["[]", "3", "{}", '{"schema": 2}', '{"schema": 2, "progress": {"x": 1}}']
)
def test_a_foreign_checkpoint(tmp_path, metadata):
    path = tmp_path / "checkpoint.safetensors"
    save_file({"model/w": torch.zeros(1)}, path, {"striate": metadata})
    assert message_of(RunError, read_progress, path).startswith(
        f"{path}: not a checkpoint, or a damaged one ("
    )


def test_cut_weights_name_the_checkpoint_that_is_still_good(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    run = Run(copy)
    text = message_of(WeightsError, run.module)
    assert text.startswith(f"{weights}: not a readable safetensors file")
    assert text.endswith(f" Remove it, and {copy / 'checkpoints' / 'best'} is used.")
    weights.unlink()
    assert sum(p.numel() for p in run.module().parameters()) == sum(
        json.loads(line)["params"] for line in (copy / "events.jsonl").read_text().splitlines()[:1]
    )
