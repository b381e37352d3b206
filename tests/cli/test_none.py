"""Wherever an option may be None, the word none says so: as a flag, an override, in a file, in a call."""

import dataclasses
import typing

import pytest

from striate.cli.config_options import configured
from striate.train import TrainConfig
from striate.train.config import GROUPS, LEAVES, Group
from striate.train.config.reading import merged, parse_override, read_config

SET = {
    "recipe": "digits",
    "patience": 3,
    "lookahead": 5,
    "max_norm": 3.0,
    "clip_norm": 1.0,
    "clip_value": 0.5,
    "ema": 0.9,
    "swa": 0.5,
    "every_steps": 10,
    "every_minutes": 2.0,
    "stored_size": 40,
    "micro_batch": 16,
    "threads": 1,
    "health_every": 5,
}
"""Every option that may be None, with a value that it is not by default."""


def value(config, name):
    return getattr(getattr(config, LEAVES[name]) if name in LEAVES else config, name)


def test_every_such_option_is_tried():
    kinds = (TrainConfig, *GROUPS.values())
    hints = {name: hint for kind in kinds for name, hint in typing.get_type_hints(kind).items()}
    assert {name for name, hint in hints.items() if type(None) in typing.get_args(hint)} == set(SET)


@pytest.mark.parametrize("name", SET)
def test_it_is_taken_everywhere(tmp_path, name):
    (tmp_path / "options.yaml").write_text(f"{name}: none")
    assert value(TrainConfig(**{name: SET[name]}), name) == SET[name]
    assert value(TrainConfig(**{name: "none"}), name) is None
    below = {name: SET[name]}
    assert value(merged([below, parse_override(f"{name}=none")]), name) is None
    assert value(merged([below, read_config(tmp_path / "options.yaml")]), name) is None
    assert (
        value(configured({"overrides": [f"{name}={SET[name]}"], name: "none"}, network="lenet5"), name)
        is None
    )


def test_in_a_group_of_weights():
    assert Group(paths="c1.*", weight_decay="none") == Group(paths="c1.*")
    (group,) = merged([parse_override("groups=[{paths: c1.*, weight_decay: none}]")]).optimizer.groups
    assert group.weight_decay is None


def test_the_command_line(failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = "--lookahead none --threads none --patience none --ema none --recipe none averaging.swa=none --lr none"
    text = failure("train", "lenet5", "--data", "digits", *words.split(), status=2)
    assert text == "--lr 'none' must be a number.", "all the others are taken"


def test_a_word_of_an_option_s_own_stays():
    config = TrainConfig(class_weights="none", augment="none")
    assert (config.loss.class_weights, config.images.augment) == ("none", "none")
    assert dataclasses.asdict(config) == dataclasses.asdict(TrainConfig())
