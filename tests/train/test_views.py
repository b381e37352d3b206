"""Several views of an image: the mean of the probabilities counts, in measuring and in predicting alike."""

import numpy as np
import pytest
import torch
from PIL import Image
from toys import message_of, toy_source, trained

import striate as st
from striate.data import Preprocess
from striate.data.augment import VIEWS, seen, with_room
from striate.errors import ConfigError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    trained(folder / "run", augment="none", lr=0.01)
    trained(folder / "larger", stored_size=11, lr=0.01)
    return folder


def crops(images, mirrored):
    """Return the corners and the middle of images ``(N, 1, H, W)``, each 8×8, and their mirror images."""
    end = images.shape[-1] - 8
    middle = end // 2
    places = [(0, 0), (0, end), (end, 0), (end, end), (middle, middle)]
    views = [images[..., y : y + 8, x : x + 8] for y, x in places]
    return views + [view[..., ::-1] for view in views] if mirrored else views


def mean_probabilities(run, views):
    """Return the mean softmax over ``views`` of bytes, ``(N, classes)``, in float64."""
    module, (step,) = run.module().double(), run.record.preprocess.steps
    with torch.no_grad():
        answers = [
            module(torch.from_numpy((view / 255 - step.mean[0]) / step.std[0])).softmax(1) for view in views
        ]
    return torch.stack(answers).mean(0).numpy()


def test_flipping_averages_two(run):
    images = toy_source().array("test")
    found = st.Run(run / "run")
    expected = mean_probabilities(found, [images, images[..., ::-1]])
    predicted = found.predict([Image.fromarray(i[0]) for i in images], device="cpu", views="flip")
    assert [p.top[0].index for p in predicted] == expected.argmax(1).tolist()
    assert [p.top[0].probability for p in predicted] == pytest.approx(expected.max(1).tolist(), rel=1e-4)
    targets = toy_source().targets["test"]
    evaluation = found.evaluate("test", toy_source(), device="cpu", views="flip")
    assert evaluation.accuracy == np.mean(expected.argmax(1) == targets)
    assert evaluation.loss == pytest.approx(-np.log(expected[np.arange(24), targets]).mean(), rel=1e-4)


@pytest.mark.parametrize("name", ["five-crop", "ten-crop"])
def test_crops_come_out_of_the_stored_size(run, name):
    found = st.Run(run / "larger")
    images = [Image.fromarray(i[0]) for i in toy_source().array("test")]
    larger = [image.resize((8, 11), 2).resize((11, 11), 2) for image in images]
    stored = np.stack([np.asarray(image) for image in larger])[:, None]
    expected = mean_probabilities(found, crops(stored, name == "ten-crop"))
    predicted = found.predict(images, device="cpu", views=name)
    assert [p.top[0].probability for p in predicted] == pytest.approx(expected.max(1).tolist(), rel=1e-4)


def test_images_are_loaded_larger_where_crops_need_it():
    plain = Preprocess((3, 224, 192))
    assert with_room(plain, "ten-crop").stored_shape == (3, 256, 219)
    assert with_room(plain, "flip") == with_room(plain, "scales") == plain
    stored = Preprocess((3, 224, 224), stored=(230, 230))
    assert with_room(stored, "five-crop") == stored


def test_scales_zoom_into_the_middle():
    row = torch.arange(64, dtype=torch.uint8).expand(1, 1, 64, 64).contiguous()
    views = [view[0, 0, 32] * 255 for view in seen(row, Preprocess((1, 64, 64)), "scales")]
    assert len(views) == 6
    for view, zoom in zip(views[:3], (1, 8 / 7, 4 / 3), strict=True):
        assert torch.diff(view[4:60]).mean().item() == pytest.approx(1 / zoom, rel=1e-2)
        assert view.mean().item() == pytest.approx(31.5, abs=0.05)
    for view in views[3:]:
        assert torch.diff(view[4:60]).mean() < 0


@pytest.mark.parametrize("name", VIEWS)
def test_every_name_works(run, name):
    evaluation = st.Run(run / "run").evaluate("test", toy_source(), device="cpu", views=name)
    assert evaluation.images == 24


def test_an_unknown_name(run):
    found = st.Run(run / "run")
    for call in (
        lambda: found.predict([Image.new("L", (8, 8))], views="tencrop"),
        lambda: found.evaluate("test", toy_source(), views="tencrop"),
    ):
        assert "unknown views 'tencrop'. Did you mean 'ten-crop'" in message_of(ConfigError, call)
