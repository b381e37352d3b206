"""The page about methods: no method is missing, its defaults are those of the code, its figures what was measured."""

import dataclasses
import math
import re
from pathlib import Path
from typing import get_args, get_type_hints

import methods
import methods_members as members
import methods_paths
import methods_pictures
import methods_runs
import numpy as np
import pytest
import torch

from striate.spec import KINDS
from striate.spec.layers import regularization
from striate.train import TrainConfig
from striate.train.config import GROUPS, LEAVES, AveragingConfig, LossConfig, RegularizationConfig
from striate.train.config.reading import merged, parse_override

DOCS = Path(methods.__file__).parent
PAGE = (DOCS / "methods.md").read_text(encoding="utf-8")
TABLES = {
    "optimizer": members.OPTIMIZERS,
    "schedule": members.SCHEDULES,
    "loss": members.LOSSES,
    "regularization": (*members.REGULARIZERS, *members.CLIPPING),
    "averaging": members.AVERAGES,
}
ELSEWHERE = {"lr", "groups"}  # every optimizer has the one; the other has a sentence of its own


def test_the_page_is_the_one_that_the_code_makes():
    assert methods.methods_page() == PAGE, "run make docs"


@pytest.mark.parametrize("group", ["optimizer", "schedule", "loss"])
def test_every_name_is_listed(group):
    named = get_type_hints(GROUPS[group], include_extras=True)["name"]
    listed = [each.name for each in TABLES[group]]
    assert set(get_args(named)) == set(listed) & set(get_args(named))
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("group", TABLES)
def test_every_option_stands_in_a_table_with_its_default(group):
    in_tables = {option for table in TABLES.values() for each in table for option in each.options}
    fields = {
        field.name: field.default for field in dataclasses.fields(GROUPS[group]) if field.name != "name"
    }
    assert fields.keys() <= in_tables | ELSEWHERE
    for name in fields.keys() - ELSEWHERE:
        for written in re.findall(rf"<br>`{name}: (.*?)`|\| `{name}: (.*?)`", methods._table(TABLES[group])):
            layer = parse_override(f"{name}={''.join(written)}")
            assert getattr(getattr(merged([layer]), group), name) == fields[name]


def test_every_layer_that_acts_in_training_alone_is_listed():
    assert set(regularization.__all__) <= set(KINDS)
    assert all(f"| `{name}` |" in PAGE for name in regularization.__all__)


def test_the_options_of_the_examples_are_options():
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S):
        for line in block.splitlines():
            name, _, value = line.partition(": ")
            assert isinstance(merged([parse_override(f"{name}={value}")]), TrainConfig)


def test_the_flags_of_the_examples_are_flags():
    commands = re.findall(r"^striate train .*", PAGE, re.M)
    flags = {flag for line in commands for flag in re.findall(r"--([\w-]+)", line)}
    known = {*LEAVES, *GROUPS, *(field.name for field in dataclasses.fields(TrainConfig))}
    assert len(commands) > 5
    assert {flag.replace("-", "_") for flag in flags} <= known | {"data"}
    for override in re.findall(r" (\w[\w.]*=\S+)", "\n".join(commands)):
        assert isinstance(merged([parse_override(override)]), TrainConfig)


def test_every_picture_is_there_and_no_other():
    linked = re.findall(r"\((pictures/methods/.*?)\)", PAGE)
    assert sorted(linked) == sorted(
        f"pictures/methods/{file.name}" for file in (DOCS / "pictures/methods").iterdir()
    )


def test_every_schedule_and_optimizer_is_drawn():
    assert list(methods_pictures.SCHEDULES) == list(get_args(get_type_hints(GROUPS["schedule"])["name"]))
    assert {path.name for path in methods_paths.PATHS} == set(
        get_args(get_type_hints(GROUPS["optimizer"])["name"])
    )


def test_gradient_descent_in_the_valley_is_what_a_hand_computes():
    # w ← w − η·h·(w − bottom): each coordinate's distance shrinks by 1 − η·h, h the curvature 1 and 20
    walked = methods_paths.path_of(methods_paths.PATHS[0], steps=12).double().numpy()
    powers = np.arange(13)
    np.testing.assert_allclose(walked[:, 0], 1 - 4 * (1 - 0.09) ** powers, atol=1e-5)
    np.testing.assert_allclose(walked[:, 1], (1 - 0.09 * 20.0) ** powers, atol=1e-5)


def test_losses_over_the_probability_of_the_right_class():
    p = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    log, rest = p.log(), (1 - p) / 9
    want = {
        "cross-entropy": -log,
        "cross-entropy, smoothed": -0.91 * log - 9 * 0.01 * rest.log(),
        "focal": -((1 - p) ** 2) * log,
        "binary": -(log + 9 * (1 - rest).log()) / 10,
        "squared": (1 - p) ** 2 + 9 * rest**2,
    }
    assert list(want) == list(methods_pictures.LOSSES)
    for name, values in want.items():
        torch.testing.assert_close(methods_pictures.loss_at(name, p), values)


def test_what_was_measured_is_whole_and_comes_out_again():
    found = methods_pictures.measured()
    assert list(found["overfitting"]) == list(methods_runs.OVERFITTED)
    for curves in found["overfitting"].values():
        assert all(len(curves[key]) == len(methods_runs.SEEDS) for key in ("train", "loss", "accuracy"))
    source = methods_runs.few_digits([methods_runs.PER_CLASS] * 10, methods_runs.WRONG)
    run = methods_runs.trained(methods_runs.small(), source, 0, epochs=2.0)
    kept = found["overfitting"]["nothing"]
    for epoch, (loss, accuracy) in enumerate(run.validations):
        assert math.isclose(loss, kept["loss"][0][epoch], rel_tol=0.02)
        assert abs(accuracy - kept["accuracy"][0][epoch]) < 0.02


def test_what_holds_the_weights_is_an_option():
    own = {
        f.name
        for part in (RegularizationConfig, AveragingConfig, LossConfig)
        for f in dataclasses.fields(part)
    }
    given = {name for each in methods_runs.OVERFITTED.values() for name in each}
    assert given <= own | {"dropout", "weight_decay", "patience"}
