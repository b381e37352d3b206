"""Where an augmentation runs changes nothing: on any device, under autocast, with another default type of floats."""

import numpy as np
import pytest
import torch
from every_effect import augment, batch, effect, often

from striate.data.augment.draws import image_keys, streams, uniforms
from striate.data.augment.effects import EFFECTS, Mixing
from striate.data.augment.effects.pixels import Pixels
from striate.data.augment.rendering import Rendering, rendered_signals
from striate.data.augment.signals import warp_signal

EACH = pytest.mark.parametrize("kind", EFFECTS)
COUNT = 6
WAITING = ("Blur", "Equalize")  # for numbers from the device, of which there are none on "meta"


def of_stage(stage):
    return pytest.mark.parametrize("kind", [kind for kind in EFFECTS if EFFECTS[kind].stage == stage])


def values_of(made):
    keys = image_keys(0, 0, np.arange(COUNT))
    return made.values(uniforms(keys, made.draws), lambda: streams(keys, 0))


@pytest.fixture
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@of_stage("signal")
@pytest.mark.parametrize("p", [0.5, 1.0])
def test_signals_stay_on_their_device(kind, p):
    signals, _ = batch(kind, COUNT)
    here = augment(effect(kind, p=p))
    plan = here.plan(signals, None, image_keys(0, 0, np.arange(COUNT)))
    out = rendered_signals(signals.to("meta"), plan, Rendering(None, "zeros", 0.0))
    assert (out.device.type, out.shape, out.dtype) == ("meta", signals.shape, torch.float32)


def test_signals_are_warped_where_they_lie():
    out = warp_signal(
        torch.zeros(2, 1, 9, device="meta"), torch.zeros(2), torch.tensor([0.5, 2.0]), "reflect"
    )
    assert (out.device.type, out.shape) == ("meta", (2, 1, 9))


@pytest.mark.parametrize("kind", [k for k in EFFECTS if issubclass(EFFECTS[k], Pixels) and k not in WAITING])
def test_pixels_stay_on_their_device(kind):
    made = effect(kind)
    out = made.change(torch.zeros(COUNT, 3, 18, 20, device="meta"), values_of(made))
    assert (out.device.type, out.shape, out.dtype) == ("meta", (COUNT, 3, 18, 20), torch.float32)


@pytest.mark.parametrize("kind", [kind for kind in EFFECTS if issubclass(EFFECTS[kind], Mixing)])
def test_mixtures_stay_on_their_device(kind):
    made = effect(kind)
    images = torch.zeros(COUNT, 3, 18, 20, device="meta")
    out, shares = made.mix(images, images, values_of(made))
    assert (out.device.type, out.shape, shares.shape) == ("meta", images.shape, (COUNT,))


@EACH
def test_autocast_changes_nothing(kind):
    images, targets = batch(kind, COUNT)
    alone = augment(often(kind))(images, targets)
    with torch.autocast("cpu", torch.bfloat16):
        within = augment(often(kind))(images, targets)
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(within[0], alone[0])
    assert torch.equal(within[1], alone[1])


@EACH
@pytest.mark.parametrize("p", [0.5, 1.0])
@pytest.mark.usefixtures("doubles")
def test_another_default_type_changes_nothing(kind, p):
    images, targets = batch(kind, COUNT)
    out, mixed = augment(effect(kind, p=p))(images, targets)
    torch.set_default_dtype(torch.float32)
    expected, of_expected = augment(effect(kind, p=p))(images, targets)
    assert out.dtype == torch.float32
    assert torch.equal(out, expected)
    assert torch.equal(mixed, of_expected)
    assert mixed.dtype == of_expected.dtype
