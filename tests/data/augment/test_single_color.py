"""Effects on colors and pixels, each alone, against Pillow, colorsys, SciPy and NumPy on photographs."""

import colorsys
import io
from itertools import permutations

import numpy as np
import pytest
from applying import augmented, drawn
from pictures import photographs, planes
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage, stats

from striate.data.augment.draws import image_keys, uniforms
from striate.data.augment.effects import (
    JPEG,
    AutoContrast,
    Blur,
    Brightness,
    ChannelShift,
    ChannelShuffle,
    Contrast,
    Cutout,
    Equalize,
    Erase,
    Gamma,
    Grayscale,
    Hue,
    Invert,
    Noise,
    PCAColor,
    Posterize,
    SaltAndPepper,
    Saturation,
    Sharpen,
    Solarize,
    Speckle,
)


@pytest.fixture(scope="module", params=["RGB", "L"])
def images(request, data_folder):
    return photographs(data_folder, request.param)


@pytest.fixture(scope="module")
def in_color(data_folder):
    return photographs(data_folder)


def as_grey(image):
    return ImageOps.grayscale(image).convert(image.mode)


PILLOW = {  # effect, Pillow, levels of 255 that may lie between, as Pillow rounds
    "darker": (Brightness(factor=(0.6, 0.6)), lambda i: ImageEnhance.Brightness(i).enhance(0.6), 1),
    "lighter": (Brightness(factor=(1.7, 1.7)), lambda i: ImageEnhance.Brightness(i).enhance(1.7), 1),
    "less contrast": (Contrast(factor=(0.4, 0.4)), lambda i: ImageEnhance.Contrast(i).enhance(0.4), 1.01),
    "more contrast": (Contrast(factor=(1.8, 1.8)), lambda i: ImageEnhance.Contrast(i).enhance(1.8), 1.01),
    "paler": (Saturation(factor=(0.3, 0.3)), lambda i: ImageEnhance.Color(i).enhance(0.3), 1.5),
    "more colorful": (Saturation(factor=(2.5, 2.5)), lambda i: ImageEnhance.Color(i).enhance(2.5), 2.5),
    "grey": (Grayscale(p=1), as_grey, 0.51),
    "inverted": (Invert(p=1), ImageOps.invert, 1e-4),
    "posterized": (Posterize(bits=(3, 3), p=1), lambda i: ImageOps.posterize(i, 3), 1e-4),
    "solarized": (Solarize(threshold=(0.5, 0.5), p=1), lambda i: ImageOps.solarize(i, 128), 1e-4),
    "equalized": (Equalize(p=1), ImageOps.equalize, 1.01),
    "auto contrast": (AutoContrast(p=1), ImageOps.autocontrast, 1.01),
    "sharper": (Sharpen(amount=(1, 1)), lambda i: ImageEnhance.Sharpness(i).enhance(2.0), 1.01),
    "smoother": (Sharpen(amount=(-0.7, -0.7)), lambda i: ImageEnhance.Sharpness(i).enhance(0.3), 1.36),
}


@pytest.mark.parametrize("name", PILLOW)
def test_an_effect_equals_pillow(images, name):
    effect, pillow, tolerance = PILLOW[name]
    for ours, image in zip(augmented(images, effect), images, strict=True):
        assert np.abs(ours - planes(pillow(image))).max() < tolerance


@pytest.mark.parametrize("degrees", [-180, -40, 15, 120])
def test_hue_turns_yiq(in_color, degrees):
    """By colorsys, whose luma is of 0.30, 0.59, 0.11, for ours of 0.299, 0.587, 0.114: up to 2.5 levels."""
    for ours, image in zip(augmented(in_color, Hue(degrees=(degrees, degrees))), in_color, strict=True):
        before, after = planes(image).reshape(3, -1)[:, ::29], ours.reshape(3, -1)[:, ::29]
        turn = np.exp(-1j * np.deg2rad(degrees))
        for color, changed in zip(before.T / 255, after.T, strict=True):
            y, i, q = colorsys.rgb_to_yiq(*color.tolist())
            chroma = complex(i, q) * turn
            expected = np.array(colorsys.yiq_to_rgb(y, chroma.real, chroma.imag)) * 255
            assert np.abs(changed - expected).max() < 2.5


def test_red_turns_toward_yellow():
    red = [Image.new("RGB", (2, 2), (160, 90, 90))]
    before, after = planes(red[0])[:, 0, 0], augmented(red, Hue(degrees=(30, 30)))[0, :, 0, 0]
    assert after[1] > before[1] + 10  # more green
    assert after[1] > after[2]
    assert after @ (0.299, 0.587, 0.114) == pytest.approx(before @ (0.299, 0.587, 0.114), abs=0.01)


def test_colors_of_grey_images_are_let_be(data_folder):
    grey = photographs(data_folder, "L")
    effects = (
        Hue(degrees=(90, 90)),
        Saturation(factor=(3, 3)),
        Grayscale(p=1),
        ChannelShuffle(p=1),
    )
    out = augmented(grey, *effects)
    assert all(np.abs(a - planes(b)).max() < 1e-3 for a, b in zip(out, grey, strict=True))


def test_channels_are_shuffled(in_color):
    many = [image.resize((12, 9)) for image in in_color] * 60
    out, (values,) = augmented(many, ChannelShuffle(p=1)), drawn(many, ChannelShuffle(p=1))
    for ours, image, order in zip(out, many, values["order"], strict=True):
        assert np.allclose(ours, planes(image)[order], atol=1e-4)
    orders = [tuple(order) for order in values["order"].tolist()]
    others = list(permutations(range(3)))[1:]
    assert stats.chisquare([orders.count(order) for order in others]).pvalue > 1e-3
    assert sum(orders.count(order) for order in others) == len(many)


def test_channels_are_shifted(in_color):
    out, (values,) = augmented(in_color, ChannelShift(amount=0.3)), drawn(in_color, ChannelShift(amount=0.3))
    for n, image in enumerate(in_color):
        shift = np.array([values[name][n] for name in ("red", "green", "blue")])
        assert len(set(shift)) == 3
        expected = np.clip(planes(image) + 255 * shift[:, None, None], 0, 255)
        assert np.allclose(out[n], expected, atol=1e-3)


def test_tints_have_the_covariance_of_the_components():
    values = np.array([0.3, 0.04, 0.002])
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    effect = PCAColor(std=0.5, eigenvalues=list(values), eigenvectors=vectors.tolist())
    tints = effect.values(uniforms(image_keys(0, 0, np.arange(40_000)), 6), lambda: np.empty(0))
    colors = np.stack([tints["red"], tints["green"], tints["blue"]], 1)
    parts = colors @ vectors.T / (0.5 * values)  # along each component: standard normal
    assert all(stats.kstest(part, "norm").pvalue > 1e-4 for part in parts.T)
    assert np.allclose(np.cov(parts.T), np.eye(3), atol=0.03)
    assert np.abs(parts.mean(0)).max() < 4.5 / np.sqrt(40_000)


def test_tints_are_added_to_all_pixels(in_color):
    (values,) = drawn(in_color, PCAColor(std=0.6))
    for n, ours in enumerate(augmented(in_color, PCAColor(std=0.6))):
        shift = np.array([values[name][n] for name in ("red", "green", "blue")])[:, None, None]
        assert np.allclose(ours, np.clip(planes(in_color[n]) + 255 * shift, 0, 255), atol=1e-3)


def test_colors_are_clipped_once(in_color):
    """Twice as bright and half as bright is as it was: what would have been clipped between is not lost."""
    out = augmented(in_color, Brightness(factor=(4, 4)), Brightness(factor=(0.25, 0.25)))
    assert all(np.allclose(a, planes(b), atol=1e-3) for a, b in zip(out, in_color, strict=True))


def test_colors_are_changed_in_the_order_of_the_recipe(in_color):
    shifted, contrast = ChannelShift(amount=(0.2, 0.2)), Contrast(factor=(0.5, 0.5))
    for ours, image in zip(augmented(in_color, shifted, contrast), in_color, strict=True):
        pixels = planes(image) + 51.0
        mean = np.rint(np.tensordot([0.299, 0.587, 0.114], pixels, 1).mean())
        assert np.allclose(ours, np.clip(mean + 0.5 * (pixels - mean), 0, 255), atol=1e-3)


def test_gamma_and_blur(images):
    for ours, image in zip(augmented(images, Gamma(exponent=(2.2, 2.2))), images, strict=True):
        assert np.allclose(ours, 255 * (planes(image) / 255) ** 2.2, atol=0.01)
    for ours, image in zip(augmented(images, Blur(sigma=(1.3, 1.3))), images, strict=True):
        theirs = [ndimage.gaussian_filter(plane.astype(float), 1.3, mode="mirror") for plane in planes(image)]
        assert np.abs(ours - np.stack(theirs)).max() < 1.5


@pytest.mark.parametrize("quality", [15, 60, 95])
def test_jpeg_is_near_a_file_of_that_quality(images, quality):
    for ours, image in zip(augmented(images, JPEG(quality=(quality, quality), p=1)), images, strict=True):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, subsampling=0)
        theirs = planes(Image.open(file).convert(image.mode))
        lost = np.square(theirs.astype(float) - planes(image)).mean()
        assert np.square(ours - theirs).mean() < 0.1 * lost + 0.3


def test_noise_has_its_strength():
    grey = [Image.new("RGB", (64, 64), (128, 128, 128))] * 20
    for effect, std in (
        (Noise(std=(0.05, 0.05)), 0.05 * 255),
        (Speckle(std=(0.1, 0.1)), 12.8),
    ):
        noise = augmented(grey, effect) - 128
        assert noise.std() == pytest.approx(std, rel=0.01)
        assert abs(noise.mean()) < 4.5 * std / np.sqrt(noise.size)
    out = augmented(grey, SaltAndPepper(share=(0.1, 0.1)))[:, 0]
    pixels = out.size
    for grain in (0, 255):
        assert abs((out == grain).sum() - 0.05 * pixels) < 4.5 * np.sqrt(0.05 * pixels)


@pytest.mark.parametrize("fill", ["black", "mean", "noise"])
def test_rectangles_are_hidden(in_color, fill):
    many = in_color * 25
    hidden = (augmented(many, Erase(area=(0.2, 0.2), ratio=(0.5, 2), fill=fill, p=1)) != augmented(many)).any(
        1
    )
    for mask in hidden:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask.mean() == pytest.approx(0.2, abs=0.02)
        if fill == "noise":
            continue  # whose bytes may be those of the image, here and there
        assert len(rows) * len(columns) == pytest.approx(mask.sum(), rel=0.1)
    hidden = (augmented(many, Cutout(side=(0.3, 0.3), fill=fill)) != augmented(many)).any(1)
    sizes = hidden.sum((1, 2))
    assert sizes.max() <= 30 * 30
    assert sizes.max() > 0.95 * 30 * 30
    assert sizes.min() < 700  # some reach beyond the border
