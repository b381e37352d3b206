"""WebDataset shards, written by Python's tarfile: content, splits, labels, patterns, the index, and hostile tars."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_files import encoded, pixels, samples, write_set, write_tar
from toys import files_below, message_of

from striate.data import load_split, open_source, remembering
from striate.data.sources.shards import ShardSource
from striate.data.sources.shards_index import ShardIndex, Wanted
from striate.data.sources.shards_patterns import matching
from striate.errors import ChangedError, DataError

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("STRIATE_CACHE", str(folder))
    return folder


def check(source, split, seeds):
    assert source.targets[split].tolist() == [seed % 2 for seed in seeds]
    for i in [*range(len(seeds)), *reversed(range(len(seeds)))]:
        assert np.array_equal(np.asarray(source.image(split, i)), pixels(seeds[i]))


def refused(path):
    return message_of(DataError, open_source, f"wds:{path}")


# --- what is read ----------------------------------------------------------------------------------------------------


def test_a_folder_of_shards(tmp_path):
    write_set(tmp_path)
    write_tar(tmp_path / "test-000.tar", samples(range(30, 33)))
    (tmp_path / "notes.txt").write_text("not a shard")
    source = open_source(f"wds:{tmp_path}")
    assert source.name == f"wds:{tmp_path}"
    assert source.class_names == ("0", "1")
    assert (source.shape, source.array("train"), source.multi_label) == (None, None, False)
    check(source, "train", range(18))
    check(source, "val", range(18, 24))
    check(source, "test", range(30, 33))
    assert source.record("train", 6).name == f"{tmp_path / 'train-001.tar'}: 0006.png"
    assert load_split(source, "train", (3, 5, 6)).images[9].permute(1, 2, 0).tolist() == pixels(9).tolist()
    assert open_source(source.name).fingerprint == source.fingerprint


def test_how_the_images_lie(tmp_path):
    source = open_source(f"wds:{write_set(tmp_path)}?buffer=77")
    layout = source.layouts["train"]
    assert layout.shards.tolist() == [0] * 5 + [1] * 7 + [2] * 6
    assert layout.sizes.tolist() == [len(encoded(seed)) for seed in range(18)]
    assert layout.buffer == 77


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_every_format_of_tar(tmp_path, form):
    folder = tarfile.TarInfo("deep")
    folder.type = tarfile.DIRTYPE
    deep = "deep/" + "x" * 60 + "/" + "y" * 60 + "/"  # too long for the first field of a header
    members = [(folder, b""), ("__meta__", b"{}"), (".hidden", b"no sample")]
    members += [(f"{deep}{name}", data) for name, data in samples(range(4))]
    write_tar(tmp_path / "train.tar", members, form)
    write_tar(tmp_path / "val.tar", samples(range(4, 6)), form)
    source = open_source(f"wds:{tmp_path}")
    check(source, "train", range(4))
    assert source.record("train", 2).name == f"{tmp_path / 'train.tar'}: {deep}0002.png"


@settings(max_examples=40)
@given(st.data())
def test_the_bytes_of_members_are_those_that_tarfile_reads(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("shards")
    text = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=120)
    keys = data.draw(st.lists(st.tuples(text, text), min_size=1, max_size=5, unique=True))
    form = data.draw(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    members = []
    for folder, stem in keys:
        content = data.draw(st.binary(max_size=1500))
        members += [
            (f"{folder}/{stem}.JPG", content),
            (f"{folder}/{stem}.seg.png", b"x"),
            (f"{folder}/{stem}.cls", b"0"),
        ]
    for split in ("train", "val"):
        write_tar(root / f"{split}.tar", members, form)
    source = open_source(f"wds:{root}")
    with tarfile.open(root / "train.tar") as tar:
        expected = [(m.name, tar.extractfile(m).read()) for m in tar if m.name.endswith(".JPG")]
    found = [source.record("train", i) for i in range(len(expected))]
    assert [(r.name, r.data) for r in found] == [(f"{root / 'train.tar'}: {n}", d) for n, d in expected]


def test_one_file_is_divided_by_content(tmp_path):
    path = write_tar(tmp_path / "all.tar", samples(range(100)))
    percent = [int.from_bytes(hashlib.sha256(encoded(s)).digest()[:4], "little") % 100 for s in range(100)]
    for name in (path, str(path), f"wds:{path}"):
        source = open_source(name)
        for split, low, high in (("train", 0, 80), ("val", 80, 90), ("test", 90, 100)):
            check(source, split, [seed for seed in range(100) if low <= percent[seed] < high])


def test_the_fingerprint_is_of_content_and_splits(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    write_tar(a / "train.tar", samples(range(8)))
    write_tar(b / "train-0.tar", samples([3, 2, 1, 0]), tarfile.PAX_FORMAT)
    write_tar(b / "train-1.tar", samples(range(4, 8)))
    for root in (a, b):
        write_tar(root / "val.tar", samples(range(8, 10)))
    assert open_source(f"wds:{a}").fingerprint == open_source(f"wds:{b}").fingerprint
    write_tar(b / "val.tar", samples(range(9, 11)))
    assert open_source(f"wds:{a}").fingerprint != open_source(f"wds:{b}").fingerprint


# --- splits and patterns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("train", "val"), ("training", "validation")], ids="-".join)
def test_folders_say_the_split(tmp_path, names):
    for split, seeds in zip(names, (range(8), range(8, 10)), strict=True):
        write_tar(tmp_path / split / "00.tar", samples(seeds))
    (tmp_path / "other").mkdir()
    source = open_source(f"wds:{tmp_path}")
    assert list(source.targets) == ["train", "val"]
    check(source, "train", range(8))
    check(source, "val", range(8, 10))


def test_options_say_the_split(tmp_path):
    for number in range(5):
        write_tar(tmp_path / f"s{number}.tar", samples(range(4 * number, 4 * number + 4)))
    source = open_source(f"wds:{tmp_path}?train=s{{0..2}}.tar&val=s3.tar&test=s[4-9]*.tar")
    assert source.name == f"wds:{tmp_path}?train=s%7B0..2%7D.tar&val=s3.tar&test=s%5B4-9%5D%2A.tar"
    check(source, "train", range(12))
    check(source, "val", range(12, 16))
    check(source, "test", range(16, 20))
    assert open_source(source.name).fingerprint == source.fingerprint


def test_val_is_divided_from_train_where_there_is_none(tmp_path):
    write_tar(tmp_path / "train.tar", samples(range(100)))
    source = open_source(f"wds:{tmp_path}/tr*.tar")
    percent = [int.from_bytes(hashlib.sha256(encoded(s)).digest()[:4], "little") % 100 for s in range(100)]
    assert list(source.targets) == ["train", "val"]
    check(source, "val", [seed for seed in range(100) if percent[seed] >= 90])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.tar", ["a.tar"]),
        ("a-{0..3}.tar", ["a-0.tar", "a-1.tar", "a-2.tar", "a-3.tar"]),
        ("a-{008..011}.tar", ["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]),
        ("a-{9..10}.tar", ["a-9.tar", "a-10.tar"]),
        ("{x,y}-{0..1}.tar", ["x-0.tar", "x-1.tar", "y-0.tar", "y-1.tar"]),
        ("a{b}.tar", ["a{b}.tar"]),
        ("a{b.tar", ["a{b.tar"]),
        ("a}{{b,c}.tar", ["a}{b.tar", "a}{c.tar"]),
        ("{a,}b{,c}.tar", ["ab.tar", "abc.tar", "b.tar", "bc.tar"]),
        ("{t-{0..2},v-{x,y}z}.tar", ["t-0.tar", "t-1.tar", "t-2.tar", "v-xz.tar", "v-yz.tar"]),
        ("s3://b/{train,val}/{0..1}.tar", [f"s3://b/{s}/{n}.tar" for s in ("train", "val") for n in (0, 1)]),
    ],
)
def test_braces(pattern, expected):
    assert matching(pattern) == expected


def test_stars(tmp_path):
    for name in ("b-10.tar", "b-2.tar", "c.tar", ".b-1.tar", "b-3.txt"):
        (tmp_path / name).touch()
    (tmp_path / "b-4.tar").mkdir()
    assert matching(f"{tmp_path}/b-*.tar") == [f"{tmp_path}/b-10.tar", f"{tmp_path}/b-2.tar"]
    assert matching(f"{tmp_path}/[bc]*.tar")[-1] == f"{tmp_path}/c.tar"
    (tmp_path / "b[1].tar").touch()
    assert matching(f"{tmp_path}/b[1].tar") == [f"{tmp_path}/b[1].tar"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("{5..2}.tar", "{5..2} runs backwards; write the lower number first."),
        ("{0..9999999}.tar", "names 10,000,000 shards; at most 100,000 are read."),
        ("{" * 51 + "}" * 51 + ".tar", "has more than 50 braces."),
        ("{0..999}-{0..999}.tar", "names 1,000,000 shards; at most 100,000 are read."),
        ("x*.tar", "no tar file matches."),
        ("*/x.tar", "cannot be read: No such file or directory."),
        ("*/*.tar", "only the last part of a pattern may hold * or [."),
        ("none.tar", "cannot be read: No such file or directory."),
    ],
)
def test_patterns_that_are_wrong(tmp_path, pattern, reason):
    assert refused(tmp_path / pattern) == f"{tmp_path / pattern}: {reason}"


def test_places_that_are_wrong(tmp_path):
    def told(options=""):
        return refused(f"{tmp_path}{options}").removeprefix(f"wds:{tmp_path}: ")

    assert told().startswith(
        "holds no files that end in .tar, nor do folders train, val and test in it. Packed"
    )
    write_tar(tmp_path / "a.tar", samples(range(4)))
    write_tar(tmp_path / "train.tar", samples(range(4)))
    assert told().startswith(
        "the names of a.tar say no split and others do; name them as train-000000.tar, or say ?tr"
    )
    assert told("?train=a.tar&val=a.tar") == f"names {tmp_path / 'a.tar'} twice; each shard is read once."
    assert told("/a.tar?train=a.tar").endswith(
        "?train=, ?val= and ?test= name shards within a folder; name the folder."
    )
    assert ": unknown option 'colour'." in told("?colour=red")
    (tmp_path / "a.tar").rename(tmp_path / "train-val.tar")
    assert told() == f"{tmp_path / 'train-val.tar'}: its name says train, val; keep one of train, val, test."
    (tmp_path / "train-val.tar").unlink()
    write_tar(tmp_path / "val" / "0.tar", samples(range(4)))
    assert told() == "has shards beside the folders val; put each into one of them."
    (tmp_path / "train.tar").unlink()
    assert told().startswith(
        "has images of val and none of train; name splits by ?train=PATTERN&val=PATTERN, or sh"
    )
    write_tar(tmp_path / "valid" / "0.tar", samples(range(4)))
    assert told() == "has two folders that mean 'val'; keep one."
    os.mkfifo(tmp_path / "pipe.tar")
    assert refused(tmp_path / "pipe.tar") == f"{tmp_path / 'pipe.tar'}: not a regular file."
    assert message_of(DataError, open_source, "wds:") == "'wds:' names no file, folder or URL; write wds:URL."


# --- labels and images -----------------------------------------------------------------------------------------------


def members_with(labels, extension, image="png"):
    return [
        member
        for seed, label in enumerate(labels)
        for member in ((f"{seed}.{image}", encoded(seed)), (f"{seed}.{extension}", label))
    ]


def both(root, members, options=""):
    for split in ("train", "val"):
        write_tar(root / f"{split}.tar", members)
    return f"wds:{root}{options}"


@pytest.mark.parametrize(
    ("labels", "extension", "options", "names", "targets"),
    [
        ([b"1", b"0\n"], "cls", "", ("0", "1"), [1, 0]),
        ([b"dog", b"a cat\n"], "CLS", "", ("a cat", "dog"), [1, 0]),
        ([b"dog", b"cat"], "txt", "", ("cat", "dog"), [1, 0]),
        ([b'{"label": 1}', b'{"label": 0, "x": [2]}'], "json", "", ("0", "1"), [1, 0]),
        ([b'{"kind": "b"}', b'{"kind": "a"}'], "json", "?label=json.kind", ("a", "b"), [1, 0]),
        ([b'{"a.b": 1}', b'{"a.b": 0}'], "json", "?label=json.a.b", ("0", "1"), [1, 0]),
        ([b"1", b"0"], "fine.txt", "?label=fine.txt", ("0", "1"), [1, 0]),
    ],
    ids=["cls", "text", "txt", "json", "key", "dotted key", "other"],
)
def test_labels(tmp_path, labels, extension, options, names, targets):
    source = open_source(both(tmp_path, members_with(labels, extension), options))
    assert source.class_names == names
    assert source.targets["train"].tolist() == targets


@pytest.mark.parametrize("name", ["classes.txt", "classnames.txt"])
@pytest.mark.parametrize("labels", [(b"1", b"2"), (b"ant", b"zebra")], ids=["numbers", "texts"])
def test_class_names_beside_the_shards(tmp_path, name, labels):
    (tmp_path / name).write_text("dog\nant\nzebra\n")
    members = members_with([*labels, b"0" if labels[0] == b"1" else b"dog"], "cls")
    source = open_source(both(tmp_path, members))
    assert source.class_names == ("dog", "ant", "zebra")
    assert source.targets["val"].tolist() == [1, 2, 0]
    (tmp_path / name).write_text("dog\nant\n")
    text = message_of(DataError, open_source, f"wds:{tmp_path}")
    expected = "labels from 0 to 2 for 2 classes" if labels[0] == b"1" else "labels that are no classes of"
    assert text.startswith(f"wds:{tmp_path}: {expected}")
    (tmp_path / name).write_bytes(b"\xff\xfe")
    assert message_of(DataError, open_source, f"wds:{tmp_path}") == f"{tmp_path / name}: not UTF-8."


def test_several_labels(tmp_path):
    labels = [b'{"label": [0, 2]}', b'{"label": []}', b'{"label": [1]}']
    source = open_source(both(tmp_path, members_with(labels, "json")))
    assert source.multi_label
    assert source.targets["val"].tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_images_of_chosen_extensions(tmp_path):
    members = []
    for seed in range(2):
        members += [
            (f"{seed}.left.png", encoded(seed)),
            (f"{seed}.jpg", encoded(9)),
            (f"{seed}.png", encoded(8)),
        ]
        members += [(f"{seed}.cls", str(seed).encode())]
    place = both(tmp_path, members)
    assert message_of(DataError, open_source, place) in {
        f"{tmp_path / split}.tar: the sample '0' has several images: jpg, png. Say by ?image=jpg which is meant."
        for split in ("train", "val")
    }
    check(open_source(f"{place}?image=left.png"), "train", [0, 1])
    first_there = open_source(f"{place}?image=webp;.PNG")
    assert np.array_equal(np.asarray(first_there.image("train", 0)), pixels(8))


SAMPLE = [("a.png", encoded(1)), ("a.cls", b"0")]


@pytest.mark.parametrize(
    ("members", "options", "reason"),
    [
        ([("a.cls", b"0")], "", "the sample 'a' has no image (jpg, jpeg, png, webp, gif, bmp, tif, tiff, ppm, pgm"),
        ([("a.png", b"")], "", "the sample 'a' has no label (cls, json, txt), but png. Say by ?label=EXT"),
        (SAMPLE, "?label=txt", "the sample 'a' has no label (txt), but png, cls. Say by"),
        (SAMPLE, "?image=jpg", "the sample 'a' has no image (jpg), but png, cls. Say by ?image=EXTENSION which member"),
        ([SAMPLE[0], ("a.cls", b"")], "", "a.cls: the label '' is no class; labels must be whole numbers, or tex"),
        ([SAMPLE[0], ("a.cls", b"\xff")], "", "a.cls: not UTF-8."),
        ([SAMPLE[0], ("a.cls", b"x" * 1001)], "", "a.cls: the label 'xxxxxxx"),
        ([SAMPLE[0], ("a.cls", b"1" * 1001)], "", "a.cls: the label '1111111"),
        ([SAMPLE[0], ("a.cls", b"x" * (2**20 + 1))], "", "a.cls has 1,048,577 bytes; a label may have 1,048,576."),
        ([SAMPLE[0], ("a.cls", b"a\x1bb")], "", "a.cls: the label 'a\\x1bb' is no class"),
        ([SAMPLE[0], ("a.json", b'{"label": "\\ud800"}')], "", "a.json: the label '\\ud800' is no class"),
        ([SAMPLE[0], ("a.json", b'{"label": true}')], "", "a.json: the label 'True' is no class"),
        ([SAMPLE[0], ("a.json", b'{"label": [0.5]}')], "", "a.json: the label '0.5' is no class"),
        ([SAMPLE[0], ("a.json", b'{"label": 1%s}' % (b"0" * 5000))], "", "a.json: not JSON (Exceeds the limit"),
        ([SAMPLE[0], ("a.json", b'{"label": 1%s}' % (b"0" * 30))], "", "a.json: the label '1000000"),
        ([SAMPLE[0], ("a.json", b"[" * 100_000)], "", "a.json: not JSON (maximum recursion"),
        ([SAMPLE[0], ("a.json", b"[1]")], "", "a.json: must be a JSON object with the label in it."),
        ([SAMPLE[0], ("a.json", b'{"label": [%s1]}' % (b"1," * 10_000))], "", "a.json: has 10,001 labels; an imag"),
        ([SAMPLE[0], ("a.json", b'{"kind": 1}')], "?label=json.king", "a.json: has no 'king'; it has kind."),
        ([SAMPLE[0], ("a.json", b'{"kind": 1}')], "", "the sample 'a' has no label (cls, json, txt), but png, json."),
        ([*SAMPLE, ("a.PNG", b"")], "", "the sample 'a' has two members .png; keep one."),
        ([SAMPLE[0], ("b.png", b""), SAMPLE[1]], "", "the sample 'a' has no label"),
        ([*SAMPLE, ("b.png", b""), ("b.cls", b"1"), ("a.txt", b"")], "", "the members of the sample 'a' do not follow"),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)  # fmt: skip
def test_samples_that_are_wrong(tmp_path, members, options, reason):
    path = write_tar(tmp_path / "a.tar", members)
    text = refused(f"{path}{options}")
    assert text.startswith(f"{path}: {reason}")


def test_options_that_are_wrong(tmp_path):
    path = write_tar(tmp_path / "a.tar", SAMPLE)
    for value in ("0", "-1", "many", "99999999999", "1.5"):
        assert refused(f"{path}?buffer={value}") == (
            f"wds:{path}: buffer={value!r}: must be a whole number of images from 1 to 10,000,000."
        )
    assert refused(f"{path}?image=;") == f"wds:{path}: image=';': must be extensions such as jpg;png."


def test_labels_of_two_kinds(tmp_path):
    text = message_of(DataError, open_source, both(tmp_path, members_with([b"1", b"dog"], "cls")))
    assert text == f"wds:{tmp_path} row 0: its label is '1'; labels must be whole numbers, or all texts."


def test_a_shard_without_samples(tmp_path):
    assert refused(write_tar(tmp_path / "a.tar", [])) == f"wds:{tmp_path / 'a.tar'}: holds no images."


# --- hostile and damaged ---------------------------------------------------------------------------------------------


def special(kind, name="a.png", link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def named(name, size=0):
    info = tarfile.TarInfo(name)
    info.size = size
    return info


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (special(tarfile.SYMTYPE, link="/etc/passwd"), "its member 'a.png' is a link; a shard holds plain files al"),
        (special(tarfile.LNKTYPE, link="b.png"), "its member 'a.png' is a link;"),
        (special(tarfile.SYMTYPE, link="x" * 300), "its member"),
        (special(tarfile.CHRTYPE), "its member 'a.png' is a device;"),
        (special(tarfile.BLKTYPE), "its member 'a.png' is a device;"),
        (special(tarfile.FIFOTYPE), "its member 'a.png' is a pipe;"),
        (special(tarfile.GNUTYPE_SPARSE), "its member 'a.png' is a file with holes;"),
        (special(b"M"), "its member 'a.png' is no plain file;"),
        (named("/etc/a.png"), "its member '/etc/a.png' is an absolute path;"),
        (named("../a.png"), "its member '../a.png' leads out of its folder;"),
        (named("b/../../a.png"), "its member 'b/../../a.png' leads out of its folder;"),
        (named("a\nb.png"), "its member 'a\\nb.png' has a name that cannot be printed;"),
        (named("a\x1b[2J.png"), "its member 'a\\x1b[2J.png' has a name that cannot be printed;"),
        (named("a" * 1001 + ".png"), "has a name of 1,005 characters; at most 1,000 are taken;"),
        (named(""), "its member '' has a name that cannot be printed;"),
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)  # fmt: skip
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
def test_members_that_no_data_set_has(tmp_path, monkeypatch, member, reason, form):
    monkeypatch.chdir(tmp_path)
    path = write_tar(tmp_path / "a.tar", [*samples([7]), (member, b"")], form)
    text = refused(path)
    assert text.startswith(f"{path}: ")
    assert reason in text
    assert files_below(tmp_path) == ["a.tar"]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"path": "/etc/x.png"}, "its member '/etc/x.png' is an absolute path"),
        ({"path": "a/../../x.png"}, "its member 'a/../../x.png' leads out of its folder"),
        ({"GNU.sparse.major": "1"}, "its member 'a.png' is a file with holes"),
        ({"GNU.sparse.map": "0,1"}, "its member 'a.png' is a file with holes"),
        ({"size": "-1"}, "damaged: the header at "),
        ({"size": "9" * 18}, "cut short: it ends at "),
        ({"size": "1e3"}, "damaged: the header at "),
        ({"comment": "x" * (2**20)}, "the header at 512 bytes has "),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_pax_headers_that_lie(tmp_path, headers, reason):
    info = named("a.png", len(encoded(1)))
    info.pax_headers = headers
    path = write_tar(tmp_path / "a.tar", [(info, encoded(1)), SAMPLE[1]], tarfile.PAX_FORMAT)
    assert refused(path).startswith(f"{path}: {reason}")


def test_what_pax_headers_say_beside_is_passed_over(tmp_path):
    info = named("a.png", len(encoded(1)))
    info.pax_headers = {"comment": "x" * 1000, "mtime": "1.5", "SCHILY.xattr.user": "y"}
    for split in ("train", "val"):
        path = tmp_path / f"{split}.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "of all"}) as tar:
            tar.addfile(info, io.BytesIO(encoded(1)))
            tar.addfile(named("a.cls", 1), io.BytesIO(b"0"))
    source = open_source(f"wds:{tmp_path}")
    assert source.record("train", 0).data == encoded(1)


def test_a_global_header_that_names_all(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers={"path": "b.png"}) as tar:
        tar.addfile(named("a.cls", 1), io.BytesIO(b"0"))
    assert refused(path) == f"{path}: a header gives every member one path; make the tar anew, without."


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_packed_shards(tmp_path, mode):
    path = tmp_path / "a.tar"
    with tarfile.open(path, mode) as tar:
        tar.addfile(named("a.cls", 1), io.BytesIO(b"0"))
    packed = {"gz": "gzip", "bz2": "bzip2", "xz": "xz"}[mode[2:]]
    assert refused(path) == (
        f"{path}: packed with {packed}, so that no image can be read without all before it. Unpack it to a plain .tar; "
        "images are packed already."
    )


def test_every_cut_is_noticed(tmp_path, cache):
    whole = write_tar(tmp_path / "whole.tar", samples([1, 2], size=(1, 1))).read_bytes()
    end = len(whole.rstrip(b"\0"))
    path = tmp_path / "a.tar"
    for length in [*range(0, end + 512, 64), *range(511, end, 512), *range(513, end, 512)]:
        path.write_bytes(whole[:length])
        text = refused(path)
        assert text.startswith(f"{path}: ")
        assert "cut short" in text


@pytest.mark.parametrize("data", [b"x" * 2000, b"PK\x03\x04" + bytes(2000), bytes(511) + b"x" + bytes(600)])
def test_files_that_are_none(tmp_path, data):
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    assert refused(path) == f"{path}: not a tar file."


def test_a_header_that_is_damaged_is_not_the_end(tmp_path):
    path = write_tar(tmp_path / "a.tar", samples(range(3)))
    with tarfile.open(path) as tar:
        place = tar.getmembers()[2].offset
    content = bytearray(path.read_bytes())
    content[place + 3] ^= 1
    path.write_bytes(content)
    assert refused(path) == f"{path}: damaged: at {place:,} bytes there is no header of a member."


def test_tars_that_were_joined(tmp_path):
    path = write_tar(tmp_path / "a.tar", samples([1]))
    path.write_bytes(path.read_bytes() * 2)
    assert refused(path) == (
        f"{path}: holds more after its end, as files do that were joined; make one tar of them."
    )


def test_a_tar_that_ends_in_zeros_without_end(tmp_path):
    path = write_tar(tmp_path / "a.tar", SAMPLE)
    for size, joined in ((2**26, False), (2**40, True)):
        os.truncate(path, size)  # takes no room on the disk
        text = message_of(DataError, open_source, f"wds:{path}")
        assert text.startswith(f"{path}: holds more after its end") == joined


def test_bounds(tmp_path, monkeypatch):
    path = write_tar(tmp_path / "a.tar", samples(range(3)))
    monkeypatch.setattr(sys.modules["striate.data.sources.shards_tar"], "_MAX_MEMBERS", 5)
    assert refused(path) == f"{path}: has more than 5 members; divide it."
    monkeypatch.setattr(sys.modules["striate.data.sources.shards_index"], "_MAX_IMAGE", 50)
    assert refused(path) == f"{path}: 0000.png has {len(encoded(0))} bytes; an image may have 50."


@settings(max_examples=150)
@given(st.data())
def test_damaged_shards_are_a_source_or_an_explanation(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("shards")
    form = data.draw(st.sampled_from(list(FORMATS.values())))
    path = write_tar(root / "train.tar", samples(range(3)), form)
    write_tar(root / "val.tar", samples(range(4, 6)))
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, 7000), min_size=1, max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
        header = place // 512 * 512
        if data.draw(st.booleans()):  # a sum that agrees again
            plain = content[header : header + 148] + b" " * 8 + content[header + 156 : header + 512]
            content[header + 148 : header + 156] = b"%06o\0 " % sum(plain)
    path.write_bytes(content)
    try:
        source = open_source(f"wds:{root}")
    except DataError as error:
        text = str(error)
        assert str(root) in text
    else:
        assert set(source.targets) == {"train", "val"}


# --- the index and changes -------------------------------------------------------------------------------------------


def indexes(cache):
    return sorted((cache / "known").glob("*"))


def read_shards(monkeypatch):
    """Note the shards whose headers are read."""
    module = sys.modules["striate.data.sources.shards_index"]
    made, read = module._made, []

    def noted(shard, wanted):
        read.append(shard.name.rpartition("/")[2])
        return made(shard, wanted)

    monkeypatch.setattr(module, "_made", noted)
    return read


def test_a_shard_is_indexed_once(tmp_path, cache, monkeypatch):
    write_set(tmp_path / "set")
    read = read_shards(monkeypatch)
    first = open_source(f"wds:{tmp_path / 'set'}")
    assert sorted(read) == ["train-000.tar", "train-001.tar", "train-002.tar", "val-000.tar"]
    assert len(indexes(cache)) == 4
    again = open_source(f"wds:{tmp_path / 'set'}?buffer=9")
    assert len(read) == 4
    assert again.fingerprint == first.fingerprint
    check(again, "train", range(18))
    write_tar(tmp_path / "set" / "train-003.tar", samples(range(40, 44)))
    write_tar(tmp_path / "set" / "train-001.tar", samples(range(50, 54)))
    check(
        open_source(f"wds:{tmp_path / 'set'}"),
        "train",
        [*range(5), *range(50, 54), *range(12, 18), *range(40, 44)],
    )
    assert sorted(read[4:]) == ["train-001.tar", "train-003.tar"]
    open_source(f"wds:{tmp_path / 'set'}?label=cls")
    assert len(read) == 6 + 5


def test_without_a_cache_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", "off")
    write_set(tmp_path)
    read = read_shards(monkeypatch)
    for _ in range(2):
        check(open_source(f"wds:{tmp_path}"), "val", range(18, 24))
    assert len(read) == 8
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("STRIATE_CACHE", str(blocked))
    check(open_source(f"wds:{tmp_path}"), "val", range(18, 24))


def altered(index, **columns):
    return json.dumps(json.loads(index) | columns).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda index: b"",
        lambda index: index[:-1],
        lambda index: b"[" * 100_000,
        lambda index: altered(index, names=["a.png"]),
        lambda index: altered(index, offsets=[2**40, *json.loads(index)["offsets"][1:]]),
        lambda index: altered(index, offsets=json.loads(index)["offsets"][::-1]),
        lambda index: altered(index, sizes=[-5, *json.loads(index)["sizes"][1:]]),
        lambda index: altered(index, sizes=[*json.loads(index)["sizes"][:-1], 2**50]),
        lambda index: altered(index, digests=["x" * 64, *json.loads(index)["digests"][1:]]),
        lambda index: altered(index, labels=[None, *json.loads(index)["labels"][1:]]),
        lambda index: altered(index, more=[]),
    ],
    ids=["empty", "cut", "deep", "counts", "place", "order", "size", "end", "digest", "label", "key"],
)
def test_a_damaged_index_is_made_anew(tmp_path, cache, monkeypatch, damage):
    write_set(tmp_path / "set", train=(5,), val=(5,))
    fingerprint = open_source(f"wds:{tmp_path / 'set'}").fingerprint
    for path in indexes(cache):
        path.write_bytes(damage(path.read_bytes()))
    read = read_shards(monkeypatch)
    assert open_source(f"wds:{tmp_path / 'set'}").fingerprint == fingerprint
    assert len(read) == 2
    open_source(f"wds:{tmp_path / 'set'}")
    assert len(read) == 2


def test_an_index_that_lies_in_form_is_found_out_when_the_image_is_read(tmp_path, cache):
    write_set(tmp_path / "set", train=(5,), val=(5,))
    open_source(f"wds:{tmp_path / 'set'}")
    for path in indexes(cache):
        path.write_bytes(altered(path.read_bytes(), digests=["0" * 64] * 5))
    source = open_source(f"wds:{tmp_path / 'set'}")
    name = tmp_path / "set" / "train-000.tar"
    assert message_of(ChangedError, source.record, "train", 0) == (
        f"{name}: 0000.png: has changed since it was indexed. Once it is at rest, do the same again."
    )
    check(open_source(f"wds:{tmp_path / 'set'}"), "train", range(5))


def test_indexes_are_bounded(tmp_path, cache, monkeypatch):
    write_set(tmp_path / "set", train=(5,) * 6)
    open_source(f"wds:{tmp_path / 'set'}")
    paths = indexes(cache)
    for age, path in enumerate(paths):
        os.utime(path, (1000 + age, 1000 + age))
    most = sum(path.stat().st_size for path in paths[3:])
    monkeypatch.setattr(remembering, "_MAX_FILES", most)
    remembering.trim()
    assert indexes(cache) == paths[3:]


def test_a_long_name_takes_its_own_room_only():
    names = ["x" * 1000, *(f"{number:06}.png" for number in range(20_000))]
    count = len(names)
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    labels = [number % 2 for number in range(count)]
    index = ShardIndex(
        names=names, offsets=list(range(count)), sizes=[1] * count, digests=digests, labels=labels
    )
    tracemalloc.start()
    try:
        source = ShardSource(
            "wds:x", [], [index], {"train": list(range(count)), "val": []}, None, Wanted(), 8
        )
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(source.targets["train"]) == count
    assert held < 500 * count  # 1,000 if all were as long


def test_names_of_any_length_and_letters_are_told(tmp_path):
    texts = ["a.png", f"{'long' * 50}.png", "\u00e9\u4e2d.png", "\U0001f600.png"]
    members = [
        (name, data)
        for seed, text in enumerate(texts)
        for name, data in ((text, encoded(seed)), (text.replace("png", "cls"), str(seed % 2).encode()))
    ]
    write_tar(tmp_path / "train-0.tar", members)
    write_tar(tmp_path / "val-0.tar", samples(range(2)))
    source = open_source(f"wds:{tmp_path}")
    assert [source.record("train", i).name.rpartition(": ")[2] for i in range(4)] == texts


def test_what_is_kept_is_utf_8_whatever_the_locale(tmp_path):
    program = r"""
from striate.data.remembering import remember, remembered
from striate.data.sources.shards_index import ShardIndex

index = ShardIndex(names=["\u00e9.png"], offsets=[0], sizes=[1], digests=["0" * 64], labels=["\u4e2d"])
remember(["key"], index)
assert remembered(["key"], ShardIndex) == index
"""
    plain = {"STRIATE_CACHE": str(tmp_path), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | plain, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_shards_that_change_after_they_were_opened(tmp_path):
    path = write_set(tmp_path, train=(5,)) / "train-000.tar"
    source = open_source(f"wds:{tmp_path}")
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        place = tar.getmembers()[4].offset_data
    path.write_bytes(whole[: place + 5])
    check(source, "val", range(5, 11))
    assert source.record("train", 1).data == encoded(1)
    size = len(encoded(2))
    assert message_of(DataError, source.record, "train", 2) == (
        f"{path}: ends at {place + 5:,} bytes where {place + size:,} were to be read; it was cut short or has changed. "
        "Bring it whole and open it again."
    )
    changed = bytearray(whole)
    changed[place + 30] ^= 1
    path.write_bytes(changed)
    text = f"{path}: 0002.png: has changed since it was indexed. Once it is at rest, do the same again."
    assert message_of(ChangedError, source.record, "train", 2) == text
    path.unlink()
    assert (
        message_of(DataError, source.record, "train", 2)
        == f"{path}: cannot be read: No such file or directory."
    )
    assert message_of(DataError, load_split, source, "train", (3, 5, 6)).startswith(
        f"{source.name}: 5 of 5 images in 'train' cannot be read: {path}: cannot be read: No such file"
    )


@pytest.mark.parametrize(
    "names", [("train-0.tar", "val-0.tar"), ("train/0.tar", "val/0.tar")], ids=["flat", "split"]
)
def test_a_folder_of_shards_needs_no_kind(tmp_path, names):
    for number, name in enumerate(names):
        write_tar(tmp_path / "s" / name, samples([2 * number, 2 * number + 1]))
    assert open_source(tmp_path / "s").name == f"wds:{tmp_path / 's'}"
    assert open_source(str(tmp_path / "s")).fingerprint == open_source(f"wds:{tmp_path / 's'}").fingerprint
