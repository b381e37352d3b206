"""Each geometric effect alone, and chains of them, against Pillow, NumPy and SciPy on photographs."""

import numpy as np
import pytest
import torch
from applying import augmented, drawn
from pictures import photographs, planes
from PIL import Image
from scipy import ndimage, stats

from striate.data.augment.draws import image_keys, streams
from striate.data.augment.effects import (
    Aspect,
    Elastic,
    HorizontalFlip,
    Perspective,
    RandomCrop,
    RandomResizedCrop,
    Rotate,
    Shear,
    Shift,
    VerticalFlip,
    Zoom,
)
from striate.data.augment.elastic import smooth_fields

BILINEAR = Image.Resampling.BILINEAR
FLOOR = 1.1  # levels of 255: Pillow rounds down what it interpolates in 8 bits, and we do not


@pytest.fixture(scope="module")
def images(data_folder):
    return photographs(data_folder)


def transformed(image, a, b, c, d, e, f):
    """Return Pillow's affine transform about the middle: ``(x, y)`` comes from ``(a x + b y + c, d x + e y + f)``."""
    x, y = image.width / 2, image.height / 2
    numbers = (a, b, x - a * x - b * y + c, d, e, y - d * x - e * y + f)
    return image.transform(image.size, Image.Transform.AFFINE, numbers, BILINEAR)


def differ(ours, theirs, border=0.002):
    """Return how far apart pixels are at most, but for that share of them at the border, where the last bit decides."""
    off = np.abs(ours - planes(theirs)).max(0)
    return np.quantile(off, 1 - border)


TAN = np.tan(np.deg2rad(9))
SINGLE = {
    "horizontal flip": (
        HorizontalFlip(p=1),
        lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        1e-4,
    ),
    "vertical flip": (
        VerticalFlip(p=1),
        lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        1e-4,
    ),
    "rotate": (Rotate(degrees=(30, 30)), lambda image: image.rotate(30, BILINEAR), FLOOR),
    "rotate back": (Rotate(degrees=(-111, -111)), lambda image: image.rotate(-111, BILINEAR), FLOOR),
    "upside down": (Rotate(degrees=(180, 180)), lambda image: image.rotate(180), 0.1),
    "shift": (
        Shift(x=(0.1234, 0.1234), y=(-0.2, -0.2)),
        lambda image: transformed(image, 1, 0, -0.1234 * image.width, 0, 1, 0.2 * image.height),
        FLOOR,
    ),
    "shift by pixels": (
        Shift(x=(7, 7), y=(-5, -5), unit="pixels"),
        lambda image: transformed(image, 1, 0, -7, 0, 1, 5),
        1e-4,
    ),
    "zoom": (Zoom(factor=(1.6, 1.6)), lambda image: transformed(image, 0.625, 0, 0, 0, 0.625, 0), FLOOR),
    "shear x": (Shear(x=(9, 9)), lambda image: transformed(image, 1, -TAN, 0, 0, 1, 0), FLOOR),
    "shear y": (Shear(x=0, y=(9, 9)), lambda image: transformed(image, 1, 0, 0, -TAN, 1, 0), FLOOR),
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_effect_equals_pillow(images, name):
    effect, pillow, tolerance = SINGLE[name]
    for ours, image in zip(augmented(images, effect), images, strict=True):
        assert differ(ours, pillow(image)) < tolerance


def test_things_lean_as_upright_lines_do(images):
    """A bar in the middle: after Shear(x=20) its top is to the left of its foot by tan 20°, times its height."""
    bar = Image.new("L", (101, 101))
    bar.paste(255, (50, 0, 51, 101))
    out = augmented([bar], Shear(x=(20, 20)))[0, 0]
    columns = (out * np.arange(101)).sum(1) / out.sum(1)
    assert np.allclose(np.diff(columns), np.tan(np.deg2rad(20)), atol=0.01)


@pytest.mark.parametrize("factor", [0.5, 0.95])
def test_shrinking_equals_pillow_resizing(data_folder, factor):
    width, height = round(160 * factor), round(120 * factor)
    left, top = (160 - width) // 2, (120 - height) // 2
    images = photographs(data_folder, size=(160, 120))
    for ours, image in zip(augmented(images, Zoom(factor=(factor, factor))), images, strict=True):
        inner = ours[:, top : top + height, left : left + width]
        assert np.abs(inner - planes(image.resize((width, height), BILINEAR))).max() < FLOOR


def test_another_aspect_equals_pillow_resizing(data_folder):
    images = photographs(data_folder, size=(160, 120))  # 1.25 times as wide, and as high over 1.25
    for ours, image in zip(augmented(images, Aspect(ratio=(1.5625, 1.5625))), images, strict=True):
        expected = planes(image.resize((160, 96), BILINEAR, box=(16, 0, 144, 120)))
        assert np.abs(ours[:, 12:108] - expected).max() < FLOOR


def test_perspective_equals_pillow(images):
    effect = Perspective(distortion=(0.25, 0.25))
    (values,) = drawn(images, effect)
    inward = values["inward"].reshape(4, 4, 2)
    assert (inward >= 0).all()
    assert (inward < 0.25).all()
    for ours, image, (of_width, of_height) in zip(
        augmented(images, effect), images, np.moveaxis(inward, 2, 1), strict=True
    ):
        width, height = image.size
        x = np.array([0, width, width, 0]) + np.array([1, -1, -1, 1]) * of_width * width / 2
        y = np.array([0, 0, height, height]) + np.array([1, 1, -1, -1]) * of_height * height / 2
        rows, wanted = [], []
        for px, py, u, v in zip(x, y, (0, width, width, 0), (0, 0, height, height), strict=True):
            rows += [(px, py, 1, 0, 0, 0, -u * px, -u * py), (0, 0, 0, px, py, 1, -v * px, -v * py)]
            wanted += [u, v]
        numbers = np.linalg.lstsq(np.array(rows), np.array(wanted))[0]
        theirs = image.transform(image.size, Image.Transform.PERSPECTIVE, numbers.tolist(), BILINEAR)
        off = np.abs(ours - planes(theirs))
        assert np.median(off) <= 1
        assert off.mean() < 4  # where it shrinks, we look at more pixels than Pillow does


@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect"])
@pytest.mark.parametrize("size", [None, (64, 80), (110, 160)], ids=str)
@pytest.mark.parametrize("margin", [0, 4, 13])
def test_a_crop_is_a_window_of_the_padded_image(images, size, margin, padding):
    effect = RandomCrop(margin=margin)
    height, width = size or images[0].size[::-1]
    mode = {"zeros": "constant", "replicate": "edge", "reflect": "reflect"}[padding]
    out = augmented(images, effect, size=size, padding=padding)
    (values,) = drawn(images, effect, size=size)
    room = 60
    for n, image in enumerate(images):
        around = np.pad(planes(image), ((0, 0), (room, room), (room, room)), mode)
        starts = []
        for whole, part, at in ((image.height, height, values["y"][n]), (image.width, width, values["x"][n])):
            ends = sorted((-margin, whole + margin - part))
            starts.append(room + ends[0] + int(at * (ends[1] - ends[0] + 1)))
        top, left = starts
        assert np.allclose(out[n], around[:, top : top + height, left : left + width], atol=1e-4)


def test_without_its_crop_an_image_is_cut_in_the_middle(images):
    out = augmented(images, RandomCrop(margin=4, p=0), size=(61, 80))
    for ours, image in zip(out, images, strict=True):
        assert np.allclose(ours, planes(image)[:, 20:81, 35:115], atol=1e-4)


def test_a_resized_window_equals_pillow(images):
    effect = RandomResizedCrop(scale=(0.3, 0.9))
    for size in ((32, 40), (64, 24)):
        out, (values,) = (
            augmented(images, effect, size=size, padding="replicate"),
            drawn(images, effect, size=size),
        )
        for n, image in enumerate(images):
            width, height = (
                values[name][n] * whole for name, whole in zip(("width", "height"), image.size, strict=True)
            )
            left, top = values["x"][n] * (image.width - width), values["y"][n] * (image.height - height)
            box = (left, top, left + width, top + height)
            assert np.abs(out[n] - planes(image.resize(size[::-1], BILINEAR, box=box))).max() < 1
    out = augmented(images, RandomResizedCrop(p=0), size=(32, 40))
    assert all(
        np.abs(a - planes(b.resize((40, 32), BILINEAR))).max() < 1 for a, b in zip(out, images, strict=True)
    )


def test_without_a_crop_images_are_stretched_to_the_size(images):
    for ours, image in zip(augmented(images, size=(40, 200)), images, strict=True):
        assert np.abs(ours - planes(image.resize((200, 40), BILINEAR))).max() < 1


def test_elastic_moves_pixels_by_its_field(images):
    effect, keys = Elastic(alpha=(3, 3), sigma=5), image_keys(0, 0, np.arange(4))
    fields = 3 * smooth_fields(streams(keys, 0), (101, 150), 5, torch.device("cpu")).double().numpy()
    y, x = np.mgrid[:101, :150]
    for ours, image, (right, down) in zip(
        augmented(images, effect, padding="reflect"), images, fields, strict=True
    ):
        theirs = [
            ndimage.map_coordinates(plane.astype(float), [y + down, x + right], order=1, mode="mirror")
            for plane in planes(image)
        ]
        assert np.abs(ours - np.stack(theirs)).max() < 0.15


@pytest.mark.parametrize("sigma", [0.5, 1.5, 4.0, 11.0])
def test_fields_are_smooth_noise(sigma):
    fields = smooth_fields(image_keys(1, 0, np.arange(400)), (48, 56), sigma, torch.device("cpu")).numpy()
    assert fields.shape == (400, 2, 48, 56)
    alone = fields[:, :, ::47, ::55]  # the corners, far from each other: normal numbers
    assert stats.kstest(alone.ravel()[: 2 * len(fields)], "norm").pvalue > 1e-4
    assert np.allclose(fields.std((0, 1)), 1, atol=0.17)  # everywhere alike
    assert abs(fields.mean()) < 4.5 * sigma / 48 / np.sqrt(400)
    assert abs(np.corrcoef(fields[:, 0].ravel(), fields[:, 1].ravel())[0, 1]) < 0.05
    alike = ndimage.gaussian_filter1d(np.eye(121)[60], sigma, truncate=8)  # what white noise is smoothed with
    for away in {1, max(1, round(sigma)), round(2 * sigma)}:
        expected = alike[away:] @ alike[:-away] / (alike @ alike)
        for pairs in (
            (fields[..., away:], fields[..., :-away]),
            (fields[..., away:, :], fields[..., :-away, :]),
        ):
            related = np.corrcoef(*(part.ravel() for part in pairs))[0, 1]
            assert related == pytest.approx(expected, abs=0.03)
            assert sigma < 1 or expected == pytest.approx(np.exp(-(away**2) / (4 * sigma**2)), abs=0.001)


def test_effects_are_done_in_the_order_of_the_recipe(images):
    """The chain of Pillow interpolates twice, and so is blurred more; the other order is far off."""
    turn, move = Rotate(degrees=(40, 40)), Shift(x=(0.2, 0.2), y=0)
    smooth = [
        image.resize((25, 17), BILINEAR).resize((150, 101), Image.Resampling.BICUBIC) for image in images
    ]
    first, second = augmented(smooth, turn, move), augmented(smooth, move, turn)
    for n, image in enumerate(smooth):
        turned_first = transformed(image.rotate(40, BILINEAR), 1, 0, -30, 0, 1, 0)
        moved_first = transformed(image, 1, 0, -30, 0, 1, 0).rotate(40, BILINEAR)
        assert np.median(np.abs(first[n] - planes(turned_first))) < 1.5
        assert np.median(np.abs(second[n] - planes(moved_first))) < 1.5
        assert np.abs(first[n] - second[n]).mean() > 10


def test_a_chain_of_many_equals_the_product_of_its_matrices(images):
    chain = [
        HorizontalFlip(p=1),
        Rotate(degrees=(20, 20)),
        Zoom(factor=(1.3, 1.3)),
        Shear(x=(-6, -6), y=(4, 4)),
        Aspect(ratio=(0.9, 0.9)),
    ]
    c, s = 1.0 * np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
    x, y = np.tan(np.deg2rad([-6, 4]))
    back = [
        np.diag([-1, 1]),
        np.array([[c, -s], [s, c]]),
        np.eye(2) / 1.3,
        np.array([[1, 0], [-y, 1]]),
        np.array([[1, -x], [0, 1]]),
        np.diag([0.9**-0.5, 0.9**0.5]),
    ]
    (a, b), (d, e) = np.linalg.multi_dot(back)
    for ours, image in zip(augmented(images, *chain), images, strict=True):
        assert differ(ours, transformed(image, a, b, 0, d, e, 0)) < FLOOR
