"""Recipes on the command line: ``zoo --recipes``, ``train --recipe`` and ``--input``, what beats what, bad values."""

import json

import pytest
import yaml

from striate.cli import config_options
from striate.cli.arguments import UsageError
from striate.train.recipes import all_recipes

QUICK = ("--epochs", "0.1", "--augment", "none", "--device", "cpu", "--no-summary", "--health-every", "none")


@pytest.fixture
def trained(striate, tmp_path, monkeypatch):
    """Return a function that trains quickly in an empty folder and returns what its run.yaml says."""
    monkeypatch.chdir(tmp_path)

    def call(network, *words):
        done = striate("train", network, "--data", "digits", "--out", "run", *QUICK, *words)
        assert done.status == 0, done.err
        return yaml.safe_load((tmp_path / "run" / "run.yaml").read_text(encoding="utf-8"))

    return call


def test_flags_beat_overrides_beat_the_file_beats_the_recipe(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("batch_size: 8\nepochs: 7\noptimizer: {lr: 0.5, momentum: 0.5, weight_decay: 0.25}\n")
    options = {
        "config_file": file,
        "overrides": ["optimizer.lr=0.375", "epochs=6"],
        "lr": 0.125,
        "recipe": "digits",
    }
    config = config_options.configured(options, network="lenet5")
    assert (config.recipe, config.batch_size, config.epochs) == ("digits", 8, 6)
    optimizer = config.optimizer
    assert (optimizer.name, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == (
        "adamw",
        0.125,
        0.5,
        0.25,
    )
    assert config.images.augment == "mnist"


@pytest.mark.parametrize("place", ["file", "override"])
def test_a_recipe_may_be_named_elsewhere(tmp_path, place):
    file = tmp_path / "mine.yaml"
    file.write_text("recipe: digits\nbatch_size: 8\n")
    said = {"file": {"config_file": file}, "override": {"overrides": ["batch_size=8", "recipe=digits"]}}[
        place
    ]
    config = config_options.configured(said, network="lenet5")
    assert (config.recipe, config.batch_size, config.epochs) == ("digits", 8, 30)
    without = config_options.configured(
        {**said, "recipe": None, "overrides": ["recipe=null"]}, network="lenet5"
    )
    assert (without.recipe, without.epochs) == (None, 10)


def test_a_run_keeps_recipe_and_input(trained):
    said = trained("resnet20", "--recipe", "fashion-mnist", "--batch-size", "16", "--precision", "fp32")
    assert said["network"]["input"] == [1, 28, 28]
    assert said["training"]["recipe"] == "fashion-mnist"
    assert said["training"]["batch_size"] == 16
    assert said["training"]["optimizer"]["lr"] == 0.2


def test_input_beats_the_recipe(trained):
    said = trained("resnet20", "--recipe", "flowers", "--input", "3x36x40", "stored_size=null")
    assert said["network"]["input"] == [3, 36, 40]


def test_a_check_takes_the_recipe_too(striate):
    done = striate(
        "check", "resnet20", "--data", "digits", "--recipe", "fashion-mnist", "--batch-size", "2", "--json"
    )
    assert json.loads(done.out)["figures"]["input"] == [1, 28, 28]


@pytest.mark.parametrize("mode", [("--find-lr",), ("--sanity",)], ids=["find-lr", "sanity"])
def test_modes_take_the_input(failure, mode):
    words = ("train", "lenet5_relu", "--data", "digits", "--input", "1x2x2", *mode)
    assert failure(*words).startswith("conv2 (Conv) cannot take (6, 1, 1): ")


IMAGE = "an image has channels, height and width, each from 1 to 65535; write 3x224x224."
BAD = {
    "--recipe digit": "--recipe 'digit' must be one of lenet5: digits, mnist. Did you mean 'digits'?",
    "--recipe imagenet": "--recipe 'imagenet' must be one of lenet5: digits, mnist.",
    "--recipe digits --lr -1": "--lr -1.0 must be greater than 0.",
    "recipe=3": "recipe=3 must be a text.",
    "--input 28": f"--input '28': {IMAGE}",
    "--input 1x28": f"--input '1x28': {IMAGE}",
    "--input 1x28x28x1": f"--input '1x28x28x1': {IMAGE}",
    "--input 1x0x28": f"--input '1x0x28': {IMAGE}",
    "--input 70000x1x1": f"--input '70000x1x1': {IMAGE}",
    "--input big": "--input 'big': write channels, height and width as 3x224x224.",
}


@pytest.mark.parametrize("words", BAD, ids=str)
def test_bad_options(failure, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert failure("train", "lenet5", "--data", "digits", *words.split(), status=2) == BAD[words]
    assert not list(tmp_path.iterdir())


def test_a_network_without_recipes(failure):
    message = failure("train", "cnn1d", "--data", "digits", "--recipe", "digits", status=2)
    assert message == (
        "--recipe 'digits' must be left out for cnn1d, which has no recipes; striate zoo --recipes lists the networks "
        "that have some."
    )


def test_an_input_that_does_not_pass(failure):
    message = failure("train", "lenet5", "--data", "digits", "--input", "1x4x4")
    assert message.startswith("c1 (Conv) cannot take (1, 4, 4): ")


def test_resume_keeps_its_input(failure, tmp_path):
    message = failure("train", "--resume", tmp_path, "--input", "1x28x28", status=2)
    assert message == "--resume goes on with the network of the run; leave out --input."


def test_the_recipes_are_listed(striate):
    rows = json.loads(striate("zoo", "--recipes", "--json").out)
    assert sorted((row["network"], row["recipe"]) for row in rows) == sorted(
        (network, recipe.name) for recipe in all_recipes() for network in recipe.networks
    )
    head, *lines = striate("zoo", "--recipes").out.splitlines()
    assert head.split()[:4] == ["network", "recipe", "accuracy", "time"]
    assert [line.split()[:2] for line in lines] == [[row["network"], row["recipe"]] for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert f"{row['data']}: {row['source']}" in line
        measured = row["measured"]
        if measured is None:
            assert line.endswith(f"; {row['unmeasured']}")
        else:
            mean = sum(measured["accuracy"]) / len(measured["accuracy"])
            assert f" {mean:.2%} " in line
            assert line.endswith(measured["machine"])


def test_recipes_of_some_networks(striate):
    rows = json.loads(striate("zoo", "resnet20", "--recipes", "--json").out)
    assert [(row["network"], row["recipe"], row["input"]) for row in rows] == [
        ("resnet20", "cifar10", None),
        ("resnet20", "fashion-mnist", [1, 28, 28]),
        ("resnet20", "flowers", [3, 64, 64]),
    ]
    assert striate("zoo", "char", "--recipes").out == "none of these networks has a recipe\n"
    assert json.loads(striate("zoo", "char", "--recipes", "--json").out) == []


def test_what_configured_refuses_is_a_usage_error():
    with pytest.raises(UsageError, match="recipe='x' must be one of lenet5"):
        config_options.configured({"recipe": "x"}, network="lenet5")


def test_a_switch_that_a_recipe_turns_on_can_be_turned_off():
    assert config_options.configured({"recipe": "imagenet"}, network="densenet121").optimizer.nesterov
    options = {"recipe": "imagenet", "nesterov": False}
    assert not config_options.configured(options, network="densenet121").optimizer.nesterov


def test_the_flags_of_switches(trained):
    said = trained("lenet5", "nesterov=true", "decay_all=true", "--no-nesterov", "--decay-all")["training"]
    assert (said["optimizer"]["nesterov"], said["optimizer"]["decay_all"]) == (False, True)


def test_every_option_of_a_recipe_may_be_overridden(trained):
    said = trained("lenet5_lecture", "--recipe", "cifar10", "--input", "1x32x32")["training"]
    assert (said["recipe"], said["epochs"], said["images"]["augment"]) == ("cifar10", 0.1, "none")
