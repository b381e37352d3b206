"""What other libraries call otherwise is understood where a name is unknown."""

import dataclasses
import inspect
import typing

import pytest
from toys import message_of

import striate as st
from striate import errors
from striate.cli import train_command
from striate.errors import ConfigError, DescriptionError, nearest
from striate.spec import KINDS, Conv
from striate.train.config import GROUPS, LEAVES, TrainConfig

OPTIONS = [*(field.name for field in dataclasses.fields(TrainConfig)), *LEAVES]


def choices(group):
    return typing.get_args(typing.get_type_hints(GROUPS[group])["name"])


@pytest.mark.parametrize(
    ("name", "ours"),
    {
        "learning_rate": "lr",
        "learning-rate": "lr",
        "LearningRate": "lr",
        "wd": "weight_decay",
        "weight-decay": "weight_decay",
        "bs": "batch_size",
        "batchsize": "batch_size",
        "num_epochs": "epochs",
        "n_epochs": "epochs",
        "lr_scheduler": "schedule",
        "random_state": "seed",
        "milestones": "at",
        "clip_grad_norm": "clip_norm",
    }.items(),
)
def test_an_option(name, ours):
    assert nearest(name, OPTIONS) == [ours]
    assert message_of(ConfigError, TrainConfig, **{name: 1}) == (
        f"training has no option {name!r}. Did you mean {ours!r}?"
    )


@pytest.mark.parametrize(
    ("group", "name", "ours"),
    [
        ("loss", "mse", "squared"),
        ("loss", "bce", "binary"),
        ("loss", "crossentropy", "cross-entropy"),
        ("loss", "CrossEntropyLoss", "cross-entropy"),
        ("loss", "nll", "cross-entropy"),
        ("optimizer", "sgdm", "sgd"),
        ("optimizer", "momentum", "sgd"),
        ("optimizer", "SGD", "sgd"),
        ("schedule", "onecycle", "one-cycle"),
        ("schedule", "sgdr", "warm-restarts"),
        ("schedule", "reduce_on_plateau", "plateau"),
        ("schedule", "ReduceLROnPlateau", "plateau"),
        ("schedule", "multistep", "multi-step"),
        ("schedule", "MultiStepLR", "multi-step"),
    ],
)
def test_a_choice(group, name, ours):
    assert nearest(name, choices(group)) == [ours]
    assert message_of(ConfigError, TrainConfig, **{group: name}).endswith(f". Did you mean {ours!r}?")


def test_everywhere_an_option_is_named(failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = ("train", "lenet5", "--data", "digits")
    text = failure(*train, "optimizer.learning_rate=1", status=2)
    assert text.startswith("optimizer has no option 'learning_rate'. Did you mean 'lr'? It takes: name, lr, ")
    assert failure(*train, "wd=1", status=2) == "there is no option 'wd'. Did you mean 'weight_decay'?"
    assert "Did you mean --weight-decay?" in failure(*train, "--wd", 1, status=2)
    assert "Did you mean 'lr'?" in message_of(ConfigError, st.fit, "lenet5", "digits", learning_rate=1)
    assert "Did you mean 'out_channels'?" in message_of(DescriptionError, Conv, filters=8, kernel_size=3)


def test_what_is_known_counts_before_what_others_call_so():
    assert nearest("momentum", OPTIONS) == ["momentum"]
    assert nearest("betas", ["betas", "beta"]) == ["betas"]


def test_what_is_spelled_alike_is_still_found():
    assert nearest("adamm", choices("optimizer")) == ["adam", "radam"]
    assert nearest("beta", OPTIONS) == ["betas"], "ema is less alike by far"
    assert nearest("zzz", OPTIONS) == []
    assert nearest("c1.weigth", ["c1.weight", "c1"]) == ["c1.weight"]


def test_every_name_of_ours_is_one():
    flags = inspect.signature(train_command.command).parameters
    fields = {field.name for kind in KINDS.values() for field in dataclasses.fields(kind)}
    words = {choice for group in ("loss", "optimizer", "schedule") for choice in choices(group)}
    for name, ours in errors._ELSEWHERE.items():
        assert name == name.lower()
        assert name.isalnum()
        assert ours in {*OPTIONS, *flags, *fields, *words}
