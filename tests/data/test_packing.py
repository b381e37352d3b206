"""What a pack holds: the numbers that the files themselves give, labels, names, statistics; and who says no."""

import errno
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toys import files_below, message_of, pillow_resized, toy_source, write_image, write_split_folder

from striate.data import ArraySource, FolderSource, load_split, open_source
from striate.data.pack.format import Settings
from striate.data.pack.packing import pack_source
from striate.data.pack.reader import PackSource
from striate.data.pixels import to_pixels
from striate.errors import ChangedError, DataError

EXACT = Settings(jpeg="never")


def packed(source, path, shape=(3, 8, 8), **options):
    pack_source(source, path, shape, **options)
    return PackSource(path)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 8), (3, 5, 11), (1, 20, 3)])
@pytest.mark.parametrize("workers", [1, 3])
def test_pixels_are_those_of_pillow(tmp_path, shape, workers):
    root = tmp_path / "set"
    for number in range(40):
        mode = "RGB" if number % 2 else "L"
        write_image(root / "train" / "ab"[number % 2] / f"{number:02}.png", number, (9 + number % 5, 7), mode)
    write_image(root / "val" / "a" / "x.png", 50)
    write_image(root / "val" / "b" / "y.png", 51)
    pack = packed(FolderSource(root), tmp_path / "x.pack", shape, workers=workers)
    files = sorted((root / "train").rglob("*.png"))
    images = pack.array("train")
    assert images.shape == (40, *shape)
    for file, image in zip(files, images, strict=True):
        with Image.open(file) as opened:
            turned = opened.convert("L" if shape[0] == 1 else "RGB")
        assert np.array_equal(image, pillow_resized(turned, *shape[1:]))
    assert [pack.record("train", i).name for i in range(40)] == [str(file) for file in files]
    assert pack.targets["train"].tolist() == [0] * 20 + [1] * 20
    assert pack.targets["train"].dtype == np.int64
    assert pack.class_names == ("a", "b")
    assert pack.shape == shape
    assert pack.header.shape == shape
    assert pack.name == f"pack:{tmp_path / 'x.pack'}"


def test_mean_and_standard_deviation_are_those_of_training(tmp_path):
    source = FolderSource(write_split_folder(tmp_path / "set", each=30))
    header = packed(source, tmp_path / "x.pack", (3, 9, 7)).header
    fitted = load_split(source, "train", (3, 9, 7)).moments
    assert header.mean == fitted.mean
    assert header.std == pytest.approx(fitted.std, rel=1e-12)
    images = np.stack([to_pixels(source.image("train", i), (3, 9, 7)) for i in range(60)]) / 255
    assert header.mean == pytest.approx(images.mean((0, 2, 3)))
    assert header.std == pytest.approx(images.std((0, 2, 3)))


def test_what_is_held_in_memory_is_taken_as_it_is(tmp_path):
    source = toy_source(train=500)
    pack = packed(source, tmp_path / "x.pack", (1, 8, 8))
    for split in ("train", "val", "test"):
        assert np.array_equal(pack.array(split), source.array(split))
        assert np.array_equal(pack.targets[split], source.targets[split])
    assert pack.record("test", 3).name == "toy test[3]"
    assert pack.header.source_fingerprint == source.fingerprint
    assert np.array_equal(np.asarray(pack.image("val", 2)), source.array("val")[2, 0])


def test_a_split_without_images(tmp_path):
    source = toy_source(val=0)
    pack = packed(source, tmp_path / "x.pack", (1, 8, 8))
    pack.verify()
    assert pack.array("val").shape == (0, 1, 8, 8)
    assert len(pack.targets["val"]) == 0
    assert np.array_equal(pack.array("test"), source.array("test"))
    with pytest.raises(IndexError):
        pack.record("val", 0)


def test_names_that_are_no_text(tmp_path):
    """A file may be called by bytes that are no UTF-8, and by several lines."""
    root = write_split_folder(tmp_path / "set")
    odd = [os.fsencode(root / "train" / "cat") + b"/" + name for name in (b"\xff\xfe.png", b"two\nlines.png")]
    for seed, name in enumerate(odd):
        write_image(tmp_path / "made.png", 70 + seed).rename(os.fsdecode(name))
    pack = packed(FolderSource(root), tmp_path / "x.pack")
    assert {os.fsencode(pack.record("train", i).name) for i in range(10)} >= set(odd)


def test_several_labels(tmp_path):
    images = np.arange(5 * 12, dtype=np.uint8).reshape(5, 3, 2, 2)
    labels = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1]], np.uint8)
    source = ArraySource("several", {"train": images}, {"train": labels}, ("a", "b", "c"))
    pack = packed(source, tmp_path / "x.pack", (3, 2, 2))
    assert pack.multi_label
    assert pack.targets["train"].dtype == np.uint8
    assert pack.targets["train"].tolist() == labels.tolist()


def test_training_takes_it_without_a_copy_or_a_warning(tmp_path):
    packed(toy_source(), tmp_path / "x.pack", (1, 8, 8))
    pack = open_source(str(tmp_path / "x.pack"))
    images = load_split(pack, "train", (1, 8, 8)).images
    assert images.data_ptr() == pack.array("train").ctypes.data
    before = (tmp_path / "x.pack").read_bytes()
    images.zero_()  # in memory alone
    assert (tmp_path / "x.pack").read_bytes() == before
    assert load_split(open_source(f"pack:{tmp_path / 'x.pack'}"), "train", (1, 8, 8)).images.any()


def test_a_pack_of_another_size_is_stretched(tmp_path):
    source = toy_source()
    pack = packed(source, tmp_path / "x.pack", (1, 8, 8))
    assert torch.equal(load_split(pack, "val", (3, 4, 6)).images, load_split(source, "val", (3, 4, 6)).images)


def test_a_fingerprint_is_of_what_is_in_it(tmp_path):
    source = FolderSource(write_split_folder(tmp_path / "set"))
    prints = [
        packed(source, tmp_path / "a.pack").fingerprint,
        packed(source, tmp_path / "b.pack").fingerprint,
        packed(source, tmp_path / "c.pack", (3, 8, 9)).fingerprint,
    ]
    assert prints[0] == prints[1] != prints[2]


def photograph(path, size, exif=None):
    """Write a smooth JPEG file, as photographs are."""
    across, down = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    waves = [128 + 100 * np.sin(across / (20 + 9 * c) + down / 31) for c in range(3)]
    options = {} if exif is None else {"exif": exif}
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.stack(waves, 2).astype(np.uint8)).save(path, quality=90, **options)


@pytest.mark.parametrize(
    ("jpeg", "size", "decoded"),
    [
        ("never", (640, 640), (640, 640)),
        ("fine", (640, 640), (160, 160)),  # 2 × 80
        ("fine", (319, 640), (319, 640)),  # half of 319 is less than 160
        ("fine", (320, 640), (160, 320)),
        ("fast", (640, 640), (80, 80)),
        ("fast", (639, 640), (160, 160)),
        ("fast", (159, 640), (159, 640)),
    ],
)
def test_when_jpeg_is_decoded_smaller(tmp_path, jpeg, size, decoded):
    photograph(tmp_path / "x.jpg", size)
    source = FolderSource(write_split_folder(tmp_path / "set"))
    record = source.record("train", 0)
    whole = type(record)("x", tmp_path / "x.jpg")
    assert whole.open(Settings(jpeg=jpeg).least(80, 80)).size == decoded
    with_box = type(record)("x", tmp_path / "x.jpg", (0, 0, *size))
    assert with_box.open(Settings(jpeg=jpeg).least(80, 80)).size == size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_smaller_jpeg_is_turned_as_well(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photograph(tmp_path / "x.jpg", (640, 320), exif)
    record = FolderSource(write_split_folder(tmp_path / "set")).record("train", 0)
    turned = type(record)("x", tmp_path / "x.jpg")
    height, width = (160, 80) if orientation > 4 else (80, 160)
    small = turned.open(Settings(jpeg="fine").least(height, width))
    assert (small.height, small.width) == (2 * height, 2 * width)
    shape = (3, height, width)
    gap = np.abs(to_pixels(small, shape).astype(int) - to_pixels(turned.open(), shape))
    assert gap.mean() < 0.7
    assert gap.max() <= 8


def test_real_photographs_decoded_smaller_stay_near(data_folder, tmp_path):
    source = FolderSource(data_folder / "flowers")
    gaps = []
    for i in range(0, 500, 5):
        record = source.record("train", i)
        small = to_pixels(record.open(Settings(jpeg="fine").least(60, 60)), (3, 60, 60)).astype(int)
        gaps.append(np.abs(small - to_pixels(record.open(), (3, 60, 60))).mean())
    assert 0 < sum(gap > 0 for gap in gaps) < len(gaps)
    assert np.mean([gap for gap in gaps if gap]) < 1.5  # of 255
    assert max(gaps) < 4


def spoiled(tmp_path):
    root = write_split_folder(tmp_path / "set")
    bad = [root / "train" / "cat" / "0.png", root / "val" / "dog" / "3.png"]
    for file in bad:
        file.write_text("no image")
    return root, bad


def test_bad_images_are_named_all_at_once(tmp_path):
    root, bad = spoiled(tmp_path)
    text = message_of(DataError, pack_source, FolderSource(root), tmp_path / "x.pack", (3, 8, 8))
    assert text == (
        f"folder:{root}: 2 of 24 images cannot be read: {bad[0]}: not an image; {bad[1]}: not an image. "
        "Repair or remove them, or go on without them with --skip-bad-images (skip_bad_images=True)."
    )
    assert not [name for name in files_below(tmp_path) if ".pack" in name]


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_images_are_left_out_when_told_so(tmp_path, workers):
    root, bad = spoiled(tmp_path)
    pack = packed(FolderSource(root), tmp_path / "x.pack", skip_bad_images=True, workers=workers)
    assert pack.targets["train"].tolist() == [0] * 3 + [1] * 4
    assert pack.targets["val"].tolist() == [0] * 4 + [1] * 3
    assert pack.header.skipped == tuple(f"{file}: not an image" for file in bad)
    first = pack.record("train", 0)
    assert first.name == str(root / "train" / "cat" / "1.png")
    with Image.open(first.name) as image:
        assert np.array_equal(pack.array("train")[0], np.asarray(image).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("split", "text"),
    [
        ("val", "none of the 8 images in 'val' can be read."),
        ("train/cat", "no image in 'train' for the class cat can be read. Repair them or add others, or "
         "remove the class from every split."),
    ],
)  # fmt: skip
def test_when_too_few_are_left(tmp_path, split, text):
    root = write_split_folder(tmp_path / "set")
    for file in (root / split).rglob("*.png"):
        file.write_text("no image")
    path = tmp_path / "x.pack"
    said = message_of(DataError, pack_source, FolderSource(root), path, (3, 8, 8), skip_bad_images=True)
    assert said == f"folder:{root}: {text}"
    assert not path.exists()


def test_pixel_limits(tmp_path, monkeypatch):
    root = write_split_folder(tmp_path / "set")
    big = write_image(root / "train" / "cat" / "big.png", 99, size=(30, 30))
    path = tmp_path / "x.pack"
    refused = message_of(
        DataError, pack_source, FolderSource(root), path, (3, 8, 8), Settings(max_pixels=899)
    )
    assert refused.startswith(
        f"folder:{root}: 1 of 25 images cannot be read: {big}: more than 899 pixels; refused. "
        "--max-pixels N (max_pixels=N) allows N. Repair"
    )
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    text = message_of(DataError, pack_source, FolderSource(root), path, (3, 8, 8))
    assert f"{big}: more than 800 pixels; refused. STRIATE_MAX_PIXELS=N allows N. Repair" in text
    assert files_below(tmp_path) == ["set", *(f"set/{name}" for name in files_below(root))]
    # A higher limit than Pillow's is lifted for this alone.
    pack_source(FolderSource(root), path, (3, 8, 8), Settings(max_pixels=900))
    assert Image.MAX_IMAGE_PIXELS == 400
    assert len(PackSource(path).targets["train"]) == 9


def test_a_bomb_takes_no_memory(tmp_path):
    """Its header says 30,000 × 30,000, which would take 3.6 GB."""
    root = write_split_folder(tmp_path / "set", splits=("train", "val"))
    bomb = root / "train" / "cat" / "bomb.png"
    write_image(bomb, 99)
    values = bytearray(bomb.read_bytes())
    values[16:24] = struct.pack(">II", 30_000, 30_000)
    values[29:33] = struct.pack(">I", zlib.crc32(values[12:29]))
    bomb.write_bytes(values)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = message_of(DataError, pack_source, FolderSource(root), tmp_path / "x.pack", (3, 8, 8))
    assert f"{bomb}: more than 178,956,970 pixels; refused" in text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"jpeg": "no"}, "jpeg='no': must be never, fine or fast."),
        ({"max_pixels": 0}, "max_pixels=0: must be 1 or more, or None for the usual limit."),
    ],
)
def test_settings_are_checked(options, text):
    assert message_of(DataError, Settings, **options) == text


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (
            (2, 8, 8),
            "images cannot have 2 channels, only 1 (grey) or 3 (RGB); write the network's input, or the shape, as "
            "(1, H, W) or (3, H, W).",
        ),
        ((32, 32), "shape=(32, 32): must be (C, H, W) with sides from 1 to 65535."),
        (32, "shape=32: must be (C, H, W) with sides from 1 to 65535."),
        ((3, 8.5, 8), "shape=(3, 8.5, 8): must be (C, H, W) with sides from 1 to 65535."),
        ((3, 0, 8), "shape=(3, 0, 8): must be (C, H, W) with sides from 1 to 65535."),
        ((3, 8, 65536), "shape=(3, 8, 65536): must be (C, H, W) with sides from 1 to 65535."),
    ],
)
def test_shapes_are_checked(tmp_path, shape, text):
    assert message_of(DataError, pack_source, toy_source(), tmp_path / "x.pack", shape) == text
    assert (
        message_of(DataError, pack_source, toy_source(), tmp_path / "x.pack", (1, 8, 8), workers=0)
        == "workers=0: must be 1 or more, or None for one per core."
    )


def test_a_file_may_be_named_by_a_text(tmp_path):
    pack_source(toy_source(), str(tmp_path / "x.pack"), (1, 8, 8))
    assert PackSource(tmp_path / "x.pack").shape == (1, 8, 8)


def test_what_is_no_source_is_refused(tmp_path):
    text = message_of(DataError, pack_source, "digits", tmp_path / "x.pack", (1, 8, 8))
    assert text == "source='digits': must be a Source, as open_source(name) gives it."


def test_files_that_change_while_they_are_read(tmp_path):
    root = write_split_folder(tmp_path / "set")
    source = FolderSource(root)
    write_image(root / "train" / "cat" / "2.png", 999)
    text = message_of(ChangedError, pack_source, source, tmp_path / "x.pack", (3, 8, 8))
    file = root / "train" / "cat" / "2.png"
    assert (
        text == f"{file}: has changed since the data were opened; once they are at rest, do the same again."
    )
    text = message_of(
        ChangedError, pack_source, source, tmp_path / "x.pack", (3, 8, 8), skip_bad_images=True, workers=2
    )
    assert text.startswith(f"{file}: has changed")
    (root / "train" / "cat" / "2.png").unlink()
    text = message_of(DataError, pack_source, source, tmp_path / "x.pack", (3, 8, 8))
    assert f"1 of 24 images cannot be read: {root / 'train' / 'cat' / '2.png'}: no such file. Repair" in text
    assert files_below(tmp_path) == ["set", *(f"set/{name}" for name in files_below(root))]


def test_a_file_that_exists_is_not_replaced(tmp_path):
    path = tmp_path / "x.pack"
    path.write_text("mine")
    text = message_of(DataError, pack_source, toy_source(), path, (1, 8, 8))
    assert text == f"{path}: exists already; remove it, or give another name."
    assert path.read_text() == "mine"


def test_a_folder_that_is_missing(tmp_path):
    path = tmp_path / "no" / "x.pack"
    text = message_of(DataError, pack_source, toy_source(), path, (1, 8, 8))
    assert text == f"{path}: cannot be written: No such file or directory."
    assert files_below(tmp_path) == []


def test_a_disk_that_is_too_small_is_seen_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 5, 2**10))
    source = toy_source(train=10_000)
    text = message_of(DataError, pack_source, source, tmp_path / "x.pack", (3, 64, 64))
    assert text == f"{tmp_path / 'x.pack'}: the pack takes about 119.7 MiB, and 1.0 KiB are free there."
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("most", [0, 5_000, 60_000])
def test_a_disk_that_fills_up(tmp_path, most):
    """The kernel itself refuses to let the file grow, as on a full disk but for the name of the error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        text = message_of(DataError, pack_source, toy_source(train=3000), tmp_path / "x.pack", (1, 8, 8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert text == f"{tmp_path / 'x.pack'}: cannot be written: File too large."
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_says_no_at_the_end(tmp_path, monkeypatch, code):
    def refuse(descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    text = message_of(DataError, pack_source, toy_source(), tmp_path / "x.pack", (1, 8, 8))
    assert text == f"{tmp_path / 'x.pack'}: cannot be written: {os.strerror(code)}."
    assert files_below(tmp_path) == []


def test_a_folder_without_permission(tmp_path, monkeypatch):
    plain = Path.open

    def guarded(self, mode="r", *arguments, **options):
        if "x" in mode:  # what chmod does to everyone but an administrator
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return plain(self, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", guarded)
    text = message_of(DataError, pack_source, toy_source(), tmp_path / "x.pack", (1, 8, 8))
    assert text == f"{tmp_path / 'x.pack'}: cannot be written: Permission denied."
    assert files_below(tmp_path) == []


SLOW = """
import sys, time
from pathlib import Path
from toys import toy_source
from striate.data.pack import packing
from striate.data.pack.packing import pack_source
plain = packing.decoded
def slowly(*arguments):
    for piece in plain(*arguments):
        yield piece
        if sys.argv[2] == "middle":
            print("now", flush=True)
            time.sleep(60)
packing.decoded = slowly
if sys.argv[2] == "end":
    Path.replace = lambda *names: (print("now", flush=True), time.sleep(60))
pack_source(toy_source(train=30_000), Path(sys.argv[1]), (1, 8, 8))
"""


@pytest.mark.parametrize("when", ["middle", "end"])
def test_a_killed_pack_leaves_nothing_that_looks_finished(tmp_path, when):
    path = tmp_path / "x.pack"
    program = [sys.executable, "-c", SLOW, str(path), when]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"now\n"
        (part,) = tmp_path.iterdir()
        # While it lives its part is its own.
        os.utime(part, (0, 0))
        packed(toy_source(), tmp_path / "x.pack", (1, 8, 8))
        assert part.exists()
        path.unlink()
        process.send_signal(signal.SIGKILL)
    assert files_below(tmp_path) == [part.name]
    assert part.name.startswith(".x.pack.")
    assert part.name.endswith(".part")
    assert message_of(DataError, open_source, str(path)).startswith(f"no data called '{path}'")
    if when == "middle":
        copy = shutil.copy(part, tmp_path / "copy.pack")
        assert message_of(DataError, PackSource, copy) == (
            f"{copy}: not a pack, or one that was not finished; striate data pack makes one."
        )
        Path(copy).unlink()
    os.utime(part, (time.time() - 60,) * 2)
    packed(toy_source(), path, (1, 8, 8))
    assert files_below(tmp_path) == ["x.pack"]


def test_flowers_packed_are_the_flowers(data_folder, tmp_path):
    source = FolderSource(data_folder / "flowers")
    pack = packed(source, tmp_path / "flowers.pack", (3, 40, 30), settings=EXACT)
    for split in ("train", "val"):
        assert pack.targets[split].tolist() == source.targets[split].tolist()
    for i in range(0, 500, 25):
        assert np.array_equal(pack.array("train")[i], to_pixels(source.image("train", i), (3, 40, 30)))
    assert pack.class_names == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    pack.verify()


def test_an_array_that_would_be_copied_is_packed_image_by_image(tmp_path, monkeypatch):
    """Here the validation images lie among those of training, so that either split would be a copy."""
    images = np.random.default_rng(0).integers(0, 256, (200, 1, 6, 6), np.uint8)
    np.save(tmp_path / "x_train.npy", images)
    np.save(tmp_path / "y_train.npy", np.arange(200) % 2)
    source = open_source(f"npy:{tmp_path}")
    expected = {split: source.array(split).copy() for split in source.targets}
    monkeypatch.setattr(type(source), "array", None)
    pack = packed(source, tmp_path / "x.pack", (1, 6, 6))
    for split, array in expected.items():
        assert np.array_equal(pack.array(split), array)
