"""`TrainConfig`: every option refuses what it cannot use, naming it, the value and what is allowed."""

import dataclasses
import math
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from toys import message_of

import striate as st
from striate import zoo
from striate.errors import ConfigError
from striate.nn import build
from striate.train import TrainConfig
from striate.train.config import GROUPS, LEAVES, OptimizerConfig, ScheduleConfig
from striate.train.config.reading import merged, read_config
from striate.train.methods import check_schedule
from striate.train.recipes import merged_with_recipe
from striate.train.settings import changed_settings

NAMES = [*(field.name for field in dataclasses.fields(TrainConfig)), *LEAVES]
WITHOUT_NAMES = {group for group, kind in GROUPS.items() if "name" not in kind.__dataclass_fields__}
OPTIMIZERS = "'sgd', 'adagrad', 'adadelta', 'rmsprop', 'adam', 'adamw', 'nadam', 'radam', 'lars' or 'muon'"
SCHEDULES = (
    "'constant', 'step', 'multi-step', 'exponential', 'cosine', 'one-cycle', 'warm-restarts' or 'plateau'"
)
STEPS = "standardize, unit, symmetric, per-pixel, gcn, lcn, pca, zca, quantize"

BAD = [
    ("recipe", 3, "a text"),
    ("health_every", 0, "epoch, none, or a number of steps from 1 to 1000000"),
    ("epochs", 0, "greater than 0"),
    ("epochs", -1.5, "greater than 0"),
    ("epochs", math.nan, "a finite number"),
    ("epochs", math.inf, "a finite number"),
    ("epochs", "3", "a number"),
    ("batch_size", 0, "greater than or equal to 1"),
    ("batch_size", 2.0, "a whole number"),
    ("batch_size", True, "a whole number"),
    ("optimizer", "adamm", OPTIMIZERS),
    ("nesterov", 1, "true or false"),
    ("betas", 3, "a list of two numbers such as [0.9, 0.999]"),
    ("eps", 0.0, "greater than 0"),
    ("smoothing", 1.0, "less than 1"),
    ("decay_all", "yes", "true or false"),
    ("lookahead", 0, "greater than or equal to 1"),
    ("lookahead_share", 1.5, "less than or equal to 1"),
    ("groups", "conv", "a list of groups, such as [{paths: conv1.*, lr_factor: 0.1}]"),
    ("lr", 0.0, "greater than 0"),
    ("lr", -1, "greater than 0"),
    ("lr", math.inf, "a finite number"),
    ("momentum", 1.0, "less than 1"),
    ("momentum", -0.1, "greater than or equal to 0"),
    ("weight_decay", -1.0, "greater than or equal to 0"),
    ("weight_decay", math.nan, "a finite number"),
    ("schedule", "cos", SCHEDULES),
    ("floor", -0.1, "greater than or equal to 0"),
    ("factor", 1.0, "less than 1"),
    ("every", 0.0, "auto, or a number of epochs above 0"),
    ("every", "often", "auto, or a number of epochs above 0"),
    ("every", True, "auto, or a number of epochs above 0"),
    ("at", 3, "a list of epochs such as [5, 8]"),
    ("growth", 0.5, "greater than or equal to 1"),
    ("plateau", 0, "greater than or equal to 1"),
    ("loss", "hinge", "'auto', 'cross-entropy', 'binary', 'squared' or 'focal'"),
    ("focus", -1.0, "greater than or equal to 0"),
    ("class_weights", "equal", "none, balanced, or a list of numbers above 0, one for each class"),
    ("sampling", "random", "'shuffle' or 'balanced'"),
    ("l1", -1.0, "greater than or equal to 0"),
    ("l2", math.nan, "a finite number"),
    ("max_norm", 0.0, "greater than 0"),
    ("clip_norm", -1.0, "greater than 0"),
    ("clip_value", 0.0, "greater than 0"),
    ("gradient_noise", -0.1, "greater than or equal to 0"),
    ("ema", 1.0, "less than 1"),
    ("swa", 1.0, "less than 1"),
    ("swa_every", 0, "greater than or equal to 1"),
    ("every_steps", 0, "greater than or equal to 1"),
    ("every_minutes", 0.0, "greater than 0"),
    ("preprocess", "", f"one of {STEPS}, or several joined by + as in gcn+zca; '' is none"),
    (
        "preprocess",
        "gcn+zcaa",
        f"one of {STEPS}, or several joined by + as in gcn+zca; 'zcaa' is none (did you mean 'zca'?)",
    ),
    ("preprocess", "gcn:3", "without a number after gcn; pca and zca and quantize take one"),
    ("preprocess", "zca:", "with a whole number above 0 after zca:, how many components"),
    ("preprocess", "pca:0", "with a whole number above 0 after pca:, how many components"),
    ("preprocess", "quantize", "with 1 to 8 bits after quantize, as in quantize:4"),
    ("preprocess", "quantize:9", "with 1 to 8 bits after quantize, as in quantize:4"),
    ("preprocess", 3, "a text"),
    ("resize", "covre", "'stretch', 'fit' or 'cover'"),
    ("resize", 224, "'stretch', 'fit' or 'cover'"),
    ("channel_order", "grb", "'rgb' or 'bgr'"),
    ("augment", "cifra", "a recipe"),
    ("augment", "none.yaml", "a recipe: none.yaml: No such file or directory"),
    ("augment", 3, "a text"),
    ("stored_size", 0, "greater than or equal to 1"),
    ("stored_size", 65536, "less than or equal to 65535"),
    ("stored_size", 256.0, "a whole number"),
    ("warmup", 1.0, "less than 1"),
    ("warmup", -0.5, "greater than or equal to 0"),
    ("label_smoothing", 1.5, "less than 1"),
    ("patience", 0, "greater than or equal to 1"),
    ("patience", 2.5, "a whole number"),
    ("seed", -1, "greater than or equal to 0"),
    ("seed", 2**63, f"less than {2**63}"),
    ("seed", 1.5, "a whole number"),
    ("init", "he_norml", "an initialization"),
    ("init", 3, "a text"),
    ("device", 3, "a text"),
    ("precision", "fp8", "'auto', 'fp32', 'tf32', 'bf16-math', 'bf16' or 'fp16'"),
    ("memory_format", "nhwc", "'auto', 'contiguous' or 'channels_last'"),
    ("compile", "yes", "'auto', 'on' or 'off'"),
    ("plan", "fast", "'auto' or 'plain'"),
    ("micro_batch", 0, "greater than or equal to 1"),
    ("threads", 0, "greater than or equal to 1"),
    ("threads", 1025, "less than or equal to 1024"),
    ("keep_best", 0, "greater than or equal to 1"),
    ("skip_bad_images", 1, "true or false"),
    ("sync_batchnorm", 1, "true or false"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), BAD)
def test_a_bad_option_is_explained(name, value, allowed):
    text = message_of(ConfigError, TrainConfig, **{name: value})
    plain, _, _ = text.partition(" Did you mean")
    assert plain == f"training: {name}={value!r} must be {allowed}."


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("optimizer", "adamm", " Did you mean 'adam' or 'radam'?"),
        ("resize", "covre", " Did you mean 'cover'?"),
        ("resize", "zzz", ""),
    ],
)
def test_a_choice_suggests_the_nearest(name, value, hint):
    text = message_of(ConfigError, TrainConfig, **{name: value})
    assert text.endswith(f"'.{hint}")


def test_every_option_is_tried():
    assert {name for name, *_ in BAD} == set(NAMES) - WITHOUT_NAMES


@pytest.mark.parametrize(
    ("name", "hint"),
    [("epoch", " Did you mean 'epochs'?"), ("batchsize", " Did you mean 'batch_size'?")],
)
def test_an_unknown_option_suggests_the_nearest(name, hint):
    assert message_of(ConfigError, TrainConfig, **{name: 3}) == f"training has no option {name!r}.{hint}"


def test_of_what_is_near_no_option_all_are_named():
    text = message_of(ConfigError, TrainConfig, zzz=3)
    assert text.startswith("training has no option 'zzz'. There are recipe, epochs, batch_size, seed, ")
    assert "; of averaging ema, swa, swa_every; " in text
    assert all(re.search(rf"\b{name}\b", text) for name in NAMES)


def test_whole_numbers_serve_as_floats_and_the_value_is_frozen():
    config = TrainConfig(epochs=3, lr=1, weight_decay=0)
    optimizer = config.optimizer
    assert (config.epochs, optimizer.lr, optimizer.weight_decay) == (3.0, 1.0, 0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.epochs = 4.0
    assert dataclasses.replace(config, seed=5) == TrainConfig(epochs=3, lr=1, weight_decay=0, seed=5)


def test_every_option_says_what_it_is():
    own = dataclasses.fields(TrainConfig)
    for field in [*own, *(f for kind in GROUPS.values() for f in dataclasses.fields(kind))]:
        help = field.metadata["help"]
        assert help.endswith(".")
        assert 10 < len(help) < 90


@pytest.mark.parametrize("value", [3, None, True, [1]], ids=repr)
def test_what_is_no_group_is_refused(value):
    given = {"optimizer": "a name, or a mapping of options", "images": "a mapping of options"}
    for group, allowed in given.items():
        expected = f"{group}={value!r}: must be {allowed}."
        assert message_of(ConfigError, TrainConfig, **{group: value}) == expected
        assert message_of(ConfigError, st.fit, "lenet5", "digits", **{group: value}) == expected
    assert (
        message_of(ConfigError, TrainConfig, images="grey") == "images='grey': must be a mapping of options."
    )


def test_the_options_in_the_docs(tmp_path):
    """What the page of training shows is a configuration, and its patterns meet weights of LeNet-5."""
    page = (Path(__file__).parents[2] / "docs" / "train.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "training.yaml").write_text(block, encoding="utf-8")
    config = merged_with_recipe("lenet5", [read_config(tmp_path / "training.yaml")])
    check_schedule(config.schedule, config.epochs)
    assert f"--config training.yaml optimizer.betas=[0.9,0.95] --epochs {config.epochs:g}" in page
    paths = [name for name, _ in build(zoo.lenet5()).named_parameters()]
    assert [sum(fnmatchcase(path, group.paths) for path in paths) for group in config.optimizer.groups] == [2]
    options = re.search(r"--schedule step --every (\d+)", page)
    check_schedule(ScheduleConfig(name="step", every=float(options[1])), TrainConfig().epochs)


USUAL = {
    "sgd": 0.05,
    "adagrad": 0.01,
    "adadelta": 1.0,
    "rmsprop": 0.001,
    "adam": 0.002,
    "lars": 3.0,
    "muon": 0.01,
}


@pytest.mark.parametrize("name", USUAL)
def test_each_optimizer_has_a_rate_of_its_own_by_default(name):
    assert TrainConfig(optimizer=name).optimizer.lr == USUAL[name]
    assert TrainConfig(optimizer={"name": name}).optimizer.lr == USUAL[name]
    assert merged([{"optimizer": {"momentum": 0.5}}, {"optimizer": name}]).optimizer.lr == USUAL[name]
    assert TrainConfig(optimizer=name, lr=0.3).optimizer.lr == 0.3
    assert merged([{"lr": 0.3}, {"optimizer": name}]).optimizer.lr == 0.3
    assert OptimizerConfig(name=name).eps == (1e-6 if name == "adadelta" else 1e-8)
    assert set(changed_settings(TrainConfig(optimizer=name))) == {"optimizer.name"}
    assert set(changed_settings(TrainConfig(optimizer=name, lr=0.3))) == {"optimizer.name", "optimizer.lr"}


def test_epochs_beyond_any_number():
    assert message_of(ConfigError, TrainConfig, every=10**400).endswith(
        "must be auto, or a number of epochs above 0."
    )
