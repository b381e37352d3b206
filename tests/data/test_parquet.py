"""Parquet files and folders of shards, written by pyarrow: content, splits, bad columns, damaged files."""

import hashlib
import io
import json
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from toys import message_of

from striate.data import load_split, open_source
from striate.errors import DataError

NAMES = ["cat", "dog"]
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(seed):
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue(), pixels


def features(names=NAMES, label=None):
    label = label or {"names": names, "_type": "ClassLabel"}
    return {
        b"huggingface": json.dumps(
            {"info": {"features": {"image": {"_type": "Image"}, "label": label}}}
        ).encode()
    }


def write(
    path, seeds, labels=None, metadata=None, image=STRUCT, label=None, names=("image", "label"), group=3
):
    images = [png(seed)[0] for seed in seeds]
    if image is STRUCT:
        images = [{"bytes": data, "path": "x.png"} for data in images]
    labels = [seed % 2 for seed in seeds] if labels is None else labels
    table = pa.table([pa.array(images, image), pa.array(labels, label)], list(names))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        table.replace_schema_metadata(features() if metadata is None else metadata),
        path,
        row_group_size=group,
    )
    return path


def check(source, split, seeds):
    assert source.targets[split].tolist() == [seed % 2 for seed in seeds]
    # Backwards too: groups are fetched again.
    for i in [*range(len(seeds)), *reversed(range(len(seeds)))]:
        assert np.asarray(source.image(split, i)).tolist() == png(seeds[i])[1].tolist()


@pytest.mark.parametrize("below", ["", "data"])
@pytest.mark.parametrize("image", [STRUCT, pa.binary(), pa.large_binary()], ids=str)
def test_a_folder_of_shards(tmp_path, below, image):
    root = tmp_path / below
    write(root / "train-00000-of-00002.parquet", range(7), image=image)
    write(root / "train-00001-of-00002.parquet", range(7, 12), image=image)
    write(root / "validation-00000-of-00001.parquet", range(20, 24), image=image)
    write(root / "mnist_test.parquet", range(30, 35), image=image)
    source = open_source(f"parquet:{tmp_path}")
    assert source.name == f"parquet:{tmp_path}"
    assert source.class_names == ("cat", "dog")
    assert source.shape is None
    check(source, "train", range(12))
    check(source, "val", range(20, 24))
    check(source, "test", range(30, 35))
    assert load_split(source, "train", (3, 6, 5)).images[9].permute(1, 2, 0).tolist() == png(9)[1].tolist()
    assert source.record("test", 2).name == f"{source.name} test[2]"
    assert open_source(source.name).fingerprint == source.fingerprint


def test_the_fingerprint_is_of_content_and_splits(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    write(a / "train-0.parquet", range(8))
    write(b / "train-0.parquet", [3, 2, 1, 0], group=1)
    write(b / "train-1.parquet", range(4, 8))
    for root in (a, b):
        write(root / "val-0.parquet", range(8, 10))
    assert open_source(f"parquet:{a}").fingerprint == open_source(f"parquet:{b}").fingerprint
    write(b / "val-0.parquet", range(9, 11))
    assert open_source(f"parquet:{a}").fingerprint != open_source(f"parquet:{b}").fingerprint


@pytest.mark.parametrize("name", ["parquet:{}", "{}"])
def test_one_file_is_divided_by_content(tmp_path, name):
    path = write(tmp_path / "all.parquet", range(100), group=16)
    source = open_source(name.format(path))
    assert source.name == f"parquet:{path}"
    percent = [
        int.from_bytes(hashlib.sha256(png(seed)[0]).digest()[:4], "little") % 100 for seed in range(100)
    ]
    for split, low, high in (("train", 0, 80), ("val", 80, 90), ("test", 90, 100)):
        check(source, split, [seed for seed in range(100) if low <= percent[seed] < high])


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (["dog", "cat"] * 50, pa.string(), ("cat", "dog")),
        ([1, 0] * 50, pa.int8(), ("0", "1")),
        ([0, 1] * 50, pa.uint64(), ("0", "1")),
    ],
)
def test_labels_without_names(tmp_path, labels, kind, names):
    source = open_source(
        write(tmp_path / "a.parquet", range(100), labels, {b"huggingface": b"{}"}, label=kind)
    )
    assert source.class_names == names
    found = {}
    for split, targets in source.targets.items():
        found |= {source.record(split, i).data: names[t] for i, t in enumerate(targets)}
    assert found == {png(seed)[0]: str(label) for seed, label in enumerate(labels)}


def test_several_labels(tmp_path):
    names = {"feature": {"names": ["a", "b", "c"], "_type": "ClassLabel"}, "_type": "List"}
    for split, seeds in (("train", range(3)), ("val", range(3, 6))):
        labels = [[0, 2], [], [1]]
        write(tmp_path / f"{split}.parquet", seeds, labels, features(label=names), label=pa.list_(pa.int64()))
    source = open_source(f"parquet:{tmp_path}")
    assert source.multi_label
    assert source.class_names == ("a", "b", "c")
    assert source.targets["val"].tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_columns_of_any_name(tmp_path):
    path = write(tmp_path / "a.parquet", range(100), names=("foto", "Art"))
    text = message_of(DataError, open_source, path)
    assert text == (
        f"{path}: has no column for the image (image, img, images, picture); it has 'foto', 'Art'. Say which it is by "
        "?image=COLUMN after the name."
    )
    source = open_source(f"parquet:{path}?image=foto&label=Art")
    assert open_source(source.name).fingerprint == source.fingerprint
    assert source.class_names == ("0", "1")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"labels": [0, 1, None]}, " row 2: its label is missing; labels must be whole numbers, or all texts."),
        ({"labels": [0, 1, -1]}, ": labels from -1 to 1 for 2 classes; they must be 0 to 1 (-1 often marks images"),
        ({"labels": [0, 1, 7]}, ": labels from 0 to 7 for 2 classes; they must be 0 to 1."),
        ({"labels": [0, 1, 7.5]}, " row 0: its label is '0.0'; labels must be whole numbers, or all texts."),
        ({"labels": ["a", "b", "\x1b"]}, ": its class name, '\\x1b', has characters that cannot be printed."),
        ({"labels": [[1], [0, 0], []]}, " row 1: its labels say one class twice."),
        ({"labels": [10**12, 1, 2], "metadata": {b"a": b"b"}}, ": a label is 1,000,000,000,000; labels must lie in"),
        ({"metadata": features(["a", "a"])}, ": two classes are called 'a'; rename one."),
        ({"seeds": []}, ": holds no images."),
        ({"names": ("image", "img")}, ": 'image', 'img' may each be the image; say which by ?image=image after the"),
    ],
)  # fmt: skip
def test_content_that_is_wrong(tmp_path, options, reason):
    path = write(tmp_path / "a.parquet", **{"seeds": range(3)} | options)
    text = message_of(DataError, open_source, path)
    assert text.startswith(f"{path}{reason}")


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (pa.array(["a.png"] * 3), ": the column 'image' is string; it must hold the bytes of image files, or struct"),
        (pa.array([{"path": "a"}] * 3), ": the column 'image' is struct<path: string>; it must hold the bytes of im"),
        (pa.array([{"path": "a", "bytes": None}] * 3, STRUCT), " row 0: holds no bytes of an image, perhaps a path"),
        (pa.array([None] * 3, STRUCT), " row 0: holds no bytes of an image, perhaps a path alone; save the file wit"),
        (pa.array([[b"a"]] * 3), ": the column 'image' is list<"),
    ],
)  # fmt: skip
def test_columns_that_hold_no_images(tmp_path, images, reason):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": images, "label": [0, 1, 0]}), path)
    assert message_of(DataError, open_source, path).startswith(f"{path}{reason}")


def test_a_row_that_is_no_image_is_told_with_the_others(tmp_path):
    path = tmp_path / "train.parquet"
    images = [b"no image", *(png(seed)[0] for seed in range(5))]
    pq.write_table(pa.table({"image": images, "label": [0, 1, 0, 1, 0, 1]}), path)
    write(tmp_path / "val.parquet", range(6, 8), metadata={b"a": b"b"})
    source = open_source(f"parquet:{tmp_path}")
    assert message_of(DataError, load_split, source, "train", (3, 6, 5)).startswith(
        f"{source.name}: 1 of 6 images in 'train' cannot be read: {source.name} train[0]: not an image. Repair or"
    )


def test_row_groups_that_are_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["striate.data.sources.parquet"], "_MAX_GROUP", 1000)
    path = write(tmp_path / "a.parquet", range(100), group=50)
    text = message_of(DataError, open_source, path)
    assert text.startswith(f"{path}: a row group holds ")
    assert text.endswith(
        " bytes of images; at most 1,000 are read at a time. Write the file again with smaller ones: "
        "row_group_size=1000."
    )


def test_folders_that_are_wrong(tmp_path):
    def refused():
        return message_of(DataError, open_source, f"parquet:{tmp_path}").removeprefix(f"parquet:{tmp_path}: ")

    assert refused() == "holds no files that end in .parquet, nor does a folder data in it."
    write(tmp_path / "train-0.parquet", range(4))
    write(tmp_path / "more.parquet", range(4))
    assert refused().startswith(
        "the names of more.parquet say no split and others do; name them as train-00000-of-"
    )
    (tmp_path / "more.parquet").unlink()
    write(tmp_path / "val.parquet", range(4), metadata=features(["x", "y"]))
    assert (
        refused() == f"{tmp_path}: the labels of its files differ in type or classes; keep files of one set."
    )
    (tmp_path / "train-0.parquet").unlink()
    assert refused() == (f"{tmp_path}: has images of val and none of train; name splits train, val and test.")
    write(tmp_path / "train-val.parquet", range(4))
    assert refused().endswith("train-val.parquet: its name says train, val; keep one of train, val, test.")
    assert message_of(DataError, open_source, "parquet:nowhere") == "parquet:nowhere: no such file or folder."
    os.mkfifo(tmp_path / "pipe")
    assert message_of(DataError, open_source, f"parquet:{tmp_path / 'pipe'}").endswith(
        "pipe: not a regular file."
    )


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 3, b"x" * 1000])
def test_files_that_are_none(tmp_path, data):
    (tmp_path / "a.parquet").write_bytes(data)
    text = message_of(DataError, open_source, tmp_path / "a.parquet")
    assert text.startswith(f"{tmp_path / 'a.parquet'}: not a parquet file, or damaged (")


def test_without_pyarrow(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", range(4))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert message_of(DataError, open_source, path) == (
        f"parquet:{path} needs the package pyarrow, which cannot be imported (import of pyarrow.parquet halted; "
        "None in sys.modules); install it: pip install 'striate[parquet]'."
    )


@settings(max_examples=50)
@given(st.data())
def test_damaged_files_are_a_source_or_an_explanation(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("parquet")
    path = write(root / "train.parquet", range(6))
    write(root / "val.parquet", range(6, 9))
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.sampled_from([None, None, -1, 300]))])
    try:
        source = open_source(f"parquet:{root}")
    except DataError as error:
        text = str(error)
        assert str(root) in text
    else:
        assert set(source.targets) == {"train", "val"}


@pytest.mark.parametrize("below", ["", "data"])
def test_a_folder_of_shards_needs_no_kind(tmp_path, below):
    for split, seeds in {"train": [1, 2, 3], "val": [4, 5]}.items():
        write(tmp_path / below / f"{split}-0.parquet", seeds)
    (tmp_path / "README.md").write_text("a set")
    assert open_source(tmp_path).name == f"parquet:{tmp_path}"
    check(open_source(str(tmp_path)), "val", [4, 5])


def test_shards_beside_class_folders_are_no_data(tmp_path):
    for seed in range(16):
        folder = tmp_path / ("train", "val")[seed % 2] / NAMES[seed // 2 % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed}.png").write_bytes(png(seed)[0])
    write(tmp_path / "train.parquet", [1, 2])
    assert open_source(tmp_path).name == f"folder:{tmp_path}"
