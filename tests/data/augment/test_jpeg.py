"""JPEG's loss against that of files which Pillow, that is libjpeg, writes and reads."""

import io

import pytest
import torch
from pictures import batch, photographs, random_pictures
from PIL import Image

from striate.data.augment.nonlinear import jpeg
from striate.data.augment.nonlinear.jpeg import _COSINES, _steps


def saved(image, quality):
    """Return the image as it is after being saved with colors at full resolution."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0)
    return Image.open(file).convert(image.mode)


def difference(images, quality):
    out = jpeg(batch(images), torch.full((len(images),), float(quality)))
    assert torch.equal(out, out.round())
    return (out - batch([saved(image, quality) for image in images])).abs()


QUALITIES = pytest.mark.parametrize("quality", [1, 5, 10, 25, 49, 50, 75, 90, 95, 100])


@pytest.mark.parametrize("mode", ["L", "RGB"])
@QUALITIES
@pytest.mark.parametrize("size", [(150, 101), (96, 64)], ids=str)
def test_photographs_lose_what_they_lose_in_a_file(data_folder, mode, quality, size):
    """A cosine that libjpeg rounds to the other side, in whole numbers as it is, changes its block by a step."""
    levels = difference(photographs(data_folder, mode, size), quality)
    assert levels.mean() < 0.3
    assert (levels > 2).float().mean() < 0.02


@pytest.mark.parametrize("mode", ["L", "RGB"])
@QUALITIES
@pytest.mark.parametrize("size", [(8, 8), (3, 17), (1, 1), (9, 2)], ids=str)
def test_images_of_few_blocks(data_folder, mode, quality, size):
    width, height = size
    corners = range(0, 90, 18)
    images = photographs(data_folder, mode)
    cut = [image.crop((x, y, x + width, y + height)) for image in images for x in corners for y in corners]
    assert difference(cut, quality).mean() < 0.3


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [30, 95])
def test_noise_of_all_colors(mode, quality):
    assert difference(random_pictures(mode), quality).mean() < 0.3


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 99, 100])
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_steps_are_those_in_the_files_of_libjpeg(quality, mode, channels):
    file = io.BytesIO()
    Image.new(mode, (8, 8)).save(file, "JPEG", quality=quality)
    tables = Image.open(file).quantization
    steps = _steps(torch.tensor([float(quality)]), channels)[0, :, 0].int().tolist()
    assert steps == [list(tables[min(channel, 1)]) for channel in range(channels)]


def test_each_image_has_its_own_quality(data_folder):
    images = batch(photographs(data_folder))
    qualities = torch.tensor([10.0, 95.0, 40.0, 100.0])
    out = jpeg(images, qualities)
    for image, quality in enumerate(qualities):
        assert torch.equal(out[image], jpeg(images, quality.expand(4))[image])


def test_sums_of_cosines_are_exact(data_folder):
    """In float32 as in float64: the order of the summands, which is the kernel's matter, makes no difference."""
    blocks = batch(photographs(data_folder)).flatten()[:64000].view(-1, 64) - 128
    assert torch.equal((blocks @ _COSINES.T).double(), blocks.double() @ _COSINES.double().T)
    waves = (blocks @ _COSINES.T / 7).round() * 7
    assert torch.equal((waves @ _COSINES).double(), waves.double() @ _COSINES.double())
    assert (_COSINES @ _COSINES.T).numpy() == pytest.approx(torch.eye(64).numpy(), abs=1e-3)
