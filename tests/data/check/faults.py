"""A clean data set and every kind of fault to plant into it: what is done, and what a check has to say of it."""

import io
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("disc", "frame", "stripes")
TRAIN, VAL = 45, 40
SIDE = 72


def drawing(kind, seed, side=SIDE):
    """Return a colored shape on a soft background, ``(side, side, 3)``; no two seeds look alike."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(70, 170, (5, 5, 3), np.uint8))
    pixels = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(float)
    y, x = np.mgrid[:side, :side] / side - 0.5
    x, y = x - random.uniform(-0.05, 0.05), y - random.uniform(-0.05, 0.05)
    reach = random.uniform(0.27, 0.36)
    away = np.hypot(x, y), np.maximum(abs(x), abs(y))
    shape = {
        "disc": away[0] < reach,
        "frame": (away[1] < reach + 0.08) & (away[1] > reach - 0.05),
        "stripes": np.sin((y + random.uniform(0, 0.03)) * 2 * np.pi * 4) > 0,
    }[kind]
    color = np.array([random.uniform(200, 240), random.uniform(150, 200), random.uniform(20, 60)])
    pixels[shape] = color + random.normal(0, 4, (int(shape.sum()), 3))
    return np.clip(pixels, 1, 254).astype(np.uint8)


def write_clean(root):
    """Write ``root/{train,val}/<class>/<n>.png`` with nothing wrong with it."""
    seed = 0
    for split, count in (("train", TRAIN), ("val", VAL)):
        for kind in CLASSES:
            folder = root / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(drawing(kind, seed)).save(folder / f"{number:02}.png")
                seed += 1
    return root


@dataclass(frozen=True)
class Fault:
    """A way to spoil the clean folder.

    Attributes:
        plant: Does it to the folder and returns the names that the finding has to have, or None for any.
        kind: The finding's kind.
        verdict: The finding's verdict.
        besides: Kinds of error that this fault brings with it.
    """

    plant: Callable[[Path], set[str] | None]
    kind: str
    verdict: str
    besides: tuple[str, ...] = ()


def _bytes(content):
    def plant(root):
        (root / "train/disc/bad.png").write_bytes(content)
        return {"train/disc/bad.png"}

    return plant


def _picture(change, name="train/disc/odd.png"):
    """Plant one more image, made from a drawing that is not in the set."""

    def plant(root):
        image = Image.fromarray(drawing("disc", 9001))
        change(image).save(root / name)
        return {name}

    return plant


def _constant(image):
    return Image.new("RGB", image.size, (90, 120, 60))


def _truncated(root):
    written = io.BytesIO()
    Image.fromarray(drawing("disc", 9002, 200)).save(written, "JPEG")
    (root / "train/disc/cut.jpg").write_bytes(written.getvalue()[:-900])
    return {"train/disc/cut.jpg"}


def _truncated_png(root):
    whole = (root / "val/frame/03.png").read_bytes()
    (root / "val/frame/03.png").write_bytes(whole[: len(whole) // 2])
    return {"val/frame/03.png"}


def _dangling(root):
    (root / "train/disc/gone.png").symlink_to(root / "nowhere.png")
    return {"train/disc/gone.png"}


def _copy(source, target):
    def plant(root):
        shutil.copy(root / source, root / target)
        return {f"{source} = {target}"}

    return plant


def _other_format(root):
    Image.open(root / "train/disc/05.png").save(root / "train/disc/copy.bmp")
    return {"train/disc/05.png = train/disc/copy.bmp"}


def _near(source, target, change):
    def plant(root):
        change(Image.open(root / source).convert("RGB")).save(root / target, quality=80)
        return {f"{source} = {target}"}

    return plant


def _half(image):
    return image.resize((image.width * 3 // 4, image.height * 3 // 4), Image.Resampling.BILINEAR)


def _brighter(image):
    return image.point(lambda value: min(255, int(value * 1.06)))


def _remove(pattern, keep=0):
    def plant(root):
        for file in sorted(root.glob(pattern))[keep:]:
            file.unlink()

    return plant


def _no_folder(root):
    shutil.rmtree(root / "val/stripes")


def _one_class(root):
    for split in ("train", "val"):
        for kind in ("frame", "stripes"):
            shutil.rmtree(root / split / kind)


def _rename(names):
    def plant(root):
        for split in ("train", "val"):
            for old, new in zip(CLASSES, names, strict=True):
                (root / split / old).rename(root / split / new)

    return plant


def _case(root):
    for split, count in (("train", TRAIN), ("val", VAL)):
        (root / split / "Disc").mkdir()
        for file in sorted((root / split / "disc").iterdir())[count // 2 :]:
            file.rename(root / split / "Disc" / file.name)
    return {"'Disc' = 'disc'"}


def _list(lines):
    def plant(root):
        (root / "classes.txt").write_text("\n".join(lines) + "\n")

    return plant


def _permuted(root):
    for old, new in (("disc", "held"), ("frame", "disc"), ("stripes", "frame"), ("held", "stripes")):
        (root / "val" / old).rename(root / "val" / new)


def _mislabeled(root):
    moved = set()
    for number in (7, 17):
        shutil.move(root / f"train/disc/{number:02}.png", root / f"train/stripes/was_disc{number}.png")
        moved.add(f"train/stripes/was_disc{number}.png")
    return moved


def _second_name(root):
    shutil.copytree(root / "val", root / "validation")
    for k, file in enumerate(sorted((root / "validation").rglob("*.png"))):
        Image.fromarray(drawing(file.parent.name, 20_000 + k)).save(file)


def _stray(root):
    Image.fromarray(drawing("disc", 9003)).save(root / "train/lost.png")
    return {"train/lost.png"}


def _too_few(root):
    files = sorted((root / "train").rglob("*.png"))[:: TRAIN // 2]
    for file in files:
        target = root / file.parent.name / file.name
        target.parent.mkdir(exist_ok=True)
        file.rename(target)
    shutil.rmtree(root / "train")
    shutil.rmtree(root / "val")


def _each(pattern, change, ending=None):
    """Change every image that fits."""

    def plant(root):
        for file in sorted(root.glob(pattern)):
            image = change(Image.open(file).convert("RGB"))
            if ending:
                file.unlink()
                file = file.with_suffix(ending)
            image.save(file)

    return plant


def _sized(root):
    for number, kind in enumerate(CLASSES):
        side = SIDE + 6 * number
        _each(f"*/{kind}/*.png", lambda image, side=side: image.resize((side, side)))(root)


def _formatted(root):
    for kind, ending in (("disc", ".bmp"), ("frame", ".tif")):
        _each(f"*/{kind}/*.png", lambda image: image, ending)(root)


def _animated(root):
    frames = [Image.fromarray(drawing("disc", seed)) for seed in (9004, 9005)]
    frames[0].save(root / "train/disc/moves.webp", save_all=True, append_images=frames[1:], lossless=True)
    return {"train/disc/moves.webp"}


def _rotated(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(drawing("disc", 9006)).save(root / "train/disc/lying.jpg", exif=exif, quality=95)
    return {"train/disc/lying.jpg"}


def _misnamed(root):
    Image.fromarray(drawing("disc", 9007)).save(root / "train/disc/called.jpg", "PNG")
    return {"train/disc/called.jpg"}


def _cmyk(root):
    Image.fromarray(drawing("disc", 9008)).convert("CMYK").save(root / "train/disc/print.jpg", quality=95)
    return {"train/disc/print.jpg"}


def _sixteen_bits(image):
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _seen_through(image):
    image = image.convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 12, 12))
    return image


def _burnt(image):
    return Image.fromarray(np.clip(np.asarray(image).astype(int) * 6, 0, 255).astype(np.uint8))


def _dark_with_spot(image):
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    pixels[20:50, 20:50] = np.asarray(image)[20:50, 20:50]
    return Image.fromarray(pixels)


def _dim(image):
    return image.point(lambda value: value // 16)


def _darker(image):
    return image.point(lambda value: value // 2)


def _swapped(image):
    return Image.merge("RGB", image.split()[::-1])


_BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 0, 5, 1, 24, 0, 0, 0, 0, 0, 0)

FAULTS = {
    "a file of zero bytes": Fault(_bytes(b""), "empty-file", "error"),
    "a text among images": Fault(_bytes(b"not found\n" * 9), "not-an-image", "error"),
    "a JPEG cut short": Fault(_truncated, "truncated", "error"),
    "a PNG cut short": Fault(_truncated_png, "truncated", "error"),
    "a link to nothing": Fault(_dangling, "missing", "error"),
    "a BMP of no width": Fault(_bytes(_BMP), "zero-area", "error"),
    "a PGM of no height": Fault(_bytes(b"P5 9 0 255\n"), "zero-area", "error"),
    "a copy within a class": Fault(
        _copy("train/disc/01.png", "train/disc/x.png"), "exact-duplicate", "warning"
    ),
    "a copy in another format": Fault(_other_format, "exact-duplicate", "warning"),
    "a copy in another class": Fault(
        _copy("train/disc/01.png", "train/frame/x.png"), "exact-conflict", "error"
    ),
    "a copy in another split": Fault(_copy("train/disc/01.png", "val/disc/x.png"), "exact-leak", "error"),
    "a smaller copy within a class": Fault(
        _near("train/disc/02.png", "train/disc/x.jpg", _half), "near-duplicate", "note"
    ),
    "a compressed copy in another class": Fault(
        _near("train/disc/02.png", "train/frame/x.jpg", lambda image: image), "near-conflict", "warning"
    ),
    "a brighter copy in another split": Fault(
        _near("train/disc/02.png", "val/disc/x.png", _brighter), "near-leak", "warning"
    ),
    "a class emptied in train": Fault(_remove("train/frame/*"), "empty-class", "error", ("refused",)),
    "a class emptied in val": Fault(_remove("val/frame/*"), "empty-class", "error", ("refused",)),
    "a class that val lacks": Fault(_no_folder, "classes-differ", "error", ("refused",)),
    "only one class": Fault(_one_class, "one-class", "error"),
    "a class of few images": Fault(_remove("train/frame/*", keep=6), "few-images", "warning"),
    "a rare class": Fault(_remove("train/frame/*", keep=4), "imbalance", "warning"),
    "other proportions in val": Fault(_remove("val/frame/*", keep=5), "proportions-differ", "warning"),
    "one class written in two ways": Fault(_case, "similar-names", "warning"),
    "classes named 1, 2, 10": Fault(_rename(("1", "2", "10")), "label-order", "warning"),
    "a list of classes in another order": Fault(
        _list(("stripes", "disc", "frame")), "label-order", "warning"
    ),
    "a list of other classes": Fault(_list(("disc", "frame", "spiral")), "label-list", "warning"),
    "labels numbered otherwise in val": Fault(_permuted, "labels-permuted", "error"),
    "wrong labels": Fault(_mislabeled, "label-error", "warning"),
    "two folders for one split": Fault(_second_name, "split-twice", "error", ("refused",)),
    "a file in no class": Fault(_stray, "stray-files", "warning"),
    "too few to divide": Fault(_too_few, "refused", "error"),
    "a constant image": Fault(_picture(_constant), "constant", "warning"),
    "an overexposed image": Fault(_picture(_burnt), "overexposed", "warning"),
    "an image mostly black": Fault(_picture(_dark_with_spot), "underexposed", "warning"),
    "a grey image": Fault(_picture(lambda image: image.convert("L")), "grey-among-color", "warning"),
    "a colored image among grey ones": Fault(
        _each("*/*/[!0]*.png", lambda image: image.convert("L")), "color-among-grey", "note"
    ),
    "a tiny image": Fault(_picture(lambda image: image.resize((9, 9))), "tiny-image", "warning"),
    "a huge image": Fault(_picture(lambda image: image.resize((700, 700))), "huge-image", "warning"),
    "a narrow image": Fault(_picture(lambda image: image.resize((40, 400))), "extreme-shape", "warning"),
    "a size for each class": Fault(_sized, "shortcut", "warning"),
    "a format for each class": Fault(_formatted, "shortcut", "warning"),
    "no value above 15": Fault(_each("*/*/*.png", _dim), "value-range", "error"),
    "a darker val": Fault(_each("val/*/*.png", _darker), "split-shift", "warning"),
    "red and blue swapped in val": Fault(_each("val/*/*.png", _swapped), "channels-swapped", "error"),
    "an animation": Fault(_animated, "animated", "note"),
    "a photograph lying on its side": Fault(_rotated, "rotated", "note"),
    "a PNG called JPEG": Fault(_misnamed, "misnamed", "warning"),
    "the colors of print": Fault(_cmyk, "cmyk", "warning"),
    "16 bits": Fault(_picture(_sixteen_bits), "deep", "note"),
    "transparent parts": Fault(_picture(_seen_through), "transparent", "note"),
}
