"""Named recipes: their files, what papers have, every network, what beats what, and a run with one."""

import math

import pytest
import yaml
from toys import message_of, tiny, toy_source

import striate as st
from striate import zoo
from striate.analyze import analyze
from striate.errors import ConfigError
from striate.fitting import configured
from striate.train import RunFolder, TrainConfig
from striate.train.config import OptimizerConfig
from striate.train.methods import check_schedule
from striate.train.recipes import (
    all_recipes,
    find_recipe,
    find_with_recipe,
    merged_with_recipe,
    read_recipes,
    recipes_of,
)

WITHOUT = {
    "dense_autoencoder": "tells no classes apart",
    "denoising_autoencoder": "tells no classes apart",
    "convolutional_autoencoder": "tells no classes apart",
    "sparse_autoencoder": "tells no classes apart",
    "char_rnn": "takes no images",
    "char_lstm": "takes no images",
    "char_gru": "takes no images",
    "cnn1d": "takes no images",
}
PAIRS = [(network, recipe.name) for recipe in all_recipes() for network in recipe.networks]

# Typed from the papers: rate, momentum, decay, batch, epochs, what the rate is multiplied with, and at which epochs
# (a list) or how often (a number). None where the paper does not say.
PUBLISHED = {
    ("alexnet", "imagenet"): (0.01, 0.9, 5e-4, 128, 90, 0.1, None),
    ("zfnet", "imagenet"): (0.01, 0.9, None, 128, 70, None, None),
    ("nin", "cifar10"): (None, None, None, 128, None, 0.1, None),
    ("all_convolutional", "cifar10"): (None, 0.9, 0.001, None, 350, 0.1, [200, 250, 300]),
    ("vgg16", "imagenet"): (0.01, 0.9, 5e-4, 256, 74, 0.1, None),
    ("vgg11_lrn", "imagenet"): (0.01, 0.9, 5e-4, 256, 74, 0.1, None),
    ("googlenet", "imagenet"): (None, 0.9, None, None, None, 0.96, 8),
    ("googlenet_bn", "imagenet"): (5 * 0.0015, None, None, 32, None, None, None),
    ("inception_v3", "imagenet"): (0.045, None, None, 32, 100, 0.94, 2),
    ("resnet50", "imagenet"): (0.1, 0.9, 1e-4, 256, None, 0.1, None),
    ("resnet101_preact", "imagenet"): (0.1, 0.9, 1e-4, 256, None, 0.1, [30, 60]),
    ("densenet121", "imagenet"): (0.1, 0.9, 1e-4, 256, 90, 0.1, [30, 60]),
    ("densenet161", "imagenet"): (0.1, 0.9, 1e-4, 128, 100, 0.1, [30, 60, 90]),
    ("squeezenet1_0", "imagenet"): (0.04, None, None, None, None, None, None),
    ("mobilenet_v2", "imagenet"): (0.045, 0.9, 4e-5, 96, None, 0.98, 1),
    ("resnet20", "cifar10"): (0.1, 0.9, 1e-4, 128, 64_000 * 128 / 45_000, 0.1, None),
    ("resnet110", "cifar10"): (0.1, 0.9, 1e-4, 128, 64_000 * 128 / 45_000, 0.1, None),
    ("resnet164_preact", "cifar10"): (0.1, 0.9, 1e-4, 128, 64_000 * 128 / 45_000, 0.1, None),
}

ONE = {"name": "mine", "networks": ["lenet5"], "data": "digits", "source": "ours", "training": {"epochs": 3}}
FIGURES = {
    "network": "lenet5",
    "data": "digits",
    "split": "test",
    "seeds": [0, 1],
    "accuracy": [0.98, 1.0],
    "seconds": [10, 12.5],
    "precision": "fp32",
    "machine": "one core",
    "command": "striate train lenet5 --data digits --recipe mine",
}


def file_of(**changes):
    recipe = {"unmeasured": "no time", **ONE, **changes}
    return yaml.safe_dump({"kind": "striate recipes", "schema": 1, "recipes": [recipe]})


def test_every_network_that_can_be_trained_has_a_recipe():
    assert {name for name in zoo.NETWORKS if not recipes_of(name)} == set(WITHOUT)
    for name, why in WITHOUT.items():
        entry = zoo.NETWORKS[name]
        assert entry.takes_num_classes is (why == "takes no images")
        assert (len(entry.make().input) == 3) is (why != "takes no images")
    assert {network for network, _ in PAIRS} <= set(zoo.NETWORKS)


@pytest.mark.parametrize(("network", "name"), PAIRS, ids=[f"{n}-{r}" for n, r in PAIRS])
def test_a_recipe_is_a_configuration_of_a_network_that_images_pass(network, name):
    recipe = find_recipe(network, name)
    config = merged_with_recipe(network, [{"recipe": name}])
    assert config.recipe == name
    check_schedule(config.schedule, config.epochs)
    described = find_with_recipe(network, name, num_classes=7)
    assert described.input == (recipe.input or zoo.find(network).input)
    assert analyze(described).output == (7,)
    if config.images.stored_size is not None:
        assert config.images.stored_size >= described.input[1]
    measured = recipe.measured_of(network)
    if measured is not None:
        assert f"striate train {network} " in measured.command
        assert f"--recipe {name}" in measured.command
        assert config.execution.precision in ("auto", measured.precision)


@pytest.mark.parametrize("pair", PUBLISHED, ids="-".join)
def test_what_the_papers_have(pair):
    network, name = pair
    config = merged_with_recipe(network, [{"recipe": name}])
    optimizer, schedule = config.optimizer, config.schedule
    falls = list(schedule.at) if schedule.name == "multi-step" else schedule.every
    had = (
        optimizer.lr,
        optimizer.momentum,
        optimizer.weight_decay,
        config.batch_size,
        config.epochs,
        schedule.factor,
        falls,
    )
    for value, published in zip(had, PUBLISHED[pair], strict=True):
        if published is not None:
            assert value == pytest.approx(published, rel=1e-6)


def test_steps_of_the_residual_networks_on_cifar():
    config = merged_with_recipe("resnet56", [{"recipe": "cifar10"}])
    steps = [round(epochs * 45_000 / 128) for epochs in (*config.schedule.at, config.epochs)]
    assert steps == [32_000, 48_000, 64_000]
    warm = merged_with_recipe("resnet110", [{"recipe": "cifar10"}]).schedule.warmup
    assert warm * 64_000 == pytest.approx(400)


def test_other_published_choices():
    inception = merged_with_recipe("inception_v3_aux", [{"recipe": "imagenet"}])
    assert (inception.optimizer.name, inception.optimizer.smoothing, inception.optimizer.eps) == (
        "rmsprop",
        0.9,
        1.0,
    )
    assert (inception.loss.label_smoothing, inception.regularization.clip_norm) == (0.1, 2.0)
    assert merged_with_recipe("densenet201", [{"recipe": "imagenet"}]).optimizer.nesterov
    three = merged_with_recipe("vgg19", [{"recipe": "imagenet"}]).schedule
    assert (three.name, round(math.log(three.floor, three.factor))) == ("plateau", 3)  # falls in all
    twice = merged_with_recipe("nin", [{"recipe": "cifar10"}]).schedule
    assert (twice.name, round(math.log(twice.floor, twice.factor))) == ("plateau", 2)


def test_the_depthwise_filters_of_mobilenet_do_not_decay():
    (group,) = merged_with_recipe("mobilenet_v1", [{"recipe": "imagenet"}]).optimizer.groups
    assert (group.paths, group.weight_decay, group.lr_factor) == ("*depthwise*", 0, 1)
    assert "block1.depthwise1" in {path for path, _ in zoo.mobilenet_v1().walk()}


def test_a_later_option_replaces_only_itself():
    layers = [
        {"batch_size": 8, "optimizer": {"lr": 0.5, "momentum": 0.5}},
        {"recipe": "fashion-mnist"},
        {"optimizer": {"lr": 0.25}},
        {"lr": 0.125, "ema": None},
    ]
    config = merged_with_recipe("resnet20", layers)
    by_hand = TrainConfig(
        recipe="fashion-mnist",
        epochs=26.0,
        batch_size=8,
        precision="bf16",
        optimizer={"name": "sgd", "lr": 0.125, "momentum": 0.5, "nesterov": True, "weight_decay": 5e-4},
        schedule="one-cycle",
        averaging={"ema": None},
        augment="kind: striate augmentation\neffects: [{RandomCrop: {margin: 2}}, HorizontalFlip]\n",
    )
    assert config == by_hand


def test_in_python():
    config = configured("lenet5", None, {"recipe": "digits", "epochs": 2.0, "lr": 0.5})
    assert (config.epochs, config.batch_size, config.optimizer.lr) == (2.0, 32, 0.5)
    group = configured("lenet5", None, {"recipe": "digits", "optimizer": OptimizerConfig(name="sgd", lr=0.5)})
    assert (group.optimizer, group.batch_size) == (OptimizerConfig(name="sgd", lr=0.5), 32)
    assert configured(zoo.lenet5(), None, {"recipe": "digits"}).batch_size == 32
    assert configured("lenet5", TrainConfig(epochs=1.0), {}) == TrainConfig(epochs=1.0)
    assert configured("lenet5", None, {"recipe": None}) == TrainConfig()


def test_an_alias_has_the_recipes_of_its_network():
    assert recipes_of("vgg_d") == recipes_of("vgg16")
    assert find_with_recipe("vgg_d", "imagenet", 3).name == "vgg16"


UNKNOWN = {
    "near": (
        "resnet20",
        "cifar",
        "one of resnet20: cifar10, fashion-mnist, flowers. Did you mean 'cifar10'?",
    ),
    "far": ("lenet1", "imagenet", "one of lenet1: digits, mnist."),
    "near a network": (
        "resnet-20",
        "cifar10",
        "left out for resnet-20, which has no recipes; striate zoo --recipes lists the networks that have some. "
        "Did you mean 'resnet20'?",
    ),
    "none": (
        "net.yaml",
        "digits",
        "left out for net.yaml, which has no recipes; striate zoo --recipes lists the networks that have some.",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_unknown_recipe(case):
    network, name, allowed = UNKNOWN[case]
    assert (
        message_of(ConfigError, find_recipe, network, name) == f"training: recipe={name!r} must be {allowed}"
    )


def test_other_networks_have_none():
    message = message_of(ConfigError, st.fit, tiny(), toy_source(), recipe="digits")
    assert message.startswith("training: recipe='digits' must be left out for tiny, which has no recipes;")
    both = message_of(ConfigError, st.fit, "lenet5", "digits", recipe="digits", config=TrainConfig())
    assert both == "give config or options (recipe), not both."


def test_a_run_with_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"epochs": 0.2, "augment": "none", "device": "cpu"}
    run = st.fit("resnet20", "digits", recipe="flowers", stored_size=None, lr=0.01, out="run", **options)
    record = RunFolder.open(run.path).record
    assert (record.training.recipe, record.network.input) == ("flowers", (3, 64, 64))
    assert (record.training.batch_size, record.training.optimizer.lr) == (32, 0.01)
    described = zoo.resnet20().with_input((3, 32, 32))
    own = st.fit(described, "digits", recipe="flowers", stored_size=None, out="own", **options)
    assert own.network.input == (3, 32, 32), "a description keeps its input"
    text = (run.path / "run.yaml").read_text(encoding="utf-8")
    assert "recipe: flowers" in text
    (run.path / "run.yaml").write_text(text.replace("  recipe: flowers\n", "", 1), encoding="utf-8")
    assert RunFolder.open(run.path).record.training.recipe is None, "a run of before"


def test_what_a_file_says():
    (recipe,) = read_recipes(
        file_of(unmeasured="", measured=[FIGURES], input=[1, 40, 40], training={"lr": "1e-3"})
    )
    assert recipe.input == (1, 40, 40)
    assert recipe.training == {"lr": 0.001}
    assert recipe.measured_of("lenet5").mean == pytest.approx(0.99)
    assert recipe.measured_of("lenet1") is None


MALFORMED = {
    "no mapping": ("- 1", "recipes are a mapping that begins with 'kind: striate recipes'."),
    "another kind": ("kind: striate run", "recipes are a mapping that begins with 'kind: striate recipes'."),
    "another key": (
        "{kind: striate recipes, schema: 1, recipe: []}",
        "unknown key 'recipe'. Did you mean 'recipes'? Recipes have kind, schema, recipes.",
    ),
    "another schema": ("{kind: striate recipes, schema: 2, recipes: []}", "schema: must be 1; got 2."),
    "true": ("{kind: striate recipes, schema: true, recipes: []}", "schema: must be 1; got True."),
    "no list": ("{kind: striate recipes, schema: 1, recipes: 3}", "recipes: must be a list of recipes."),
    "unknown field": (
        file_of(measure=[]),
        "recipe 1 has no option 'measure'. Did you mean 'measured' or 'unmeasured'?",
    ),
    "unknown option": (
        file_of(training={"epoch": 3}),
        "recipe 1: there is no option 'epoch'. Did you mean 'epochs'",
    ),
    "unknown leaf": (
        file_of(training={"optimizer": {"rate": 3}}),
        "recipe 1: optimizer has no option 'rate'.",
    ),
    "name": (
        file_of(name="My recipe"),
        "recipe 1: name='My recipe' must be small letters, digits and hyphens, such as",
    ),
    "source": (
        file_of(source="somewhere"),
        "recipe 1: source='somewhere' must be 'as published in …', 'after …' or 'ours'.",
    ),
    "input": (
        file_of(input=[28, 28]),
        "recipe 1: input=[28, 28] must be a list of channels, height and width.",
    ),
    "no reason": (file_of(unmeasured=""), "recipe 1: unmeasured must say why networks have no figure"),
    "reason for nothing": (
        file_of(measured=[FIGURES]),
        "recipe 1: unmeasured must say why networks have no figure",
    ),
    "another network": (
        file_of(measured=[FIGURES | {"network": "lenet1"}]),
        "recipe 1: measured must be of its networks; lenet1 is none.",
    ),
    "twice": (file_of(networks=["lenet5", "lenet5"]), "recipe 1: networks must name each network once."),
    "too few figures": (
        file_of(unmeasured="", measured=[FIGURES | {"seconds": [1]}]),
        "must have as many figures of seconds as there are seeds.",
    ),
    "above one": (
        file_of(unmeasured="", measured=[FIGURES | {"accuracy": [98.0, 99]}]),
        "recipe 1: measured=98.0 must be less than or equal to 1.",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file(case):
    text, part = MALFORMED[case]
    message = message_of(ConfigError, read_recipes, text)
    assert part in message
    assert "\n" not in message


def test_a_configuration_that_only_names_a_recipe_is_refused():
    expected = (
        "config names the recipe 'digits' and has none of its options; give recipe='digits' and the others as options "
        "in the place of config."
    )
    named = TrainConfig(recipe="digits", seed=7)
    assert message_of(ConfigError, st.fit, "lenet5", "digits", config=named) == expected
    resolved = configured("lenet5", None, {"recipe": "digits", "epochs": 1.0, "batch_size": 16})
    assert configured("lenet5", resolved, {}) == resolved
    text = message_of(ConfigError, configured, "lenet5", TrainConfig(recipe="mine"), {})
    assert text.startswith("training: recipe='mine' must be one of lenet5: ")
