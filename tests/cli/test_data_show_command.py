"""``striate data show``: what it prints, writes and refuses."""

import json

import fsspec
import pytest
from PIL import Image
from shard_files import write_set
from toys import write_split_folder

from striate.data.show import show


@pytest.fixture
def root(tmp_path):
    return write_split_folder(tmp_path / "set")


def test_images_as_they_are_stored(striate, root, tmp_path):
    done = striate("data", "show", root, "--count", 3, "--split", "val")
    assert (done.status, done.err) == (0, "")
    files = [root / "val" / name for name in ("cat/0.png", "dog/0.png", "cat/1.png")]
    numbers = [0, 4, 1]
    expected = [
        f"#{number}  {file.parent.name}  8×8  {file}" for number, file in zip(numbers, files, strict=True)
    ]
    assert done.out.splitlines() == ["set, val", "", *expected]
    assert striate("data", "show", root, "--classes", "dog", "--count", 1).out.endswith("train/dog/0.png\n")


def test_draws_in_words(striate):
    done = striate("data", "show", "digits", "--augment", "mnist", "--count", 2, "--seed", 3)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"{show('digits', augment='mnist', count=2, seed=3).text()}\n"
    assert done.out.count("rotated") == 24


def test_json(striate, root, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("kind: striate augmentation\neffects: [HorizontalFlip, Mixup]\n")
    file = tmp_path / "sheet.png"
    done = striate(
        "data", "show", root, "--augment", recipe, "--count", 1, "--size", "6x7", "--json", "--out", file
    )
    assert (done.status, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["augment"] == str(recipe)
    assert told["recipe"]["effects"] == ["HorizontalFlip", "Mixup"]
    (image,) = told["images"]
    assert (image["label"], image["size"], len(image["draws"])) == ("cat", [8, 8], 12)
    assert all(set(draw["target"]) <= {"cat", "dog"} for draw in image["draws"])
    assert file.is_file()


@pytest.mark.parametrize("options", [[], ["--augment", "cifar"]], ids=["stored", "augmented"])
def test_sheets(striate, root, tmp_path, options):
    for name in ("sheet.png", "sheet.html"):
        done = striate("data", "show", root, *options, "--out", tmp_path / name)
        assert (done.status, done.err, done.out) == (0, "", f"sheet: {tmp_path / name}\n")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.format == "PNG"
    assert (tmp_path / "sheet.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_streamed_and_remote_data(striate, root, tmp_path):
    shards = write_set(tmp_path / "shards")
    done = striate("data", "show", f"wds:{shards}", "--augment", "cifar", "--count", 3, "--json")
    assert (done.status, done.err) == (0, "")
    assert [image["label"] for image in json.loads(done.out)["images"]] == ["0", "1", "0"]
    fsspec.filesystem("memory").put(str(root), "memory://shown", recursive=True)
    done = striate("data", "show", "memory://shown", "--augment", "none", "--count", 1, "--json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["images"][0]["label"] == "cat"


def test_failures(failure, root, tmp_path):
    assert failure("data", "show", tmp_path / "no").startswith("no data called")
    assert failure("data", "show", root, "--split", "dev").startswith(f"folder:{root} has no split 'dev'")
    assert failure("data", "show", root, "--classes", "cat,dgo").startswith(
        f"folder:{root}: unknown class 'dgo'. Did you mean 'dog'?"
    )
    assert failure("data", "show", root, "--augment", "cifra").startswith(
        "unknown recipe 'cifra'. Did you mean 'cifar'?"
    )
    missing = tmp_path / "no.yaml"
    assert failure("data", "show", root, "--augment", missing) == f"{missing}: No such file or directory."
    signals = tmp_path / "signals.yaml"
    signals.write_text("kind: striate augmentation\neffects: [TimeShift]\n")
    assert failure("data", "show", root, "--augment", signals).startswith("TimeShift is for signals")
    bad = root / "train" / "cat" / "0.png"
    bad.write_text("no image")
    assert failure("data", "show", root, "--count", 1) == f"{bad}: not an image."
    odd = tmp_path / "device.png"
    odd.symlink_to("/dev/null")
    assert failure("data", "show", "digits", "--out", odd) == f"{odd}: cannot be written: not a regular file."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--out", "sheet.jpg"],
            "--out sheet.jpg: a picture or a page is written; give it a name that ends in",
        ),
        (["--out", "no/sheet.png"], "--out no/sheet.png: there is no folder no; name the file to write"),
        (["--out", "."], "--out .: is a folder; name the file to write, such as sheet.png."),
        (["--size", "8x"], "--size '8x': write one side, 160, or height and width, 160x120"),
    ],
    ids=["suffix", "folder-missing", "folder", "size"],
)
def test_bad_usage(failure, options, message):
    assert failure("data", "show", "digits", *options, status=2).startswith(message)
