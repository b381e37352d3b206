"""Both engines of sampling against a naive one in float64, NumPy's padding and Pillow.

Compiled code weighs pixels by multiples of 2^-13, so that it may be off by some hundredths of a level.
"""

import numpy as np
import pytest
import torch
from naive_warp import naive_warp
from pictures import photographs, planes
from PIL import Image

from striate.data.augment import Augment
from striate.data.augment.sampling import PADDINGS, Warp, channel_means, warped, warping
from striate.data.buffers import Buffers
from striate.data.preprocess import Preprocess, Standardize

PLAIN, SHRINKING = 0.15, 0.3  # levels of 255 that an engine may be off
NUMPY_MODES = {"zeros": "constant", "replicate": "edge", "reflect": "reflect"}


@pytest.fixture(params=["compiled", "torch"])
def engine(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(warping, "compiled", lambda: None)
    else:
        assert warping.compiled() is not None
    return request.param


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def warp(images, maps, size, padding="zeros", fill=77, bent=None):
    """Return ``images`` ``(N, C, H, W)`` warped, of 0..255, as an array."""
    count, channels = images.shape[:2]
    plain = Warp(
        size=size,
        maps=np.ascontiguousarray(np.broadcast_to(maps, (count, 3, 3)), np.float64),
        colors=np.repeat(np.eye(channels, channels + 1, dtype=np.float32)[None], count, 0),
        scale=np.ones(channels, np.float32),
        shift=np.zeros(channels, np.float32),
        padding=padding,
        fill=np.full(channels, fill, np.uint8),
        bent=None if bent is None else torch.from_numpy(np.float32(bent)),
    )
    return warped(torch.as_tensor(images), plain, Buffers()).numpy()


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], float)


def about_middle(linear, source, size):
    """Return the map that does ``linear`` (2, 2) and takes the middle of the output to that of the source."""
    middle = np.array(source[::-1]) / 2 - linear @ (np.array(size[::-1]) / 2)
    return np.vstack([np.column_stack([linear, middle]), (0, 0, 1)])


def turned(degrees, factor=1.0):
    angle = np.deg2rad(degrees)
    return factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


SOURCE, SIZE = (19, 26), (23, 17)
MAPS = {
    "shift by parts": shift(3.3, -5.71),
    "turned": about_middle(turned(33), SOURCE, SIZE),
    "enlarged": about_middle(np.diag([0.3, 0.45]), SOURCE, SIZE),
    "slanted": about_middle(np.array([[0.9, 0.35], [0.1, 0.8]]), SOURCE, SIZE),
    "mirrored and moved": shift(30, 3.5) @ np.diag([-1, 0.9, 1]),
    "far outside": shift(91.3, -140.2),
    "tilted": np.array([[0.7, 0.1, 2], [-0.05, 0.8, 1], [0.006, -0.004, 1]]),
    "a point": np.array([[0, 0, 4.2], [0, 0, 8.8], [0, 0, 1]]),
}
SHRINKING_MAPS = {
    "shrunk": about_middle(np.diag([1.9, 2.6]), SOURCE, SIZE),
    "shrunk across": about_middle(np.diag([3.7, 0.8]), SOURCE, SIZE),
    "mirrored and shrunk": about_middle(np.diag([-1.7, 1.3]), SOURCE, SIZE),
    "to a pixel": about_middle(np.diag([26.0, 19.0]), SOURCE, SIZE),
    "turned and shrunk": about_middle(turned(70, 2.4), SOURCE, SIZE),
    "slanted far": about_middle(np.array([[1, 2.5], [0, 1]]), SOURCE, SIZE),
    "tilted and shrunk": np.array([[2.2, 0.3, -6], [0.2, 1.9, -9], [0.01, 0.005, 1]]),
}


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*MAPS, *SHRINKING_MAPS])
def test_a_warp_equals_a_naive_one(engine, name, channels, padding):
    images = noise(2, channels, *SOURCE)
    matrix = (MAPS | SHRINKING_MAPS)[name]
    out = warp(images, matrix, SIZE, padding)
    for image, made in zip(images, out, strict=True):
        expected, edge = naive_warp(image, matrix, SIZE, padding, 77)
        assert np.abs(made - expected)[:, ~edge].max() < (PLAIN if name in MAPS else SHRINKING)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("name", ["turned", "tilted", "enlarged", "turned and shrunk"])
def test_a_bent_warp_equals_a_naive_one(engine, name, padding):
    images, matrix = noise(2, 3, *SOURCE), (MAPS | SHRINKING_MAPS)[name]
    bent = np.random.default_rng(5).normal(0, 3, (2, 2, *SIZE)).astype(np.float32)
    out = warp(images, matrix, SIZE, padding, bent=bent)
    for n in range(2):
        expected, edge = naive_warp(images[n], matrix, SIZE, padding, 77, bent[n].astype(float))
        assert np.abs(out[n] - expected)[:, ~edge].max() < (PLAIN if name in MAPS else SHRINKING)


@pytest.mark.parametrize("padding", PADDINGS)
def test_random_warps_of_odd_shapes_equal_naive_ones(engine, padding):
    rng = np.random.default_rng(11)
    shapes = [(1, 1), (1, 9), (8, 1), (2, 2), (3, 40), (31, 5)]
    for source in shapes:
        for size in [(1, 1), (1, 6), (7, 1), (12, 11)]:
            linear = turned(rng.uniform(-180, 180)) @ np.diag(np.exp(rng.uniform(-1, 1, 2)))
            matrix = shift(*rng.normal(0, 2, 2)) @ about_middle(linear, source, size)
            images = noise(2, 1, *source)
            expected, edge = naive_warp(images[1], matrix, size, padding, 77)
            off = np.abs(warp(images, matrix, size, padding)[1] - expected)[:, ~edge]
            assert off.max(initial=0) < SHRINKING, (source, size)


def test_each_image_has_its_own_map(engine):
    images = noise(15, 3, *SOURCE)
    maps = np.stack([*MAPS.values(), *SHRINKING_MAPS.values()])
    alone = [warp(image[None], m, SIZE)[0] for image, m in zip(images, maps, strict=True)]
    assert np.abs(warp(images, maps, SIZE) - np.stack(alone)).max() < (1e-6 if engine == "compiled" else 1e-3)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("x", [0, 1, -1, 5, -7, 30, -61, 1000])
@pytest.mark.parametrize("mirrored", [False, True], ids=["straight", "mirrored"])
def test_whole_pixels_are_exact(engine, padding, x, mirrored):
    images, y, size, room = noise(2, 3, *SOURCE), x // 2 - 1, (21, 30), 1100
    options = {"constant_values": 77} if padding == "zeros" else {}
    around = np.pad(images, ((0, 0), (0, 0), (room, room), (room, room)), NUMPY_MODES[padding], **options)
    expected = around[:, :, room + y : room + y + size[0], room + x : room + x + size[1]]
    matrix = shift(x, y)
    if mirrored:
        expected, matrix = expected[..., ::-1, ::-1], matrix @ shift(size[1], size[0]) @ np.diag([-1, -1, 1])
    assert np.array_equal(warp(images, matrix, size, padding), expected)


def test_quarter_turns_move_whole_pixels(engine):
    images = noise(2, 3, 16, 16)
    for quarters in range(4):
        linear = np.rint(turned(90 * quarters))
        out = warp(images, about_middle(linear, (16, 16), (16, 16)), (16, 16))
        assert np.array_equal(out, np.rot90(images, quarters, (2, 3)))


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_done_is_preprocessing_bit_for_bit(engine, channels):
    images = torch.from_numpy(noise(3, channels, 33, 21))
    means, stds = (0.4914, 0.4822, 0.4465)[:channels], (0.247, 0.2435, 0.2616)[:channels]
    preprocess = Preprocess((channels, 33, 21), (Standardize(means, stds),))
    assert torch.equal(Augment("none", preprocess=preprocess)(images)[0], preprocess.normalize(images))


@pytest.mark.parametrize("size", [(40, 57), (101, 60), (130, 150), (7, 3), (200, 301)], ids=str)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_resizing_a_window_equals_pillow(engine, data_folder, mode, size):
    photograph = photographs(data_folder, mode)[0]
    box = (10.5, 4.25, 139.7, 98.1)
    scale = (box[2] - box[0]) / size[1], (box[3] - box[1]) / size[0]
    matrix = shift(box[0], box[1]) @ np.diag([*scale, 1])
    out = warp(planes(photograph)[None], matrix, size, "replicate")[0]
    expected = planes(photograph.resize(size[::-1], Image.Resampling.BILINEAR, box=box))
    assert np.abs(out - expected).max() < 1


@pytest.mark.parametrize("name", ["turned", "enlarged", "slanted", "tilted", "shift by parts"])
def test_what_does_not_shrink_equals_pillow(engine, data_folder, name):
    photograph = photographs(data_folder, size=SOURCE[::-1])[1]
    matrix = MAPS[name]
    kind = Image.Transform.PERSPECTIVE if name == "tilted" else Image.Transform.AFFINE
    numbers = matrix.ravel()[: 8 if name == "tilted" else 6].tolist()
    expected = planes(photograph.transform(SIZE[::-1], kind, numbers, Image.Resampling.BILINEAR))
    out = warp(planes(photograph)[None], matrix, SIZE, fill=0)[0]
    edge = naive_warp(planes(photograph), matrix, SIZE, "zeros", 0)[1]
    assert np.abs(out - expected)[:, ~edge].max() < 1.1  # Pillow rounds down


def test_engines_agree_on_photographs(data_folder, monkeypatch):
    images = np.stack([planes(image) for image in photographs(data_folder)])
    maps = [about_middle(turned(20, f), (101, 150), (90, 90)) for f in (0.7, 1.0, 1.5, 3.0)]
    compiled = warp(images, np.stack(maps), (90, 90), "reflect")
    monkeypatch.setattr(warping, "compiled", lambda: None)
    off = np.abs(compiled - warp(images, np.stack(maps), (90, 90), "reflect"))
    assert off.max() < SHRINKING
    assert off.mean() < 0.03


@pytest.mark.parametrize("name", ["turned", "turned and shrunk", "shrunk", "mirrored and moved"])
def test_bits_do_not_depend_on_threads_nor_on_how_images_lie(engine, name):
    images = torch.from_numpy(noise(40, *SOURCE, 3)).permute(0, 3, 1, 2)
    matrix, before = (MAPS | SHRINKING_MAPS)[name], torch.get_num_threads()
    assert 40 * 3 * SIZE[0] * SIZE[1] * 4 > 2**16
    try:
        several = []
        for threads, given in ((1, images), (2, images.contiguous()), (2, images)):
            torch.set_num_threads(threads)
            several.append(warp(given, matrix, (2 * SIZE[0], 2 * SIZE[1])))
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(several[0], several[1])
    assert np.array_equal(several[0], several[2])


def test_what_lies_behind_a_tilted_plane_is_finite(engine):
    images = noise(1, 3, *SOURCE)
    for padding in PADDINGS:
        out = warp(images, np.array([[1, 0, 0], [0, 1, 0], [-0.2, 0.1, 1]], float), SIZE, padding)
        assert np.isfinite(out).all()
        assert out.min() >= 0
        assert out.max() <= 255


@pytest.mark.parametrize("channels", [1, 3])
def test_means_of_channels(engine, channels):
    images = noise(3, channels, 301, 257)
    assert np.allclose(channel_means(torch.from_numpy(images)), images.mean((2, 3)), rtol=1e-12)
