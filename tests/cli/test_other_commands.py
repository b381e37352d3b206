"""``striate eval`` and ``predict`` on a small run."""

import json

import numpy as np
import pytest
from PIL import Image
from toys import NAMES, stripes, toy_source, trained, write_split_folder

import striate as st


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write the toy source as an image folder, and a run on it."""
    root = tmp_path_factory.mktemp("toy")
    source = toy_source()
    for split, targets in source.targets.items():
        for number, target in enumerate(targets):
            path = root / "set" / split / NAMES[target] / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            source.image(split, number).save(path)
    trained(root / "run", data=root / "set", epochs=6.0, lr=0.01)
    return root


def test_eval(striate, folder):
    expected = st.Run(folder / "run").evaluate("test", folder / "set")
    assert expected.accuracy > 0.8
    done = striate("eval", folder / "run")
    assert (done.status, done.err, done.out) == (0, "", f"{expected}\n")
    done = striate("eval", folder / "run", "--json", "--split", "val", "--data", folder / "set")
    data = json.loads(done.out)
    figures = [
        "accuracy",
        "top5",
        "loss",
        "balanced_accuracy",
        "macro_f1",
        "mean_confidence",
        "calibration_error",
    ]
    assert list(data) == ["split", "images", *figures, "classes", "confusion", "calibration", "skipped"]
    assert (data["split"], data["images"], data["skipped"]) == ("val", 24, [])
    assert [list(row) for row in data["classes"]] == [["name", "support", "precision", "recall", "f1"]] * 3
    assert [row["support"] for row in data["classes"]] == [8, 8, 8] == [sum(r) for r in data["confusion"]]
    assert data["accuracy"] == pytest.approx(sum(data["confusion"][i][i] for i in range(3)) / 24)


def test_eval_failures(failure, folder, tmp_path):
    assert failure("eval", tmp_path) == f"{tmp_path}: not a run folder; it has no run.yaml."
    assert failure("eval", folder / "run", "--split", "holdout") == (
        f"folder:{folder / 'set'} has no split 'holdout'; it has train, val, test. "
        "Choose one of them, such as --split val (split='val')."
    )
    other = write_split_folder(tmp_path / "other")
    assert failure("eval", folder / "run", "--data", other) == (
        f"folder:{other} has classes that the run does not know: cat, dog. The run knows left, middle, right."
    )


def test_eval_with_bad_images(striate, failure, folder, tmp_path):
    for name in NAMES:
        for split in ("train", "val", "test"):
            (tmp_path / split / name).mkdir(parents=True)
            image = Image.fromarray(stripes(3)[0][NAMES.index(name), 0])
            image.save(tmp_path / split / name / "a.png")
    bad = tmp_path / "test" / "left" / "bad.png"
    bad.write_text("x")
    assert f"1 of 4 images in 'test' cannot be read: {bad}" in failure(
        "eval", folder / "run", "--data", tmp_path
    )
    done = striate("eval", folder / "run", "--data", tmp_path, "--skip-bad-images")
    assert done.status == 0
    assert done.out.splitlines()[1] == "1 images could not be read and were left out"


def test_predict(striate, folder):
    files = [folder / "set" / "test" / name / f"{i:03}.png" for i, name in enumerate(NAMES)]
    done = striate("predict", folder / "run", *files, "--json")
    assert (done.status, done.err) == (0, "")
    data = json.loads(done.out)
    assert [list(row) for row in data] == [["image", "top"]] * 3
    assert [row["image"] for row in data] == list(map(str, files))
    for row in data:
        assert [list(guess) for guess in row["top"]] == [["class", "index", "probability"]] * 3
        assert all(NAMES[guess["index"]] == guess["class"] for guess in row["top"])
        shares = [guess["probability"] for guess in row["top"]]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
    assert np.mean([row["top"][0]["class"] == name for row, name in zip(data, NAMES, strict=True)]) > 0.6
    done = striate("predict", folder / "run", files[0], "--top", 1)
    first = data[0]["top"][0]
    assert done.out == f"{files[0]}: {first['class']} {first['probability']:.1%}\n"


def test_an_image_with_control_characters_in_its_name(striate, folder, tmp_path):
    odd = tmp_path / "\x1b[2J\n.png"
    odd.write_bytes((folder / "set" / "test" / NAMES[0] / "000.png").read_bytes())
    done = striate("predict", folder / "run", odd)
    assert done.out.startswith(rf"{tmp_path}/\x1b[2J\n.png: ")
    assert done.out.count("\n") == 1


def test_predict_failures(failure, folder, tmp_path):
    missing = tmp_path / "none.png"
    assert failure("predict", folder / "run", missing) == f"{missing}: no such file."
    assert failure("predict", folder / "run", missing, "--top", 0) == (
        "--top 0: must be a whole number of at least 1."
    )
    assert failure("predict", tmp_path / "no", missing) == f"{tmp_path / 'no'}: no such run folder."


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_the_device_is_the_user_s_choice(striate, failure, folder, command):
    images = [folder / "set" / "test" / NAMES[0] / "000.png"] if command == "predict" else []
    assert striate(command, folder / "run", *images, "--device", "cpu").status == 0
    text = failure(command, folder / "run", *images, "--device", "gpu")
    assert text.startswith("--device 'gpu': must be auto or a device of this machine. Here there is cpu")
