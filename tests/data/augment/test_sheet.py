"""`show`: its draws are what `Augment` gives, its words what was drawn, its files whole and legible."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image
from toys import message_of, stripes, toy_source, write_image, write_split_folder

from striate.data import ArraySource, FolderSource, digits
from striate.data.augment import RECIPES, Augment, Recipe
from striate.data.augment.effects import (
    AugMix,
    ChannelShuffle,
    CutMix,
    HorizontalFlip,
    Invert,
    Mixup,
    RandAugment,
    Rotate,
    Zoom,
)
from striate.data.show import show
from striate.errors import ConfigError, DataError

MASK = 2**64 - 1


def mixed_bits(x):
    """Return SplitMix64's output function, by Python's whole numbers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def uniform(seed, step, index, number):
    """Return draw ``number`` of an image, a fraction of [0, 1)."""
    key = 0
    for part in (seed, step, index):
        key = mixed_bits(((key ^ part) + 0x9E3779B97F4A7C15) & MASK)
    return (mixed_bits((key + (number + 1) * 0x9E3779B97F4A7C15) & MASK) >> 11) / 2**53


def test_words_say_what_was_drawn():
    recipe = Recipe((HorizontalFlip(p=0.5), Rotate(degrees=(-30, 10)), Zoom(factor=(0.5, 2)), Invert(p=0.5)))
    sheet = show("digits", augment=recipe, seed=5, count=3)
    for shown in sheet.images:
        for draw in shown.draws:
            u = [uniform(5, draw.step, shown.index, k) for k in range(6)]
            degrees, factor = -30 + 40 * u[2], 0.5 * 4 ** u[4]
            told = ["mirrored"] if u[0] < 0.5 else []
            told += [f"rotated {degrees:+.1f}°".replace("-", "−"), f"zoomed ×{factor:.2f}"]
            told += ["inverted"] if u[5] < 0.5 else []
            assert draw.words == ", ".join(told)


def test_tiles_are_what_augment_gives():
    source = digits()
    sheet = show(source, augment="mnist", seed=3, count=4)
    rows = [shown.index for shown in sheet.images]
    originals = torch.from_numpy(source.array("train")[rows])
    augment = Augment("mnist")
    for step in range(12):
        made, _ = augment(originals, seed=3, step=step, indices=torch.tensor(rows))
        expected = (255 * made).round().to(torch.uint8).numpy()
        for k, shown in enumerate(sheet.images):
            np.testing.assert_array_equal(shown.pixels, originals[k])
            assert shown.draws[step].step == step
            np.testing.assert_array_equal(shown.draws[step].pixels, expected[k])


def test_images_come_of_all_classes_in_turn():
    sheet = show("digits", count=12)
    assert [shown.label for shown in sheet.images] == [str(k % 10) for k in range(12)]
    targets = digits().targets["train"]
    assert [shown.index for shown in sheet.images[:10]] == [
        np.flatnonzero(targets == k)[0] for k in range(10)
    ]
    few = show("digits", count=4, classes=["7", "2"])
    assert [shown.label for shown in few.images] == ["2", "7", "2", "7"]
    assert len(show(toy_source()).images) == 40
    assert len(show(toy_source(train=5)).images) == 5


def test_stored_images_are_as_they_are_stored(tmp_path):
    root = tmp_path / "set"
    write_image(root / "train" / "cat" / "a.png", 1, (30, 20))
    write_image(root / "train" / "dog" / "b.png", 2, (9, 40), "L")
    write_image(root / "train" / "dog" / "big.png", 3, (1024, 16))
    for name in ("cat", "dog"):
        write_image(root / "val" / name / "c.png", 4)
    cat, dog, big = show(FolderSource(root)).images
    assert (cat.size, cat.pixels.shape) == ((20, 30), (3, 20, 30))
    assert (dog.size, dog.pixels.shape) == ((40, 9), (1, 40, 9))
    assert (big.size, big.pixels.shape) == ((16, 1024), (3, 8, 512))
    with Image.open(root / "train" / "cat" / "a.png") as image:
        np.testing.assert_array_equal(cat.pixels.transpose(1, 2, 0), np.asarray(image))
    assert {shown.pixels.shape for shown in show(FolderSource(root), size=(7, 5)).images} == {
        (1, 7, 5),
        (3, 7, 5),
    }
    augmented = show(FolderSource(root), augment="none")
    assert {shown.pixels.shape for shown in augmented.images} == {(3, 160, 160)}
    assert {draw.words for shown in augmented.images for draw in shown.draws} == {"unchanged"}


@pytest.mark.parametrize("effect", [Mixup(alpha=1.0), CutMix()], ids=["mixup", "cutmix"])
def test_mixtures_name_their_partner_and_target(effect):
    source = ArraySource(
        "flat",
        {"train": np.arange(40, dtype=np.uint8)[:, None, None, None] * np.full((1, 1, 9, 9), 6, np.uint8)},
        {"train": np.arange(40) % 4},
        ("a", "b", "c", "d"),
    )
    sheet = show(source, augment=Recipe((effect,)), count=3)
    for shown in sheet.images:
        for draw in shown.draws:
            own, partner_class, partner = re.fullmatch(
                r"(\d+)% (?:of a mixture|kept, the rest) with (\w) #(\d+)", draw.words
            ).groups()
            partner = int(partner)
            assert partner != shown.index
            assert partner_class == "abcd"[partner % 4]
            values = draw.pixels.astype(float)
            share = (values.mean() - 6 * partner) / (
                6 * shown.index - 6 * partner
            )  # all pixels of an image are alike
            assert share == pytest.approx(int(own) / 100, abs=0.11 / abs(shown.index - partner) + 0.006)
            target = draw.target.get(shown.label, 0)
            if partner_class != shown.label:
                assert target == pytest.approx(share, abs=0.11 / abs(shown.index - partner))
            assert sum(draw.target.values()) == pytest.approx(1)
            parts = [part.split("% ") for part in draw.target_words.split(", ")]
            assert [int(number) for number, _ in parts] == sorted((int(n) for n, _ in parts), reverse=True)
            assert {name: round(float(draw.target[name]), 2) for _, name in parts} == {
                name: int(number) / 100 for number, name in parts
            }


def test_what_is_not_mixed_has_no_target():
    draws = [d for shown in show("digits", augment=Recipe((Mixup(p=0.5),))).images for d in shown.draws]
    assert {bool(d.target) for d in draws} == {True, False}
    assert all(bool(d.target) == ("mixture" in d.words) for d in draws)


def test_effects_for_some_classes():
    recipe = Recipe((Invert(p=1, classes=("middle",)), HorizontalFlip(p=1, classes=(2,))))
    sheet = show(toy_source(), augment=recipe, count=3)
    assert [{draw.words for draw in shown.draws} for shown in sheet.images] == [
        {"unchanged"},
        {"inverted"},
        {"mirrored"},
    ]


def test_policies_and_chains():
    policy = show("digits", augment=Recipe((RandAugment(count=3),)), count=4)
    counts = {len(draw.phrases) for shown in policy.images for draw in shown.draws}
    assert counts <= {0, 1, 2, 3}
    assert max(counts) == 3
    chains = show("digits", augment=Recipe((HorizontalFlip(p=1), AugMix(chains=2))), count=2)
    for shown in chains.images:
        for draw in shown.draws:
            first, second = draw.phrases
            assert first == "mirrored"
            assert re.fullmatch(r"\d+% replaced by chains \(.+\)", second)
    order = show(toy_source(channels=3), augment=Recipe((ChannelShuffle(p=1),)), count=1).images[0].draws[0]
    assert sorted(order.words.removeprefix("channels in order ").split()) == ["0", "1", "2"]


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "none"])
def test_every_recipe_makes_a_sheet(name):
    sheet = show(toy_source(channels=3), augment=name, count=2)
    assert any(draw.phrases for shown in sheet.images for draw in shown.draws)
    assert sheet.recipe == RECIPES[name]


# A picture


def opened(png):
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def test_a_picture_holds_every_tile():
    sheet = show("digits", augment="mnist", count=2)
    picture = opened(sheet.to_png())
    scale = 150 // 8
    assert picture.shape[1] == 36 + 150 + 2 * 18 + 6 * 150 + 5 * 18 + 36
    assert picture.shape[0] > 4 * (8 * scale + 5 * 18)
    for shown in sheet.images:
        top, *more = places_of(enlarged(shown.pixels, scale), picture[:, 36:])
        assert not more
        for column, draw in enumerate(shown.draws[:6]):
            left = 36 + 150 + 2 * 18 + column * (150 + 18)
            seen = picture[top : top + 8 * scale, left : left + 8 * scale]
            np.testing.assert_array_equal(seen, enlarged(draw.pixels, scale))


def enlarged(pixels, scale):
    """Return ``(1, H, W)`` as RGB ``(H, W, 3)``, each pixel a square."""
    return np.kron(pixels[0], np.ones((scale, scale), np.uint8))[..., None].repeat(3, 2)


def places_of(tile, picture):
    """Return at which heights a tile stands at the left edge of a picture."""
    height, width, _ = tile.shape
    heights = range(len(picture) - height)
    return [y for y in heights if np.array_equal(picture[y : y + height, :width], tile)]


def test_words_in_a_picture_have_glyphs_and_fit():
    from striate.data.show import picture

    text = "window 37%×34% at −69.5° daisy_rose · 漢字 \x1b[31m " + 60 * "w"
    lines = list(picture._wrapped(text, 150, 13))
    font = picture._font(13)
    missing = bytes(font.getmask("\U0010fffd"))
    assert all(font.getlength(line) <= 150 for line in lines)
    assert not any(bytes(font.getmask(c)) == missing for line in lines for c in line if c != " ")
    assert "".join("".join(lines).split()) == (
        r"window37%×34%at−69.5°daisy_rose·\u6f22\u5b57\x1b[31m" + 60 * "w"
    )


def test_stored_images_in_a_picture():
    picture = opened(show("digits").to_png())
    assert picture.shape == (76 + 4 * (144 + 8 + 2 * 18 + 18) + 18 + 36, 36 + 10 * 150 + 9 * 18 + 36, 3)
    assert opened(show(toy_source()).to_png()).shape[1] == 36 + 8 * 150 + 7 * 18 + 36


# A page


class Page(HTMLParser):
    """Reads a page, and fails where an element is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.images, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        assert tag not in ("script", "link", "iframe", "object")
        for name, value in attrs:
            assert name not in ("href", "srcset", "onload", "onerror")
            if name == "src":
                self.images.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def pixels_of(uri):
    kind, data = uri.split(",")
    assert kind == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB"))


def test_a_page_holds_all_and_refers_to_nothing():
    sheet = show(toy_source(channels=3), augment="trivial", count=2)
    text = sheet.to_html()
    page = Page(text)
    assert "http" not in text.replace("http-equiv", "")
    assert "url(" not in text
    expected = [p for shown in sheet.images for p in (shown.pixels, *(d.pixels for d in shown.draws))]
    assert len(page.images) == len(expected) == 26
    for uri, pixels in zip(page.images, expected, strict=True):
        np.testing.assert_array_equal(pixels_of(uri), pixels.transpose(1, 2, 0))
    words = "".join(page.words)
    assert all(phrase in words for shown in sheet.images for draw in shown.draws for phrase in draw.phrases)
    assert all(line in words for line in sheet.recipe.to_yaml().splitlines())
    assert sheet._repr_html_() in text


def test_names_are_escaped():
    images, targets = stripes(6)
    name = '<script>alert("x")</script>&\x1b[31m'
    source = ArraySource("odd <b>", {"train": images}, {"train": targets}, (name, "b", "c"))
    for sheet in (show(source), show(source, augment="mnist")):
        page = Page(sheet.to_html())
        assert "\x1b" not in "".join(page.words)
        assert '<script>alert("x")</script>&\\x1b[31m' in "".join(page.words)
        assert "\x1b" not in sheet.text()
        assert opened(sheet.to_png()).size


def test_large_images_are_small_on_a_page(tmp_path):
    write_split_folder(tmp_path / "set", each=1)
    write_image(tmp_path / "set" / "train" / "cat" / "large.png", 99, (500, 300))
    page = Page(show(FolderSource(tmp_path / "set")).to_html())
    assert max(pixels_of(uri).shape for uri in page.images) == (120, 200, 3)


# In words, as data, as files


def test_text_and_data():
    sheet = show("digits", augment="mnist", count=2, seed=4)
    lines = sheet.text().splitlines()
    assert lines[0] == "digits, train: mnist, seed 4, steps 0 to 11"
    assert "\n".join(lines[2:]).startswith(RECIPES["mnist"].to_yaml())
    first = sheet.images[0]
    assert f"#{first.index}  0  8×8  digits train[{first.index}]" in lines
    assert f"   7  {first.draws[7].words}" in lines
    data = json.loads(json.dumps(sheet.to_data()))
    assert data["recipe"] == json.loads(json.dumps(RECIPES["mnist"].to_data()))
    assert (data["augment"], data["seed"], data["source"], data["split"]) == ("mnist", 4, "digits", "train")
    assert data["images"][0]["draws"][7] == {"step": 7, "words": first.draws[7].words}
    assert repr(show("digits", count=1)).splitlines() == ["digits, train", "", "#4  0  8×8  digits train[4]"]
    assert show("digits", count=1).to_data() == {
        "schema": 1,
        "source": "digits",
        "split": "train",
        "images": [{"index": 4, "name": "digits train[4]", "label": "0", "size": [8, 8]}],
    }


def test_files(tmp_path):
    sheet = show("digits", count=2)
    sheet.save(tmp_path / "a.png")
    sheet.save(tmp_path / "a.HTML")
    assert (tmp_path / "a.png").read_bytes() == sheet.to_png()
    assert (tmp_path / "a.HTML").read_text(encoding="utf-8") == sheet.to_html()
    assert message_of(DataError, sheet.save, tmp_path / "a.jpg").endswith("a.jpg: must end in .png or .html.")
    assert "cannot be written" in message_of(DataError, sheet.save, tmp_path / "no" / "a.png")


def test_images_of_several_labels():
    images, _ = stripes(6)
    labels = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [0, 1, 0]], np.uint8)
    source = ArraySource("several", {"train": images}, {"train": labels}, ("a", "b", "c"))
    sheet = show(source, augment=Recipe((Mixup(alpha=1.0),)))
    assert [shown.label for shown in sheet.images] == ["a, c", "b", "unlabeled", "a, b, c"]
    assert all("with" in draw.words and not draw.target for shown in sheet.images for draw in shown.draws)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"augment": "mnits"}, ConfigError, "unknown recipe 'mnits'. Did you mean 'mnist'"),
        ({"split": "dev"}, DataError, "digits has no split 'dev'"),
        ({"classes": ["11"]}, DataError, "digits: unknown class '11'."),
        ({"count": 0}, DataError, "count=0: must be 1 to 200."),
        ({"count": 201}, DataError, "count=201: must be 1 to 200."),
        ({"size": (0, 8)}, DataError, "size=(0, 8): must be height and width of 1 to 2048 pixels."),
        ({"size": (8, 4000)}, DataError, "size=(8, 4000): must be height and width"),
        (
            {"size": (2048, 2048), "count": 14},
            DataError,
            "14 images of 2048×2048 pixels make too large a sheet; choose a smaller size or fewer.",
        ),
        (
            {"size": (256, 256), "count": 200, "augment": "mnist"},
            DataError,
            "200 images of 256×256 pixels with 2400 draws, from 200 that are read, make too large a sheet;",
        ),
        (
            {"size": (2048, 2048), "count": 1, "augment": Recipe((Mixup(),))},
            DataError,
            "1 images of 2048×2048 pixels with 12 draws, from 32 that are read, make too large a sheet;",
        ),
    ],
    ids=[
        "recipe",
        "split",
        "class",
        "count-0",
        "count-201",
        "size-0",
        "size-4000",
        "too-large",
        "many-draws",
        "mixed",
    ],
)
def test_bad_arguments(options, error, message):
    assert message_of(error, show, "digits", **options).startswith(message)


def test_the_size_of_stored_images_counts():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 1, 256, 256), np.uint8)
    source = ArraySource("large", {"train": images}, {"train": np.zeros(200, np.int64)}, ("one",))
    told = message_of(DataError, show, source, augment="mnist", count=200)
    assert told.startswith(
        "200 images of 256×256 pixels with 2400 draws, from 200 that are read, make too large"
    )
    assert len(show(source, count=200).images) == 200


def test_an_empty_split():
    images, targets = stripes(6)
    source = ArraySource("few", {"train": images[:1]}, {"train": targets[:1]}, ("left", "middle", "right"))
    assert "holds no images of middle" in message_of(DataError, show, source, classes=["middle"])
