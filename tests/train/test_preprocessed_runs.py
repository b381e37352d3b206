"""Runs with every preprocessing: what is trained, measured and predicted sees the same, also after reading it again."""

import shutil
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file
from toys import message_of, quick, tiny, toy_source, trained, write_image

import striate as st
from striate.data import Preprocess, fit_preprocess, load_split
from striate.errors import ConfigError, DataError, RunError, WeightsError
from striate.train import RunFolder, TrainConfig, train
from striate.train.prepare import prepare

KINDS = [
    "standardize",
    "unit",
    "symmetric",
    "per-pixel",
    "gcn",
    "lcn",
    "pca:20",
    "zca",
    "gcn+zca:16",
    "quantize:4+standardize",
]


def answers(run, source, split):
    """Return what a run predicts of each image of a split of pixels, as (class, probability)."""
    images = [Image.fromarray(image[0]) for image in source.array(split)]
    return [(p.top[0].index, p.top[0].probability) for p in run.predict(images, device="cpu")]


@pytest.mark.parametrize("kind", KINDS)
def test_predicting_answers_as_measuring_does(tmp_path, kind):
    source = toy_source()
    config = quick(preprocess=kind, lr=0.01)
    prepared = prepare(tiny(), source, config).record.preprocess
    list(train(tiny(), source, config, tmp_path / "run"))
    run = st.Run(tmp_path / "run")
    assert run.record.preprocess == prepared  # read from the folder
    images = load_split(source, "test", (1, 8, 8)).images
    assert torch.equal(run.record.preprocess.normalize(images), prepared.normalize(images))
    guesses = answers(run, source, "test")
    right = [index == target for (index, _), target in zip(guesses, source.targets["test"], strict=True)]
    evaluation = run.evaluate("test", source, device="cpu")
    assert np.mean(right) == evaluation.accuracy
    with torch.no_grad():
        logits = run.module()(prepared.normalize(images)).double()
    assert [p for _, p in guesses] == pytest.approx(logits.softmax(1).amax(1).tolist(), rel=1e-5)
    has_tensors = any(name in kind for name in ("per-pixel", "pca", "zca"))
    assert (tmp_path / "run" / "preprocess.safetensors").exists() == has_tensors


def test_it_is_fitted_on_the_training_split_alone(tmp_path):
    source, other = toy_source(), toy_source()
    other.array("val")[:] = 255 - other.array("val")
    other.array("test")[:] = 255 - other.array("test")
    for kind in ("standardize", "per-pixel", "gcn+zca"):
        one, two = (prepare(tiny(), s, quick(preprocess=kind)).record.preprocess for s in (source, other))
        assert one == two == fit_preprocess(load_split(source, "train", (1, 8, 8)), kind)


@pytest.mark.parametrize("resize", ["stretch", "fit", "cover"])
def test_resizing_is_the_same_everywhere(tmp_path, resize):
    root = tmp_path / "set"
    for number in range(24):
        for split in ("train", "val", "test"):
            write_image(root / split / "ab"[number % 2] / f"{number:02}.png", number, (9 + number % 5, 14))
    options = {"resize": resize, "channel_order": "bgr", "lr": 0.01}
    trained(tmp_path / "run", tiny(classes=2, channels=3), root, **options)
    run = st.Run(tmp_path / "run")
    kept = run.record.preprocess
    assert (kept.resize.policy, kept.channel_order) == (resize, "bgr")
    files = sorted((root / "test").glob("*/*.png"))
    right = [
        p.top[0].class_name == file.parent.name for p, file in zip(run.predict(files), files, strict=True)
    ]
    assert run.evaluate("test").accuracy == np.mean(right)


def test_a_larger_size_that_is_stored(tmp_path):
    trained(tmp_path / "run", lr=0.01)
    file = tmp_path / "run" / "run.yaml"
    data = yaml.safe_load(file.read_text())
    data["preprocess"]["stored"] = [12, 10]
    file.write_text(yaml.safe_dump(data))
    run, source = st.Run(tmp_path / "run"), toy_source()
    guesses = answers(run, source, "test")
    right = [index == target for (index, _), target in zip(guesses, source.targets["test"], strict=True)]
    assert run.evaluate("test", source).accuracy == np.mean(right)


def test_what_a_policy_cannot_change_is_told():
    notes = prepare(tiny(), toy_source(), quick(resize="cover")).notes
    assert notes == ("the images are stored in the size that is wanted, so resize=cover changes none",)
    assert prepare(tiny(), toy_source(), quick()).notes == ()


def test_a_run_of_schema_1(toy_run, tmp_path):
    shutil.copytree(toy_run, tmp_path / "old")
    file = tmp_path / "old" / "run.yaml"
    data = yaml.safe_load(file.read_text())
    (step,) = data["preprocess"]["steps"]
    data["schema"] = 1
    data["preprocess"] = {"shape": [1, 8, 8], **step["standardize"], "resize": None}
    options = data["training"]
    groups = {name: options.pop(name) for name in [*options] if isinstance(options[name], dict)}
    options |= {key: value for group in groups.values() for key, value in group.items() if key != "name"}
    options |= {name: group["name"] for name, group in groups.items() if "name" in group}
    for name in ("preprocess", "resize", "channel_order"):
        del options[name]
    file.write_text(yaml.safe_dump(data))
    assert st.Run(tmp_path / "old").record.preprocess == st.Run(toy_run).record.preprocess
    source = toy_source()
    assert answers(st.Run(tmp_path / "old"), source, "test") == answers(st.Run(toy_run), source, "test")
    data["preprocess"]["resize"] = [10, 12]
    file.write_text(yaml.safe_dump(data))
    kept = st.Run(tmp_path / "old").record.preprocess
    assert (kept.stored_shape, kept.resize.policy) == ((1, 10, 12), "stretch")
    del data["preprocess"]["resize"]  # runs made before it was known
    file.write_text(yaml.safe_dump(data))
    assert st.Run(tmp_path / "old").record.preprocess == st.Run(toy_run).record.preprocess


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"shape": [1, 9, 8]}, "shape (1, 9, 8) is not the network's input (1, 8, 8)"),
        ({"shape": [1, 8]}, "not enough values to unpack"),
        ({"stored": [7, 9]}, "stored=(7, 9): must be height and width in pixels, 1 to 65535, at least those of"),
        ({"stored": 9}, "stored=9: must be height and width in pixels, 1 to 65535, at least those of the input, 8×8."),
        ({"resize": {"policy": "strech", "fill": 0}}, "Did you mean 'stretch'?"),
        ({"resize": {"policy": "fit", "fil": 0}}, "TypeError: "),
        ({"resize": "fit"}, "TypeError: "),
        ({"channel_order": "bgr"}, "channel_order='bgr': must be rgb for images of 1 channel."),
        ({"steps": None}, "TypeError: "),
        ({"steps": [{"standardise": {}}]}, "unknown step 'standardise'. Did you mean 'standardize'"),
        ({"steps": [{"standardize": {"mean": [], "std": []}}]}, "std=(): must be as many numbers as mean has, 0."),
        ({"steps": [{"standardize": {"mean": [0.5], "std": [0.0]}}]}, "std=(0.0,): must be finite numbers above 0."),
        ({"steps": [{"standardize": {"mean": ["x"], "std": [1.0]}}]}, "TypeError: must be real number, not str"),
        ({"steps": [{"standardize": {"mean": [0.5] * 2, "std": [1.0] * 2}}]}, "a number for each of 1 channels"),
        ({"steps": [{"standardize": {"mean": [0.5]}}]}, "is made of mean (no tensor), std (no tensor), and has mean."),
        ({"steps": [{"standardize_pixels": {"mean": 1, "std": 1}}]}, "std (a tensor), and has mean, std."),
        ({"steps": [{"standardize_pixels": {}}]}, "std (a tensor), and has nothing."),
        ({"steps": [{"global_contrast": {"scale": "big", "bias": 0.0, "eps": 1.0}}]}, "TypeError: "),
    ],
)  # fmt: skip
def test_a_damaged_description(toy_run, tmp_path, values, reason):
    shutil.copytree(toy_run, tmp_path / "copy")
    file = tmp_path / "copy" / "run.yaml"
    data = yaml.safe_load(file.read_text())
    data["preprocess"] |= values
    file.write_text(yaml.safe_dump(data))
    text = message_of(RunError, st.Run, tmp_path / "copy")
    assert text.startswith(f"{tmp_path / 'copy'}: its run.yaml is damaged (")
    assert reason in text


@pytest.fixture(scope="module")
def per_pixel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    trained(folder, preprocess="per-pixel")
    return folder


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t | {"0.mean": torch.zeros(1, 8, 9).double()}, "std: must be of 1×8×9 float64 values"),
        (
            lambda t: {n: v[:, :, :7] for n, v in t.items()},
            "mean: must be of 1×8×8 float64 values, and is of 1×8×7",
        ),
        (
            lambda t: t | {"0.mean": t["0.mean"] * torch.nan},
            "mean: must be of finite values, and some are not.",
        ),
        (lambda t: t | {"0.std": -t["0.std"]}, "std: must be above 0, and one is -"),
        (lambda t: {n: v.float() for n, v in t.items()}, "and is of 1×8×8 float32."),
        (lambda t: t | {"0.eps": t["0.std"] + 1}, "(a tensor), and has eps, mean, std."),
        (lambda t: {"0.mean": t["0.mean"]}, "and has mean."),
    ],
    ids=["std", "shape", "nan", "negative", "float32", "another", "none"],
)
def test_damaged_tensors(per_pixel, tmp_path, change, reason):
    shutil.copytree(per_pixel, tmp_path / "copy")
    file = tmp_path / "copy" / "preprocess.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in change(load_file(file)).items()}, file)
    assert reason in message_of(RunError, RunFolder.open, tmp_path / "copy")


def test_tensors_that_are_gone_or_no_file_of_tensors(per_pixel, tmp_path):
    shutil.copytree(per_pixel, tmp_path / "copy")
    file = tmp_path / "copy" / "preprocess.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    text = message_of(RunError, RunFolder.open, tmp_path / "copy")
    assert text.startswith(f"{tmp_path / 'copy'}: ")
    assert "preprocess.safetensors: not a readable safetensors file" in text
    file.unlink()
    assert "and has nothing." in message_of(RunError, RunFolder.open, tmp_path / "copy")


def test_what_cannot_be_fitted_is_known_before_anything_is_loaded(monkeypatch):
    message = "components: 49 of 48 images of 64 values; there are at most 48. Take fewer, as in zca:48."
    monkeypatch.setattr(sys.modules["striate.train.prepare"], "open_split", None)
    assert message_of(DataError, prepare, tiny(), toy_source(), quick(preprocess="zca:49")) == message


def test_bgr_of_grey_images(monkeypatch):
    monkeypatch.setattr(sys.modules["striate.train.prepare"], "open_split", None)
    text = message_of(DataError, prepare, tiny(), toy_source(), quick(channel_order="bgr"))
    assert text == "channel_order='bgr': must be rgb for images of 1 channel."


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    def full(*_):
        raise WeightsError("x: cannot be written: No space left on device.")

    monkeypatch.setattr(sys.modules["striate.train.folder"], "write_tensors", full)
    text = message_of(RunError, trained, tmp_path / "run", preprocess="per-pixel")
    assert text == "x: cannot be written: No space left on device."
    assert not (tmp_path / "run").exists()


def test_the_configuration_is_kept():
    config = TrainConfig(preprocess="gcn+zca:256", resize="cover", channel_order="bgr")
    images = config.images
    assert (images.preprocess, images.resize, images.channel_order) == ("gcn+zca:256", "cover", "bgr")
    assert "did you mean 'gcn'?" in message_of(ConfigError, TrainConfig, preprocess="gnc")
    assert Preprocess((1, 2, 2)).steps == ()
