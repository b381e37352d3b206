"""``striate data pack`` and ``striate data cache``: what they print, make and refuse."""

import json

import fsspec
import pytest
from PIL import Image
from shard_files import write_set
from toys import files_below, tiny, write_split_folder

from striate.data import FolderSource, load_split, open_source
from striate.data.pack import cache
from striate.data.pack.reader import PackSource


@pytest.fixture
def root(tmp_path):
    return write_split_folder(tmp_path / "set")


def test_pack_train_verify(striate, root, tmp_path):
    file = tmp_path / "x.pack"
    done = striate("data", "pack", root, "--size", "8", "--channels", 1, "--out", file)
    assert (done.status, done.err) == (0, "")
    first, last = done.out.splitlines()
    assert first == "8 train, 8 val, 8 test images of 1×8×8: 0.0 MiB"
    assert last.startswith(f"pack: {file}, in ")
    assert striate("data", "pack", file, "--verify").out == f"{file}: sound, 24 images.\n"
    tiny(classes=2).save(tmp_path / "net.yaml")
    network = ["train", tmp_path / "net.yaml", "--epochs", 1, "--device", "cpu", "--json"]
    losses = []
    for data in (file, f"pack:{file}", root):
        done = striate(*network, "--data", data, "--out", tmp_path / f"run{len(losses)}")
        assert done.status == 0, done.err
        losses.append(
            [json.loads(line)["loss"] for line in done.out.splitlines() if "loss" in json.loads(line)]
        )
    assert losses[0] == losses[1] == losses[2] != []


def test_json(striate, root, tmp_path):
    bad = root / "train" / "cat" / "bad.png"
    bad.write_text("no image")
    file = tmp_path / "x.pack"
    done = striate("data", "pack", root, "--size", "5x7", "--out", file, "--json", "--skip-bad-images")
    told = json.loads(done.out)
    assert told.pop("seconds") > 0
    assert told == {
        "file": str(file),
        "bytes": file.stat().st_size,
        "shape": [3, 5, 7],
        "sizes": {"train": 8, "val": 8, "test": 8},
        "skipped": [f"{bad}: not an image"],
    }
    told = json.loads(striate("data", "pack", f"pack:{file}", "--verify", "--json").out)
    assert told == {"file": str(file), "sizes": {"train": 8, "val": 8, "test": 8}, "sound": True}
    file.unlink()
    done = striate("data", "pack", root, "--size", "5", "--out", file, "--skip-bad-images")
    assert done.out.splitlines()[1] == f"left out 1 that cannot be read: {bad}: not an image"


def test_settings_reach_the_pack(striate, root, tmp_path):
    file = tmp_path / "x.pack"
    options = ["--jpeg", "fast", "--max-pixels", 64, "--workers", 2]
    assert striate("data", "pack", root, "--size", "8", "--out", file, *options).status == 0
    settings = PackSource(file).header.settings
    assert settings["jpeg"] == "fast"
    assert settings["max_pixels"] == 64


def test_failures(failure, root, tmp_path, monkeypatch):
    file = tmp_path / "x.pack"
    text = failure("data", "pack", root, "--size", "8", "--out", file, "--max-pixels", 63)
    assert text.startswith(
        f"folder:{root}: 24 of 24 images cannot be read: {root / 'train' / 'cat' / '0.png'}: "
    )
    assert "; and 14 more. Repair" in text
    assert failure("data", "pack", tmp_path / "no", "--size", "8", "--out", file).startswith("no data called")
    assert failure("data", "pack", root, "--verify") == f"{root}: not a file."
    file.write_bytes(b"mine")
    text = failure("data", "pack", root, "--size", "8", "--out", file)
    assert text == f"{file}: exists already; remove it, or give another name."
    assert failure("data", "pack", file, "--verify").startswith(f"{file}: not a pack, or one that was not")
    assert failure("train", "lenet5", "--data", file).startswith(f"{file}: not a pack, or one that was not")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert "refused" in failure("data", "pack", root, "--size", "8", "--out", tmp_path / "y.pack")


SIZE = "write one side, 160, or height and width, 160x120; 65535 at most."
PIXELS = "must be 1 or more, or None for the usual limit."


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "striate data pack needs --size and --out, or --verify with the file of a pack."),
        (["--size", "8"], "striate data pack needs --size and --out, or --verify with the file of a pack."),
        (["--size", "x", "--out", "f.pack"], f"--size 'x': {SIZE}"),
        (["--size", "8x", "--out", "f.pack"], f"--size '8x': {SIZE}"),
        (["--size", "0", "--out", "f.pack"], f"--size '0': {SIZE}"),
        (["--size", "65536", "--out", "f.pack"], f"--size '65536': {SIZE}"),
        (["--size", "8", "--out", "f.pack", "--channels", "4"], "--channels 4: must be 1 (grey) or 3 (RGB)."),
        (["--size", "8", "--out", "f.pack", "--jpeg", "no"], "--jpeg='no': must be never, fine or fast."),
        (["--size", "8", "--out", "f.pack", "--max-pixels", "0"], f"--max-pixels=0: {PIXELS}"),
        (["--size", "8", "--out", "f.pack", "--workers", "0"], "--workers 0: must be 1 or more."),
        (["--size", "8", "--out", "o.txt"], "--out o.txt: must end in .pack, by which data are found to be a pack."),
        (["--size", "8", "--out", "o"], "--out o: must end in .pack, by which data are found to be a pack."),
    ],
)  # fmt: skip
def test_bad_usage(failure, arguments, text):
    assert failure("data", "pack", "digits", *arguments, status=2) == text


def test_the_cache(striate, root, tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LEAST_IMAGES", 8)
    folder = tmp_path / "cache"
    assert striate("data", "cache").out == f"{folder}: 0 packs, 0 copies, 0 indexes, 0.0 MiB\n"
    load_split(FolderSource(root), "train", (3, 8, 8))
    load_split(FolderSource(root), "val", (1, 30, 20))
    (folder / f"{'0' * 32}.pack").write_bytes(bytes(2**20))
    lines = striate("data", "cache").out.splitlines()
    assert sorted(lines[:3]) == [
        f"     0.0 MiB  folder:{root}  train, 8 of 3×8×8",
        f"     0.0 MiB  folder:{root}  val, 8 of 1×30×20",
        "     1.0 MiB  (damaged)",
    ]
    assert lines[3:] == [f"{folder}: 3 packs, 0 copies, 0 indexes, 1.0 MiB"]
    told = json.loads(striate("data", "cache", "--json").out)
    assert told["folder"] == str(folder)
    (train,) = (entry for entry in told["entries"] if entry["split"] == "train")
    assert train["source"] == f"folder:{root}"
    assert train["shape"] == [3, 8, 8]
    assert train["count"] == 8
    total = sum(entry["bytes"] for entry in told["entries"])
    assert json.loads(striate("data", "cache", "--clear", "--json").out) == {
        "folder": str(folder),
        "removed": {"entries": 3, "copies": 0, "indexes": 0},
        "bytes": total,
    }
    assert files_below(folder) == []
    assert striate("data", "cache", "--clear").out == "removed 0 packs, 0 copies, 0 indexes, 0.0 MiB\n"
    monkeypatch.setenv("STRIATE_CACHE", "off")
    assert striate("data", "cache").out == "off: 0 packs, 0 copies, 0 indexes, 0.0 MiB\n"


def test_copies_and_indexes_in_the_cache(striate, root, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("STRIATE_CACHE", str(folder))
    elsewhere = fsspec.filesystem("memory")
    for path in root.rglob("*.png"):
        elsewhere.pipe_file(f"/set/{path.relative_to(root).as_posix()}", path.read_bytes())
    open_source("memory://set")
    open_source(f"wds:{write_set(tmp_path / 'shards')}")
    (folder / "known" / "notes.txt").write_text("mine")
    copied = sum(path.stat().st_size for path in root.rglob("*.png"))
    known = sum(path.stat().st_size for path in (folder / "known").glob("*.json"))
    (copy,) = (folder / "remote").glob("?" * 32)
    assert striate("data", "cache").out.splitlines() == [
        "     0.0 MiB  memory://set  24 files, copied",
        "     0.0 MiB  4 indexes of data",
        f"{folder}: 0 packs, 1 copy, 4 indexes, 0.0 MiB",
    ]
    assert json.loads(striate("data", "cache", "--json").out) == {
        "folder": str(folder),
        "entries": [],
        "copies": [{"folder": str(copy), "bytes": copied, "source": "memory://set", "files": 24}],
        "indexes": {"count": 4, "bytes": known},
    }
    assert json.loads(striate("data", "cache", "--clear", "--json").out) == {
        "folder": str(folder),
        "removed": {"entries": 0, "copies": 1, "indexes": 4},
        "bytes": copied + known,
    }
    left = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == [folder / "known" / "notes.txt"]


def test_help_and_unknown_parts(striate):
    assert "pack   Decode a data set, once, into one file." in striate("data").err
    done = striate("data", "pcak")
    assert done.status == 2
    assert "Did you mean 'pack'?" in done.err
    for part in ("pack", "cache"):
        assert f"striate data {part}" in striate("data", part, "--help").out
