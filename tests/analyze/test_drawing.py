"""The drawing, measured in the file: to scale, inside the page, no text on text, the same bytes each time."""

import io
import math
import re
import xml.etree.ElementTree as ET
from itertools import combinations
from types import SimpleNamespace

import matplotlib
import pytest
from PIL import Image, ImageFont
from test_plot import LENET5

from striate.analyze import analyze, volumes
from striate.errors import DescriptionError
from striate.spec import Conv, Linear, Network, ReLU, Sequential
from striate.zoo import NETWORKS, find

SVG = "{http://www.w3.org/2000/svg}"
FONTS = f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans"
DIFFERENT = """
    lenet5 resnet152 vgg16 googlenet_aux densenet121 inception_v3 squeezenet1_1 mobilenet_v2 alexnet resnet1001_preact
    mlp dense_autoencoder convolutional_autoencoder char_lstm cnn1d
""".split()
"""Networks whose pictures are measured: between them every sort of volume, and the longest names."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return a function that draws a network as SVG, once, and returns what can be measured in it."""
    folder, known = tmp_path_factory.mktemp("pictures"), {}

    def draw(name):
        if name not in known:
            analyze(find(name)).plot(folder / f"{name}.svg")
            known[name] = measured((folder / f"{name}.svg").read_text(encoding="utf-8"))
        return known[name]

    return draw


def measured(svg):
    root = ET.fromstring(svg)
    shapes, fills = {}, {}
    for group in root.iter(f"{SVG}g"):
        path = group.find(f"{SVG}path")
        if path is not None:
            numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path.get("d"))]
            shapes[group.get("id")] = list(zip(numbers[::2], numbers[1::2], strict=True))
            fills[group.get("id")] = path.get("style")
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    width, height = map(float, root.get("viewBox").split()[2:])
    texts = [Text(element) for element in root.iter(f"{SVG}text")]
    return SimpleNamespace(shapes=shapes, fills=fills, ids=ids, texts=texts, width=width, height=height)


class Text:
    """A line of text with the box that its letters fill, by PIL's measure of the font."""

    def __init__(self, element):
        style = dict(part.split(": ") for part in element.get("style").split("; "))
        self.text = element.text
        self.size = float(style["font-size"].removesuffix("px"))
        bold = "-Bold" if style.get("font-weight") == "700" else ""
        length = ImageFont.truetype(f"{FONTS}{bold}.ttf", 100).getlength(self.text) * self.size / 100
        self.left = float(element.get("x")) - {"start": 0, "middle": length / 2}[style["text-anchor"]]
        self.middle, self.baseline = float(element.get("x")), float(element.get("y"))
        self.right = self.left + length
        self.top, self.bottom = self.baseline - 0.73 * self.size, self.baseline + 0.24 * self.size

    @property
    def box(self):
        return self.left, self.top, self.right, self.bottom

    def __repr__(self):
        return f"{self.text!r} at {self.box}"


def box(points):
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


# To scale -------------------------------------------------------------------------------------------------------------


def test_the_picture_has_a_box_for_each_volume_and_a_field_for_all_but_the_input(drawn):
    picture = drawn("lenet5")
    faces = {f"volume{i}-{face}" for i in range(8) for face in ("front", "top", "side")}
    assert faces <= set(picture.shapes)
    assert "volume8-front" not in picture.shapes
    assert {f"field{i}" for i in range(1, 8)} <= set(picture.shapes)
    said = {text.text for text in picture.texts}
    assert {"c1", "6×28×28", "conv 5×5, tanh", "16×10×10", "output", "linear"} <= said


@pytest.mark.parametrize("name", DIFFERENT)
def test_boxes_are_to_the_scale_that_the_rulers_state(drawn, name):
    picture = drawn(name)
    position, channel = rulers(picture)
    for i, volume in enumerate(volumes(analyze(find(name)))):
        height, width = [*volume.size, 1, 1][:2] if len(volume.size) < 2 else volume.size[-2:]
        left, top, right, bottom = box(picture.shapes[f"volume{i}-front"])
        assert right - left == pytest.approx(channel * math.sqrt(volume.channels), abs=1e-4)
        assert bottom - top == pytest.approx(position * math.sqrt(height), abs=1e-4)
        _, side_top, end, _ = box(picture.shapes[f"volume{i}-side"])
        receding = position * math.sqrt(width) * 0.5 * math.sin(math.pi / 4)
        assert (end - right, top - side_top) == pytest.approx((receding, receding), abs=1e-4)


def rulers(picture):
    """Return points for the square root of one position and of one channel, read off the marks."""
    by_line = {}
    for text in picture.texts:
        if text.size == 7:
            by_line.setdefault(text.baseline, {})[int(text.text)] = text.middle
    units = []
    for _, marks in sorted(by_line.items()):
        zero, most = marks[0], max(marks)
        units.append((marks[most] - zero) / math.sqrt(most))
        for mark, at in marks.items():
            assert at - zero == pytest.approx(units[-1] * math.sqrt(mark), abs=1e-4)
    return units


def test_the_longest_side_of_the_largest_map_and_the_most_channels_fill_the_scale(drawn):
    picture = drawn("lenet5")
    _, top, _, bottom = box(picture.shapes["volume0-front"])  # 32 positions
    left, _, right, _ = box(picture.shapes["volume5-front"])  # 120 channels
    assert (bottom - top, right - left) == pytest.approx((104, 46), abs=1e-4)


# Receptive fields -----------------------------------------------------------------------------------------------------


def fields_in(picture, size):
    """Return for each field, and the input, its first and last edge on each axis, in positions of the input."""
    left, top, right, _ = box(picture.shapes["input"])
    step = (right - left) / size
    found = {}
    for gid, points in picture.shapes.items():
        if gid.startswith("field"):
            x0, y0, x1, y1 = box(points)
            found[int(gid[5:])] = [(y - top) / step for y in (y0, y1)], [(x - left) / step for x in (x0, x1)]
    return found


def test_the_fields_of_lenet5_by_hand(drawn):
    for i, edges in fields_in(drawn("lenet5"), 32).items():
        seen = LENET5[i][2]
        for axis in edges:
            assert axis == pytest.approx([seen.start, seen.stop], abs=1e-3)


def test_fields_beyond_the_edge_are_cut_there(drawn):
    picture = drawn("resnet152")
    fields = fields_in(picture, 224)
    assert fields[4][0] == pytest.approx([14 * 8 - 77, 14 * 8 - 77 + 155], abs=1e-3)  # stage2
    margin = 0.14 * 224
    for i in (5, 6, 7, 8):
        for axis in fields[i]:
            assert axis == pytest.approx([-margin, 224 + margin], abs=1e-3)
    assert any(text.text == "1,291×1,291  all of it" for text in picture.texts)
    assert any(text.text == "Longer fields are cut off at the edge." for text in picture.texts)


def test_the_fields_of_a_signal_are_bars(drawn):
    fields = fields_in(drawn("cnn1d"), 2048)
    for volume in volumes(analyze(find("cnn1d")))[1:]:
        (seen,) = volume.field
        assert fields[volume.color][1] == pytest.approx([seen.start, seen.stop], abs=0.05)


# Readable -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_drawn_inside_its_page(drawn, name):
    picture = drawn(name)
    assert len(picture.ids) == len(set(picture.ids))
    for left, top, right, bottom in [*map(box, picture.shapes.values()), *(t.box for t in picture.texts)]:
        assert left >= 0
        assert top >= 0
        assert right <= picture.width
        assert bottom <= picture.height
    assert min(text.size for text in picture.texts) >= 7
    assert picture.width <= 760


@pytest.mark.parametrize("name", NETWORKS)
def test_no_text_lies_on_another_or_on_a_box(drawn, name):
    picture = drawn(name)
    for a, b in combinations(picture.texts, 2):
        assert not overlap(a.box, b.box), (a, b)
    boxes = [points for gid, points in picture.shapes.items() if gid.startswith(("volume", "field", "input"))]
    for text in picture.texts:
        assert not any(overlap(text.box, box(points)) for points in boxes), text


def test_a_name_is_neither_math_nor_markup_and_may_lack_letters(tmp_path):
    name = "a<b> & $x_1$ 漢字"
    analysis = analyze(Network(name, (3, 8, 8), Sequential(Conv(4, 3), ReLU())))
    for form in ("svg", "png"):
        analysis.plot(tmp_path / f"net.{form}")
    assert name in [text.text for text in measured((tmp_path / "net.svg").read_text(encoding="utf-8")).texts]


def test_a_vector_has_words_in_the_place_of_fields(tmp_path):
    analyze(Network("net", (12,), Sequential(Linear(5), ReLU(), Linear(3)))).plot(tmp_path / "net.svg")
    picture = measured((tmp_path / "net.svg").read_text(encoding="utf-8"))
    assert "every unit sees all of it." in [text.text for text in picture.texts]
    assert not any(gid.startswith("field") for gid in picture.shapes)


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lenet5", "resnet152", "char_lstm"])
def test_the_png_is_the_same_picture_at_two_pixels_a_point(drawn, tmp_path, name):
    analyze(find(name)).plot(tmp_path / "net.png")
    picture = drawn(name)
    with Image.open(tmp_path / "net.png") as image:
        assert image.format == "PNG"
        assert image.size == (2 * picture.width, 2 * picture.height)
        pixels = image.convert("RGB")
    assert pixels.getpixel((1, 1)) == (255, 255, 255)
    for i in range(len(volumes(analyze(find(name))))):
        left, top, right, bottom = box(picture.shapes[f"volume{i}-front"])
        red, green, blue = bytes.fromhex(re.search(r"fill: #(\w{6})", picture.fills[f"volume{i}-front"])[1])
        at = (round(left + right), round(top + bottom))
        assert pixels.getpixel(at) == pytest.approx((red, green, blue), abs=1)


@pytest.mark.parametrize("form", ["svg", "png", "PNG"])
def test_the_same_network_gives_the_same_bytes_in_whatever_style(tmp_path, form):
    analysis = analyze(find("lenet5"))
    first, second = tmp_path / f"first.{form}", tmp_path / f"second.{form}"
    analysis.plot(first)
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "black", "svg.fonttype": "path"}):
        before = dict(matplotlib.rcParams)
        analysis.plot(str(second))
        assert dict(matplotlib.rcParams) == before
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 200_000


def test_the_svg_holds_text_as_text_and_stays_small(tmp_path):
    analyze(find("resnet152")).plot(tmp_path / "net.svg")
    written = (tmp_path / "net.svg").read_bytes()
    assert len(written) < 50_000
    assert b">1 conv on shortcuts</text>" in written
    assert ET.parse(io.BytesIO(written)).getroot().find(f"{SVG}title").text == "resnet152"


@pytest.mark.parametrize("name", ["net.pdf", "net", ".svg", "net.svg.gz"])
def test_the_ending_says_how_it_is_drawn(tmp_path, name):
    with pytest.raises(DescriptionError) as error:
        analyze(find("lenet5")).plot(tmp_path / name)
    assert str(error.value) == f"{tmp_path / name}: must end with .svg or .png, which say how it is drawn."
    assert not list(tmp_path.iterdir())


def test_what_stood_there_is_kept_if_it_cannot_be_written(tmp_path):
    (tmp_path / "net.svg").mkdir()
    with pytest.raises(DescriptionError, match=r"net\.svg: cannot be written: Is a directory\.$"):
        analyze(find("lenet5")).plot(tmp_path / "net.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["net.svg"]
