"""Runs with augmentation: what the network sees, what the run remembers, what is refused before anything is loaded."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import NAMES, message_of, quick, tiny, toy_source, trained

import striate as st
from striate.data import Batches, Recipe
from striate.data.augment.effects import HorizontalFlip, Mixup, PCAColor, RandomCrop, TimeShift
from striate.errors import ConfigError
from striate.train import RunFolder, train
from striate.train.prepare import prepare

FLIPPED = Recipe((HorizontalFlip(p=1.0),))


def inputs(source, step=0, **options):
    """Return batch ``step`` as it is stored, and what the network takes of it."""
    prepared = prepare(tiny(channels=source.shape[0]), source, quick(**options))
    batch = Batches(prepared.train, 16, prepared.record.training.seed)[step]
    return batch, *prepared.inputs(batch), prepared.record


def test_the_network_sees_what_the_recipe_says():
    source = toy_source()
    batch, images, targets, record = inputs(source, augment=FLIPPED)
    pixels = source.array("train") / 255
    expected = (batch.images.numpy()[..., ::-1] / 255 - pixels.mean()) / pixels.std()
    np.testing.assert_allclose(images.numpy(), expected, atol=1e-5)
    assert torch.equal(targets, batch.targets)
    assert record.augment == FLIPPED


def test_without_a_recipe_nothing_is_done():
    batch, images, _, record = inputs(toy_source())
    assert torch.equal(images, record.preprocess.normalize(batch.images))
    assert record.augment == Recipe()


def test_a_run_is_a_function_of_its_seed(tmp_path):
    for name, options in {"a": {}, "b": {}, "other": {"seed": 1}, "plain": {"augment": "none"}}.items():
        trained(tmp_path / name, **{"augment": "cifar"} | options)
    weights = {run.name: load_file(run / "model.safetensors") for run in tmp_path.iterdir()}
    for key, tensor in weights["a"].items():
        assert torch.equal(tensor, weights["b"][key])
    assert not torch.equal(weights["a"]["conv.weight"], weights["plain"]["conv.weight"])
    assert not torch.equal(weights["a"]["conv.weight"], weights["other"]["conv.weight"])


def test_what_is_done_to_an_image_depends_on_the_step_alone():
    source = toy_source()
    prepared = prepare(tiny(), source, quick(augment="mnist"))
    batches = Batches(prepared.train, 16, 0)
    first, _ = prepared.inputs(batches[0])
    again, _ = prepared.inputs(batches[0])
    later, _ = prepared.inputs(batches[3])  # the same images or not, of another step
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_a_run_remembers_its_recipe(tmp_path):
    file = tmp_path / "mine.yaml"
    FLIPPED.save(file)
    trained(tmp_path / "run", augment=str(file))
    file.unlink()
    record = RunFolder.open(tmp_path / "run").record
    assert record.augment == FLIPPED
    assert Recipe.from_yaml(record.training.images.augment) == FLIPPED
    trained(tmp_path / "again", augment=record.training.images.augment)
    pair = [load_file(tmp_path / name / "model.safetensors")["conv.weight"] for name in ("run", "again")]
    assert torch.equal(*pair)


def test_runs_from_before_had_none(tmp_path):
    trained(tmp_path / "run")
    file = tmp_path / "run" / "run.yaml"
    text = file.read_text()
    start, end = text.index("augment:"), text.index("training:")
    file.write_text(text[:start] + text[end:])
    assert RunFolder.open(tmp_path / "run").record.augment == Recipe()


def test_mixed_targets_are_probabilities(tmp_path):
    source = toy_source()
    batch, _, targets, _ = inputs(source, augment=Recipe((Mixup(alpha=1.0),)))
    assert targets.shape == (16, 3)
    torch.testing.assert_close(targets.sum(1), torch.ones(16))
    own = targets[torch.arange(16), batch.targets]
    assert ((own > 0) & (own < 1)).any()
    events = trained(tmp_path / "run", data=source, augment=Recipe((Mixup(alpha=1.0),)), epochs=30, lr=0.01)
    assert events[-1].best_accuracy > 0.9


def test_an_effect_may_be_for_some_classes():
    source = toy_source()
    recipe = Recipe((HorizontalFlip(p=1.0, classes=("middle",)),))
    batch, images, _, record = inputs(source, augment=recipe)
    plain = record.preprocess.normalize(batch.images)
    for image, before, target in zip(images, plain, batch.targets, strict=True):
        assert torch.equal(image, before.flip(-1) if NAMES[target] == "middle" else before)


def test_colors_are_those_of_the_training_split():
    source = toy_source(channels=3)
    *_, record = inputs(source, augment="alexnet")
    (effect,) = [e for e in record.augment.effects if isinstance(e, PCAColor)]
    pixels = source.array("train").transpose(1, 0, 2, 3).reshape(3, -1) / 255
    vectors, values, _ = np.linalg.svd(np.cov(pixels, bias=True))
    np.testing.assert_allclose(effect.eigenvalues, values, atol=1e-9)
    cosines = np.abs(np.sum(np.array(effect.eigenvectors) * vectors.T, 1))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)


def test_grey_images_have_one_component():
    source = toy_source()
    *_, record = inputs(source, augment=Recipe((PCAColor(),)))
    (effect,) = record.augment.effects
    variance = (source.array("train") / 255).var()
    np.testing.assert_allclose(effect.eigenvalues, [3 * variance, 0, 0], atol=1e-9)
    np.testing.assert_allclose(effect.eigenvectors[0], [3**-0.5] * 3, atol=1e-9)


def test_crops_come_out_of_what_is_stored(tmp_path):
    source = toy_source()
    options = {"augment": Recipe((RandomCrop(margin=0),)), "stored_size": 11}
    batch, images, _, record = inputs(source, **options)
    assert batch.images.shape == (16, 1, 11, 11)
    assert record.preprocess.stored == (11, 11)
    (step,) = record.preprocess.steps
    pixels = images.numpy() * step.std[0] * 255 + step.mean[0] * 255
    places = set()
    for window, stored in zip(pixels[:, 0], batch.images.numpy()[:, 0], strict=True):
        hits = [
            (top, left)
            for top in range(4)
            for left in range(4)
            if np.abs(stored[top : top + 8, left : left + 8] - window).max() < 0.01
        ]
        assert len(hits) == 1
        places.update(hits)
    assert len(places) > 4
    trained(tmp_path / "run", data=source, **options)
    run = st.Run(tmp_path / "run")
    assert run.evaluate("test", source, device="cpu").images == 24


def test_a_crop_that_has_no_room_is_told():
    def told(**options):
        return [n for n in prepare(tiny(), toy_source(), quick(**options)).notes if "stored_size" in n]

    assert len(told(augment="alexnet")) == 1
    assert told(augment="alexnet", stored_size=10) == told(augment="cifar") == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"augment": Recipe((TimeShift(),))}, r"is for signals, and toy holds images"),
        (
            {"augment": Recipe((HorizontalFlip(classes=("lefft",)),))},
            r"there is no class 'lefft'. Did you mean 'left'",
        ),
        ({"stored_size": 7}, r"stored_size=7: must be at least the height of the network's input, 8"),
    ],
    ids=["signals", "class", "stored"],
)
def test_what_cannot_be_done_is_told_before(tmp_path, options, message):
    told = message_of(ConfigError, train, tiny(), toy_source(), quick(**options), tmp_path / "run")
    assert message in told
    assert not (tmp_path / "run").exists()
