"""Tables of images, CSV and JSON lines: columns, splits, boxes, several labels, and tables that are wrong."""

import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from toys import message_of, write_image

from striate.data import FolderSource, load_split, open_source
from striate.errors import DataError

SPLITS = ("train", "train", "train", "train", "val", "val", "test", "test")
ROWS = [(f"img/{i}.png", ("cat", "dog")[i % 2], split) for i, split in enumerate(SPLITS)]
SPLIT_ROWS = "".join(f"{path},{label},{split}\n" for path, label, split in ROWS)
PLAIN = "path,label,split\n" + SPLIT_ROWS


def table(root, text, name="t.csv", images=8):
    for seed in range(images):
        write_image(root / "img" / f"{seed}.png", seed)
    path = root / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(root, text, name="t.csv", options=""):
    path = table(root, text, name)
    said = message_of(DataError, open_source, f"{path.suffix[1:]}:{path}{options}")
    assert said.startswith(str(path))
    return said.removeprefix(str(path)).lstrip(": ")


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows)


def check_plain(source, root):
    assert source.class_names == ("cat", "dog")
    assert source.shape is None
    assert not source.multi_label
    for split in ("train", "val", "test"):
        wanted = [(path, label) for path, label, s in ROWS if s == split]
        assert [source.class_names[t] for t in source.targets[split]] == [label for _, label in wanted]
        for i, (path, _) in enumerate(wanted):
            with Image.open(root / path) as image:
                assert source.image(split, i).tobytes() == image.tobytes()
            assert source.record(split, i).name == str(root / path)
    loaded = load_split(source, "train", (3, 8, 8))
    assert loaded.images.shape == (4, 3, 8, 8)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n") + "\r\n,,\r\n",
        "\n" + PLAIN.replace("\n", "\n\n"),
        ("\ufeff" + PLAIN).encode(),
        PLAIN.replace("path,label,split", "FileName,Class,SET"),
        PLAIN.replace("path,label,split", 'image , target ,"subset"'),
        PLAIN.replace("train", "Training").replace("val", "valid").replace("test", "TESTING"),
        PLAIN.replace("path,label,split", "path,label,split,width,height,note").replace("\n", ",,,a b\n", 1).replace(
            "path,label,split,width,height,note,,,a b", "path,label,split,width,height,note").replace(
            "train\n", 'train,8,8,"a, b"\n').replace("val\n", "val,8,8,\n").replace("test\n", "test,8,8,\n"),
        PLAIN.replace("img/0.png", "./img/../img/0.png"),
        PLAIN.replace("cat", '" cat "'),
        "".join(f"{i}," * bool(i) + line + "\n" for i, line in enumerate(("," + PLAIN).splitlines())),
    ],
    ids=["commas", "semicolons", "tabs", "CRLF", "blank lines", "BOM", "names", "quoted names", "splits", "sizes",
        "dots", "spaces", "row numbers"],
)  # fmt: skip
def test_csv(tmp_path, text):
    path = table(tmp_path, text)
    source = open_source(f"csv:{path}")
    check_plain(source, tmp_path)
    assert source.name == f"csv:{path}"
    assert open_source(str(path)).fingerprint == open_source(path).fingerprint == source.fingerprint


def test_json_lines(tmp_path):
    rows = [
        {"file_name": path, "label": label, "split": split, "more": {"x": [1]}} for path, label, split in ROWS
    ]
    path = table(tmp_path, lines(*rows) + "\n\n", "t.jsonl")
    source = open_source(f"jsonl:{path}")
    check_plain(source, tmp_path)
    assert source.fingerprint == open_source(table(tmp_path, PLAIN)).fingerprint
    numbers = [row | {"label": int(row["label"] == "dog")} for row in rows]
    assert open_source(table(tmp_path, lines(*numbers), "n.jsonl")).class_names == ("0", "1")


def test_columns_of_any_name(tmp_path, monkeypatch):
    text = PLAIN.replace("path,label,split", "wo ist's?,die Art,path")
    path = table(tmp_path, text)
    name = f"csv:{path}?path=wo%20ist's%3F&label=die+Art&split=path"
    source = open_source(name)
    check_plain(source, tmp_path)
    monkeypatch.chdir("/")
    assert open_source(source.name).fingerprint == source.fingerprint


def test_an_absolute_path_below_the_table(tmp_path):
    check_plain(open_source(table(tmp_path, PLAIN.replace("img/", f"{tmp_path}/img/"))), tmp_path)


def test_real_photographs_by_a_table_are_those_of_their_folder(tmp_path, data_folder):
    (tmp_path / "flowers").symlink_to(data_folder / "flowers", target_is_directory=True)
    folder = FolderSource(tmp_path / "flowers")
    rows = [
        (folder.record(split, i).name, folder.class_names[t], split)
        for split, targets in folder.targets.items()
        for i, t in enumerate(targets)
    ]
    text = "file,class,set\n" + "".join(f"{os.path.relpath(n, tmp_path)},{c},{s}\n" for n, c, s in rows)
    (tmp_path / "t.csv").write_text(text)
    source = open_source(tmp_path / "t.csv")
    assert source.class_names == folder.class_names
    for split, targets in folder.targets.items():
        assert source.targets[split].tolist() == targets.tolist()
        assert source.image(split, 7).tobytes() == folder.image(split, 7).tobytes()


def test_a_linked_table_lists_what_is_beside_the_link(tmp_path):
    (tmp_path / "b").mkdir()
    table(tmp_path / "a", PLAIN)
    elsewhere = table(tmp_path / "b", PLAIN, "real.csv", images=0)
    (tmp_path / "a" / "t.csv").unlink()
    (tmp_path / "a" / "t.csv").symlink_to(elsewhere)
    check_plain(open_source(tmp_path / "a" / "t.csv"), tmp_path / "a")


def digest_percent(path):
    import hashlib

    return int.from_bytes(hashlib.sha256(path.read_bytes()).digest()[:4], "little") % 100


@pytest.mark.parametrize("column", [False, True])
def test_without_splits_the_files_are_divided_by_content(tmp_path, column):
    head, tail = ("path,label,split\n", ",train") if column else ("path,label\n", "")
    rows = "".join(f"img/{i}.png,{'ab'[i % 2]}{tail}\n" for i in range(100))
    source = open_source(table(tmp_path, head + rows, images=100))
    percent = {str(tmp_path / f"img/{i}.png"): digest_percent(tmp_path / f"img/{i}.png") for i in range(100)}
    bounds = (
        {"train": (0, 90), "val": (90, 100)}
        if column
        else {"train": (0, 80), "val": (80, 90), "test": (90, 100)}
    )
    for split, (low, high) in bounds.items():
        names = {source.record(split, i).name for i in range(len(source.targets[split]))}
        assert names == {name for name, p in percent.items() if low <= p < high}
    assert sum(map(len, source.targets.values())) == 100


def test_the_fingerprint_is_of_content_boxes_labels_and_splits(tmp_path):
    def fingerprint(text):
        return open_source(table(tmp_path, text)).fingerprint

    head, *rows = PLAIN.splitlines(keepends=True)
    first = fingerprint(PLAIN)
    assert fingerprint(head + "".join(reversed(rows))) == first
    assert fingerprint(PLAIN.replace("1.png,dog", "1.png,cat")) != first
    assert fingerprint(PLAIN.replace("0.png,cat,train", "0.png,cat,val")) != first
    boxed = PLAIN.replace("\n", ",0,0,4,4\n").replace("split,0,0,4,4", "split,x,y,width,height")
    assert fingerprint(boxed) != first
    assert fingerprint(boxed.replace(",0,0,4,4", ",,,,")) == first
    assert fingerprint(boxed.replace(",0,0,4,4", ",0,0,4,5", 1)) != fingerprint(boxed)


def test_a_box_is_the_image(tmp_path):
    text = "path,label,split,x,y,width,height\n" + "".join(
        f"img/0.png,{label},{split},{x},{y},{w},{h}\n"
        for label, split, x, y, w, h in [
            ("a", "train", 0, 0, 3, 4), ("b", "train", "2.0", 1, 6, 7), ("a", "val", 5, 5, 1, 1),
            ("a", "test", *[""] * 4),
        ]
    )  # fmt: skip
    source = open_source(table(tmp_path, text))
    with Image.open(tmp_path / "img/0.png") as image:
        whole = np.asarray(image)
    assert np.asarray(source.image("train", 0)).tolist() == whole[0:4, 0:3].tolist()
    assert np.asarray(source.image("train", 1)).tolist() == whole[1:8, 2:8].tolist()
    assert np.asarray(source.image("val", 0)).tolist() == whole[5:6, 5:6].tolist()
    assert np.asarray(source.image("test", 0)).tolist() == whole.tolist()


def test_a_box_beyond_the_image_is_told_when_it_is_read(tmp_path):
    text = "path,label,split,x,y,w,h\nimg/0.png,a,train,5,5,4,1\nimg/1.png,a,val,0,0,1,1\n"
    source = open_source(table(tmp_path, text))
    assert message_of(DataError, source.image, "train", 0) == (
        f"{tmp_path / 'img/0.png'}: its box, 4×1 at (5, 5), does not lie within the image of 8×8."
    )


@pytest.mark.parametrize("form", ["bars", "lists", "jsonl"])
def test_several_labels(tmp_path, form):
    wanted = {
        "train": [["cat"], ["dog", "cat"], [], ["eel"]],
        "val": [["dog"]],
        "test": [["cat", "dog", "eel"]],
    }
    rows = [
        (f"img/{i}.png", labels, s) for i, (s, labels) in enumerate((s, x) for s in wanted for x in wanted[s])
    ]
    if form == "jsonl":
        text = lines(*({"path": p, "labels": labels, "split": s} for p, labels, s in rows))
    else:
        shown = {"bars": "|".join, "lists": lambda x: '"' + json.dumps(x).replace('"', '""') + '"'}[form]
        text = "path,labels,split\n" + "".join(f"{p},{shown(labels)},{s}\n" for p, labels, s in rows)
    source = open_source(table(tmp_path, text, "t.jsonl" if form == "jsonl" else "t.csv"))
    assert source.multi_label
    assert source.class_names == ("cat", "dog", "eel")
    assert source.targets["train"].dtype == np.uint8
    assert source.targets["train"].tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert source.targets["test"].tolist() == [[1, 1, 1]]
    assert load_split(source, "train", (3, 8, 8)).targets.tolist() == source.targets["train"].tolist()


def test_a_missing_file_is_told_with_the_others(tmp_path):
    source = open_source(table(tmp_path, PLAIN.replace("img/0", "img/none")))
    assert message_of(DataError, load_split, source, "train", (3, 8, 8)).startswith(
        f"{source.name}: 1 of 4 images in 'train' cannot be read: {tmp_path / 'img/none.png'}: no such file. Repair or"
    )
    assert len(load_split(source, "train", (3, 8, 8), skip_bad_images=True)) == 3


def test_a_pipe_is_not_waited_for(tmp_path):
    path = table(tmp_path, PLAIN)
    (tmp_path / "img/0.png").unlink()
    os.mkfifo(tmp_path / "img/0.png")
    text = message_of(DataError, open_source(path).image, "train", 0)
    assert text == f"{tmp_path / 'img/0.png'}: not a regular file."
    os.mkfifo(tmp_path / "p.csv")
    assert (
        message_of(DataError, open_source, f"csv:{tmp_path / 'p.csv'}")
        == f"{tmp_path / 'p.csv'}: not a regular file."
    )


DEEP = "[" * 100_000
CELLS = "0.png,cat,train"
BOXED = "path,label,split,x,y,width,height\nimg/0.png,a,train,"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lists no images."),
        ("path,label\n", "lists no images."),
        ("\n\n", "lists no images."),
        (b"\xff\xfep\0a\0", "not in UTF-8 (byte 0); save it so."),
        (PLAIN.replace("path", "foto"), "has no column for the path (path, file, filename, file_name, filepath, "
            "image); it has 'foto', 'label', 'split'. Say which it is by ?path=COLUMN after the name."),
        (PLAIN.replace("label", "lable"), "has no column for the label (label, labels, class, target); it has 'path', "
            "'lable', 'split'. Say which it is by ?label=COLUMN after the name. Did you mean 'lable'?"),
        (PLAIN.replace("path,label", "label,label"), "two columns are called 'label'; rename one."),
        (PLAIN.replace("path,label,split", "path,label,filename"),
            "'path', 'filename' may each be the path; say which by ?path=path after the name."),
        (PLAIN.replace("path", "pa\x1bth"), "its column name, 'pa\\x1bth', has characters that cannot be printed."),
        (PLAIN.replace(CELLS, CELLS + ",more"), "line 2: 4 cells for 3 columns; put a cell that holds ',' between d"),
        (PLAIN.replace(CELLS, "0.png,cat"), "line 2: 2 cells for 3 columns;"),
        (PLAIN.replace("img/0.png", ""), "line 2: its path is empty; fill it in or remove it."),
        (PLAIN.replace("1.png,dog", "1.png, "), "line 3: its label is empty; fill it in, or remove the row."),
        (PLAIN.replace("1.png,dog", "1.png,a|"), "line 3: its label is empty; fill it in or remove it."),
        (PLAIN.replace("1.png,dog", "1.png,a|a"), "line 3: the label 'a|a' says one class twice."),
        (PLAIN.replace("1.png,dog", "1.png,[a"), "line 3: the label '[a' begins as a list of JSON and is none."),
        (PLAIN.replace("1.png,dog", f"1.png,{DEEP}"), "line 3: the label '[[[["),
        (PLAIN.replace("1.png,dog", "1.png,[{}]"), "line 3: the label {} is neither text nor a whole number."),
        (PLAIN.replace("1.png,dog", "1.png,\x1b[2J"), "line 3: its label, '\\x1b[2J', has characters that cannot be"),
        (PLAIN.replace("1.png,dog", f"1.png,{'x' * 2000}"), "line 3: its label has 2,000 characters; at most 1,000"),
        (PLAIN.replace("1.png,dog", f"1.png,{'x' * 200_000}"), "line 3: not a line of CSV (field larger than field"),
        (PLAIN.replace("1.png,dog", '1.png,"dog'), "line 9: not a line of CSV (unexpected end of data)."),
        (PLAIN.replace("1.png,dog", '1.png,"d"og'), "line 3: not a line of CSV (',' expected after '\"')."),
        (PLAIN.replace("img/0", "../img/0"), "line 2: the path '../img/0.png' leads out of the table's folder, "),
        (PLAIN.replace("img/0", "img/../../x/0"), "line 2: the path 'img/../../x/0.png' leads out of the table's fo"),
        (PLAIN.replace("img/0.png", "/etc/passwd"), "line 2: the path '/etc/passwd' leads out of the table's folder, "),
        (PLAIN.replace("img/0.png", "a\0b"), "line 2: its path, 'a\\x00b', has characters that cannot be printed."),
        (PLAIN.replace("img/0.png", "a\u202eb"), "line 2: its path, 'a\\u202eb', has characters that cannot be prin"),
        (PLAIN + "img/0.png,cat,train\n", "line 10: lists 0.png again, as 2 did; remove one."),
        (PLAIN + "img/0.png,dog,train\n",
            "line 10: lists 0.png again, as 2 did; keep one; several labels of an image stand in one cell, as cat|d"),
        (PLAIN + "img/./0.png,cat,test\n", "line 10: lists 0.png again, as 2 did; keep one; several labels of an"),
        (PLAIN.replace("dog,val", "dog,vall"), "line 7: the split 'vall' is none of train, val and test."),
        (PLAIN.replace("dog,val", "dog,"), "line 7: the split '' is none of train, val and test."),
        (PLAIN.replace("dog,train", "eel,train"), "no image of 'train' for the class dog. Add images, or remove the c"),
        (PLAIN.replace("train", "test"), "has images of val and none of train; say train, val and"),
        (BOXED + "0,0,4,\n", "line 2: height is ''; a box needs whole pixels from 1, or all four cells empty."),
        (BOXED + "0,0,0,4\n", "line 2: width is '0'; a box needs whole pixels from 1, or all four cells empty."),
        (BOXED + "-1,0,4,4\n", "line 2: x is '-1'; a box needs whole pixels from 0, or all four cells empty."),
        (BOXED + "0,0.5,4,4\n", "line 2: y is '0.5'; a box needs whole pixels from 0, or all four cells empty."),
        (BOXED + "nan,0,4,4\n", "line 2: x is 'nan'; a box needs"),
        (BOXED + "inf,0,4,4\n", "line 2: x is 'inf'; a box needs"),
        (BOXED + "1e300,0,4,4\n", "line 2: x is '1e300'; a box needs"),
        (BOXED.replace("width,height", "breadth,height") + "0,0,4,4\n", "has 'x', 'y' and no width; a box needs x,"),
    ],
    ids=range(43),
)  # fmt: skip
def test_tables_that_are_wrong(tmp_path, text, reason):
    assert refusal(tmp_path, text).startswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lists no images."),
        ("{}", "has no column for the path ("),
        ("[1]", 'line 1: not an object of JSON, {"path": …, "label": …}.'),
        ('{"path": "a.png",', "line 1: not JSON (Expecting property name"),
        ('{"a": ' + DEEP, "line 1: not JSON ("),
        ('{"a": ' + "9" * 5000 + "}", "line 1: not JSON (Exceeds the limit"),
        (lines({"path": 5, "label": "a"}), "line 1: the path 5 is no text."),
        (lines({"path": "a\ud800", "label": "a"}), "line 1: its path, 'a\\ud800', has characters that cannot be pri"),
        (lines({"path": "a.png", "label": "a"}, {"path": "b.png"}), "line 2: its label is empty; fill it in, or rem"),
        (lines({"path": "a.png", "label": 1.5}), "line 1: the label 1.5 is neither text nor a whole number."),
        (lines({"path": "a.png", "label": True}), "line 1: the label True is neither text nor a whole number."),
        (lines({"path": "a.png", "label": [["a"]]}), "line 1: the label ['a'] is neither text nor a whole number."),
        (lines({"path": "a.png", "label": "a", "split": 3}), "line 1: the split 3 is none of train, val and test."),
        (lines({"path": "a.png", "label": []}), "0 classes; there must be 1 to 100,000."),
        (lines({"path": "a", "label": "a", "x": True, "y": 0, "w": 1, "h": 1}), "line 1: x is True; a box needs whole"),
        (lines({"path": "a", "label": "a", "x": 10**400, "y": 0, "w": 1, "h": 1}), "line 1: x is 1000"),
    ],
    ids=range(16),
)  # fmt: skip
def test_json_lines_that_are_wrong(tmp_path, text, reason):
    assert refusal(tmp_path, text, "t.jsonl").startswith(reason)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("?path=photo", "has no column 'photo'; it has 'path', 'label', 'split'."),
        ("?label=labels", "has no column 'labels'; it has 'path', 'label', 'split'. Did you mean 'label'?"),
        (
            "?lable=label",
            "?lable=label: unknown option 'lable'. Did you mean 'label'? Known: folder, height, label, path,",
        ),
    ],
)
def test_options_that_are_wrong(tmp_path, options, reason):
    path = table(tmp_path, PLAIN)
    text = message_of(DataError, open_source, f"csv:{path}{options}")
    assert text.removeprefix("csv:").removeprefix(str(path)).lstrip(": ").startswith(reason)


def test_no_table(tmp_path):
    assert message_of(DataError, open_source, f"csv:{tmp_path}/x.csv") == f"{tmp_path}/x.csv: no such file."
    assert message_of(DataError, open_source, f"csv:{tmp_path}") == f"{tmp_path}: not a regular file."
    assert message_of(DataError, open_source, "csv:") == "'csv:' names no file; write csv:FILE."


def test_too_few_to_divide(tmp_path):
    text = refusal(tmp_path, "path,label\nimg/0.png,a\nimg/1.png,b\n")
    assert text.startswith("2 files are too few to divide by content: the split '")
    assert text.endswith("would lack images. Add images, or say train, val and test in a column split.")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@given(data=st.data())
def test_damaged_tables_are_a_source_or_an_explanation(tmp_path_factory, kind, data):
    root = tmp_path_factory.mktemp("table")
    boxed = [{"path": p, "label": t, "split": s, "x": 0, "y": 1, "width": 2, "height": 3} for p, t, s in ROWS]
    text = {"csv": "\n".join(",".join(map(str, row)) for row in [boxed[0], *(r.values() for r in boxed)]),
        "jsonl": lines(*boxed)}[kind]  # fmt: skip
    content = bytearray(text.encode())
    byte = st.one_of(st.integers(0, 255), st.sampled_from(list(b'\n\r\0,;"|[]{}./')))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(byte)
    path = root / f"t.{kind}"
    path.write_bytes(content[: data.draw(st.sampled_from([None, None, -1, 100]))])
    try:
        source = open_source(path)
    except DataError as error:
        text = str(error)
        assert text.startswith(str(root))
    else:
        assert set(source.targets) <= {"train", "val", "test"}
        for split, targets in source.targets.items():
            assert all(source.record(split, i).data.is_relative_to(root) for i in range(len(targets)))
