"""Options of training that cannot be: each is told in one message that names option, value and what is allowed."""

import os

import pytest
from toys import message_of

from striate.errors import ConfigError
from striate.train.config import TrainConfig
from striate.train.config.reading import merged, parse_override, read_config

OPTIMIZERS = "'sgd', 'adagrad', 'adadelta', 'rmsprop', 'adam', 'adamw', 'nadam', 'radam', 'lars' or 'muon'"
OPTIMIZER_TAKES = (
    "It takes: name, lr, momentum, nesterov, betas, eps, smoothing, weight_decay, decay_all, lookahead, "
    "lookahead_share, groups."
)
GROUP_TAKES = "It takes: paths, lr_factor, weight_decay."


@pytest.fixture
def refused(failure, tmp_path, monkeypatch):
    """Return a function that runs ``striate train lenet5 --data digits`` in an empty folder and returns the message."""
    monkeypatch.chdir(tmp_path)

    def call(*words, status=2):
        text = failure("train", "lenet5", "--data", "digits", *words, status=status)
        assert "\n" not in text
        assert not os.listdir("."), "nothing is made of what is refused"  # noqa: PTH208
        return text

    return call


FLAGS = {
    "--optimizer adamm": f"--optimizer 'adamm' must be {OPTIMIZERS}. Did you mean 'adam' or 'radam'?",
    "--optimizer SGD": f"--optimizer 'SGD' must be {OPTIMIZERS}. Did you mean 'sgd'?",
    "--schedule cosin": (
        "--schedule 'cosin' must be 'constant', 'step', 'multi-step', 'exponential', 'cosine', 'one-cycle', "
        "'warm-restarts' or 'plateau'. Did you mean 'cosine'?"
    ),
    "--loss focall": (
        "--loss 'focall' must be 'auto', 'cross-entropy', 'binary', 'squared' or 'focal'. Did you mean 'focal'?"
    ),
    "--lr -1": "--lr -1.0 must be greater than 0.",
    "--lr nan": "--lr nan must be a finite number.",
    "--lr inf": "--lr inf must be a finite number.",
    "--weight-decay -0.1": "--weight-decay -0.1 must be greater than or equal to 0.",
    "--momentum 1": "--momentum 1.0 must be less than 1.",
    "--warmup 5": "--warmup 5.0 must be less than 1.",
    "--epochs 0": "--epochs 0.0 must be greater than 0.",
    "--batch-size 0": "--batch-size 0 must be greater than or equal to 1.",
    "--ema 1": "--ema 1.0 must be less than 1.",
    "--max-norm 0": "--max-norm 0.0 must be greater than 0.",
    "--clip-norm -1": "--clip-norm -1.0 must be greater than 0.",
    "--betas 0.9": "--betas [0.9] must be a list of two numbers such as [0.9, 0.999].",
    "--betas 0.9,1.5": "--betas 1.5 must be less than 1.",
    "--betas one,two": "--betas 'one,two' must be a list of two numbers such as [0.9, 0.999].",
    "--at ,": "--at ',' must be a list of epochs such as [5, 8].",
    "--at 5,nan": "--at nan must be a finite number.",
    "--class-weights 1,-2": (
        "--class-weights [1.0, -2.0] must be none, balanced, or a list of numbers above 0, one for each class."
    ),
    "--class-weights equal": (
        "--class-weights 'equal' must be none, balanced, or a list of numbers above 0, one for each class."
    ),
}


@pytest.mark.parametrize("words", FLAGS, ids=str)
def test_a_flag(refused, words):
    assert refused(*words.split()) == FLAGS[words]


OVERRIDES = {
    "lr": "'lr': write an option and its value as optimizer.lr=0.1.",
    "=3": "'=3': write an option and its value as optimizer.lr=0.1.",
    "optimizer.=3": "'optimizer.=3': write an option and its value as optimizer.lr=0.1.",
    "optimizer.lr=": "'optimizer.lr=': has no value; write one after the =, or null for none.",
    "patience= ": "'patience= ': has no value; write one after the =, or null for none.",
    "optimizer.lr=abc": "lr='abc' must be a number.",
    "optimizer.lr=-1": "lr=-1 must be greater than 0.",
    "optimizer.lr=.nan": "lr=nan must be a finite number.",
    "epochs=null": "epochs=None must be a number.",
    "optimizer.lrr=1": f"optimizer has no option 'lrr'. Did you mean 'lr'? {OPTIMIZER_TAKES}",
    "lr.x=1": "'lr.x=1': lr is no group of options; write it as lr=….",
    "epochs.x=1": "'epochs.x=1': epochs is no group of options; write it as epochs=….",
    "optimizer=[1]": "optimizer: must be a name, or a mapping of options such as groups; got [1].",
    "optimizer=3": "optimizer: must be a name, or a mapping of options such as groups; got 3.",
    "optimizer={3: 1}": f"optimizer has no option '3'. {OPTIMIZER_TAKES}",
    "averaging=ema": "averaging: must be a mapping of options such as swa_every; got 'ema'.",
    "betas=[0.9]": "betas=[0.9] must be a list of two numbers such as [0.9, 0.999].",
    "betas=[0.9, 1.5]": "betas=1.5 must be less than 1.",
    "at=5": "at=5 must be a list of epochs such as [5, 8].",
    "class_weights=[1, -2]": (
        "class_weights=[1, -2] must be none, balanced, or a list of numbers above 0, one for each class."
    ),
    "groups=[3]": "groups=[3] must be a list of groups, such as [{paths: conv1.*, lr_factor: 0.1}].",
    "groups=[{path: c1.*}]": (
        "groups=[{'path': 'c1.*'}] must be a list of groups: a group has no option 'path'. Did you mean 'paths'? "
        f"{GROUP_TAKES}"
    ),
    "groups=[{paths: c1.*, lr_factor: -1}]": (
        "groups=[{'paths': 'c1.*', 'lr_factor': -1}] must be a list of groups: lr_factor=-1 must be greater than or "
        "equal to 0."
    ),
    "groups=[{paths: c1.*}, {paths: c3.*}, {paths: c1.*}]": (
        "groups=[{'paths': 'c1.*'}, {'paths': 'c3.*'}, {'paths': 'c1.*'}] must be a list of groups of different paths: "
        "'c1.*' stands twice, and the first group that matches counts."
    ),
    "lr=[": "'lr=[': its value cannot be read; put a text in quotes.",
    "lr=!!python/name:os.system": (
        "'lr=!!python/name:os.system': its value cannot be read; put a text in quotes."
    ),
    "lr=&a [*a]": "'lr=&a [*a]': its value cannot be read; put a text in quotes.",
}


@pytest.mark.parametrize("words", OVERRIDES, ids=str)
def test_an_override(refused, words):
    assert refused(words) == OVERRIDES[words]


def test_an_unknown_option_or_group_suggests_the_nearest(refused):
    assert refused("optimzer.lr=1") == "there is no option 'optimzer'. Did you mean 'optimizer'?"
    assert refused("epoch=1") == "there is no option 'epoch'. Did you mean 'epochs'?"


def test_what_is_near_no_option_is_told_of_all_by_their_groups(refused):
    text = refused("zzz=1")
    assert text.startswith(
        "there is no option 'zzz'. There are recipe, epochs, batch_size, seed, init, device, patience, "
    )
    assert (
        "; of averaging ema, swa, swa_every; of checkpoints every_steps, every_minutes, keep_best; " in text
    )
    assert text.endswith("; of health health_every.")


TOGETHER = {
    "--schedule step --every 20 --epochs 10": (
        "--every 20.0: must be below epochs=10, or the rate would never fall."
    ),
    "--schedule multi-step --epochs 10": (
        "at=[]: must be epochs at which the rate falls, such as [5, 8]. Set it with --at 5,8 (at=[5, 8])."
    ),
    "--schedule multi-step at=[5,12] --epochs 10": (
        "at=[5.0, 12.0]: must be epochs below epochs=10. Remove those, or train longer."
    ),
    "--schedule multi-step at=[8,5] --epochs 10": (
        "at=[8.0, 5.0]: must be epochs in rising order, none of them twice."
    ),
    "--schedule cosine at=[5] --epochs 10": (
        "at=[5.0]: must be empty for cosine. schedule=multi-step has such epochs."
    ),
    "--schedule plateau --plateau 20 --epochs 10": (
        "--plateau 20: must be below 9 for epochs=10, or the rate could never fall. Or train longer."
    ),
    "--schedule warm-restarts --every 12 --epochs 10": (
        "--every 12.0: must be below the 9.5 epochs after the warmup, or nothing would restart."
    ),
    "--schedule multi-step --at 5,12 --epochs 10": (
        "--at [5.0, 12.0]: must be epochs below epochs=10. Remove those, or train longer."
    ),
    "class_weights=[1,2]": (
        "class_weights=[1.0, 2.0]: must be none, balanced, or 10 numbers, one for each class."
    ),
}


@pytest.mark.parametrize("words", TOGETHER, ids=str)
def test_options_that_do_not_fit_the_training(refused, words):
    assert refused(*words.split(), status=1) == TOGETHER[words]


FILES = {
    "list": ("- epochs: 3", "a configuration is a mapping of options, such as 'epochs: 20'."),
    "nothing": ("", "a configuration is a mapping of options, such as 'epochs: 20'."),
    "run of a list": (
        "kind: striate run\ntraining: [3]",
        "a configuration is a mapping of options, such as 'epochs: 20'.",
    ),
    "run of nothing": ("kind: striate run", "a configuration is a mapping of options, such as 'epochs: 20'."),
    "bytes": (b"\xff\xfe", "is not a text file."),
    "twice": ("epochs: 3\nepochs: 4", "lines 1 and 2: the key 'epochs' stands twice in one mapping."),
    "broken": (
        "epochs: 3\noptimizer: {name sgd]",
        "not YAML: line 2, column 21: expected ',' or '}', but got ']'.",
    ),
    "control character": (
        "epochs: 3\na: \x01",
        "not YAML: line 2, column 4: the character U+0001 is not allowed.",
    ),
    "large": ("#" * (2**20 + 1), "is larger than a configuration can be, 1048576 bytes."),
    "group of a list": (
        "optimizer: [1]",
        "optimizer: must be a name, or a mapping of options such as groups; got [1].",
    ),
    "option of a group": (
        "optimizer: {lrr: 0.1}",
        f"optimizer has no option 'lrr'. Did you mean 'lr'? {OPTIMIZER_TAKES}",
    ),
    "number as a key": ("optimizer: {3: 4}", f"optimizer has no option '3'. {OPTIMIZER_TAKES}"),
}


@pytest.mark.parametrize("name", FILES, ids=str)
def test_a_file(failure, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    content, message = FILES[name]
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "options.yaml").write_bytes(data)
    words = ["train", "lenet5", "--data", "digits", "--config", "options.yaml"]
    assert failure(*words, status=2) == f"options.yaml: {message}"


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir", "!mine"], ids=["python", "mine"])
def test_a_tag_in_a_file_is_refused_and_makes_nothing(tmp_path, monkeypatch, tag):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "options.yaml").write_text(f"epochs: {tag} [made]")
    text = message_of(ConfigError, read_config, "options.yaml")
    assert text.startswith(
        "options.yaml: not YAML: line 1, column 9: could not determine a constructor for the tag"
    )
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("written", ["1e-3", "1E-3", "0.001", "1.0e-3", ".1e-2", "+1e-3"], ids=str)
def test_a_power_of_ten_is_a_number(tmp_path, written):
    file = tmp_path / "options.yaml"
    file.write_text(f"optimizer: {{lr: {written}, betas: [{written}, 0.9]}}")
    for layer in (read_config(file), parse_override(f"optimizer={{lr: {written}, betas: [{written}, 0.9]}}")):
        config = merged([layer])
        assert (config.optimizer.lr, config.optimizer.betas) == (0.001, (0.001, 0.9))


def test_a_value_of_a_file_is_told_by_the_name_of_its_option(failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "options.yaml").write_text("optimizer: {lr: -1}")
    words = ("train", "lenet5", "--data", "digits", "--config", "options.yaml")
    assert failure(*words, status=2) == "lr=-1 must be greater than 0."
    assert failure(*words, "--lr", "-2", status=2) == "--lr -2.0 must be greater than 0."


@pytest.mark.parametrize(
    "text",
    ["lr: 0.5\noptimizer: {name: sgd, lr: 0.1}", "optimizer: {name: sgd, lr: 0.1}\nlr: 0.5"],
    ids=["before", "behind"],
)
def test_a_file_says_an_option_once(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "options.yaml").write_text(text)
    assert message_of(ConfigError, read_config, "options.yaml") == (
        "options.yaml: lr: 0.5 and optimizer: {lr: 0.1} say the same option twice; keep one of them."
    )


@pytest.mark.parametrize("names", [("lr", "optimizer"), ("optimizer", "lr")], ids=["before", "behind"])
def test_the_own_name_of_an_option_beats_its_group_in_any_order(names):
    both = {"lr": 0.5, "optimizer": {"name": "sgd", "lr": 0.1}}
    layer = {name: both[name] for name in names}
    for optimizer in (merged([layer]).optimizer, TrainConfig(**layer).optimizer):
        assert (optimizer.name, optimizer.lr) == ("sgd", 0.5)
    assert merged([layer, {"optimizer": {"lr": 0.25}}]).optimizer.lr == 0.25


def test_the_file_of_a_run_has_its_recipe_resolved(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("kind: striate run\ntraining: {recipe: digits, epochs: 3}")
    assert read_config(file) == {"epochs": 3}
