"""`predict` against the module called by hand on pixels prepared by hand."""

import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from toys import NAMES, message_of, pillow_resized, stripes, write_image

import striate as st
from striate.errors import DataError
from striate.train import RunFolder


def prepared(run, pixels):
    """Return float32 ``(N, 1, 8, 8)`` of uint8 ``(N, 8, 8)`` as run.yaml says."""
    settings = yaml.safe_load((run / "run.yaml").read_text())["preprocess"]["steps"][0]["standardize"]
    values = (pixels[:, None] / 255 - settings["mean"][0]) / settings["std"][0]
    return torch.from_numpy(values).float()


def probabilities(run, pixels):
    with torch.no_grad():
        logits = RunFolder.open(run).module()(prepared(run, pixels)).double().numpy()
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def written(folder, pixels):
    paths = []
    for number, image in enumerate(pixels):
        paths.append(folder / f"{number:03}.png")
        Image.fromarray(image).save(paths[-1])
    return paths


def test_probabilities_order_and_names(toy_run, tmp_path):
    # More than one batch of 64.
    pixels = stripes(150, seed=8)[0][:, 0]
    expected = probabilities(toy_run, pixels)
    predictions = st.Run(toy_run).predict(written(tmp_path, pixels), top=3)
    assert [p.image for p in predictions] == [str(tmp_path / f"{n:03}.png") for n in range(150)]
    for prediction, row in zip(predictions, expected, strict=True):
        order = np.argsort(-row)
        assert [g.index for g in prediction.top] == order.tolist()
        assert [g.class_name for g in prediction.top] == [NAMES[i] for i in order]
        assert [g.probability for g in prediction.top] == pytest.approx(row[order], rel=1e-5, abs=1e-9)
        assert sum(g.probability for g in prediction.top) == pytest.approx(1.0)
    right = np.mean([p.top[0].index for p in predictions] == np.arange(150) % 3)
    assert right > 0.9


@pytest.mark.parametrize(("top", "given"), [(1, 1), (2, 2), (3, 3), (5, 3), (100, 3)])
def test_top(toy_run, tmp_path, top, given):
    (path,) = written(tmp_path, stripes(1)[0][:, 0])
    full = st.Run(toy_run).predict([path], top=3)[0].top
    assert st.Run(toy_run).predict([path], top=top)[0].top == full[:given]


@pytest.mark.parametrize("top", [0, -1, 1.5, True, "3"])
def test_a_bad_top(toy_run, top):
    text = message_of(DataError, st.Run(toy_run).predict, ["x.png"], top=top)
    assert text == f"top={top!r}: must be a whole number of at least 1."


def test_json_and_text(toy_run, tmp_path):
    (path,) = written(tmp_path, stripes(1)[0][:, 0])
    (prediction,) = st.Run(toy_run).predict([path], top=2)
    data = json.loads(json.dumps(prediction.to_data()))
    assert list(data) == ["image", "top"]
    assert data["image"] == str(path)
    assert [list(row) for row in data["top"]] == [["class", "index", "probability"]] * 2
    assert [(r["class"], r["index"], r["probability"]) for r in data["top"]] == [
        (g.class_name, g.index, g.probability) for g in prediction.top
    ]
    first, second = prediction.top
    assert str(prediction) == (
        f"{path}: {first.class_name} {first.probability:.1%}; {second.class_name} {second.probability:.1%}"
    )


def test_one_image_many_kinds(toy_run, tmp_path):
    pixels = stripes(1)[0][:, 0]
    (path,) = written(tmp_path, pixels)
    run = st.Run(toy_run)
    expected = run.predict([path])[0].top
    for given in (path, str(path), Image.fromarray(pixels[0]), Image.open(path)):
        assert run.predict(given)[0].top == expected
        assert run.predict(iter([given]))[0].top == expected
    assert run.predict([Image.fromarray(pixels[0])])[0].image == "image"
    with Image.open(path) as opened:
        assert run.predict([opened])[0].image == str(path)
    assert run.predict([]) == []


def test_other_sizes_and_colors_are_converted_as_in_training(toy_run, tmp_path):
    small = stripes(6, seed=3)[0][:, 0]
    big = small.repeat(4, axis=1).repeat(4, axis=2)
    shrunk = np.stack([pillow_resized(Image.fromarray(i), 8, 8)[0] for i in big])
    expected = probabilities(toy_run, shrunk)
    images = [Image.fromarray(i).convert("RGB") for i in big]
    found = st.Run(toy_run).predict(images, top=1)
    assert [p.top[0].probability for p in found] == pytest.approx(expected.max(1), rel=1e-5)


def test_a_turned_photograph_is_the_same_as_a_file_and_opened(toy_run, tmp_path):
    upright = stripes(3, seed=5)[0][1, 0]
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned right by 90 degrees
    path = tmp_path / "turned.png"
    Image.fromarray(np.rot90(upright).copy()).save(path, exif=exif)
    run = st.Run(toy_run)
    expected = run.predict([Image.fromarray(upright)])[0].top
    assert run.predict([path])[0].top == expected
    with Image.open(path) as opened:
        assert run.predict([opened])[0].top == expected
    stored = run.predict([Image.fromarray(np.rot90(upright).copy())])[0].top
    assert stored[0].probability != expected[0].probability


def test_preprocessing_comes_from_the_run_folder(toy_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(toy_run, copy)
    data = yaml.safe_load((copy / "run.yaml").read_text())
    data["preprocess"]["steps"] = [{"standardize": {"mean": [0.9], "std": [0.05]}}]
    (copy / "run.yaml").write_text(yaml.safe_dump(data))
    pixels = stripes(3)[0][:, 0]
    images = [Image.fromarray(i) for i in pixels]
    ours = [p.top[0].probability for p in st.Run(copy).predict(images)]
    assert ours == pytest.approx(probabilities(copy, pixels).max(1), rel=1e-4)
    before = [p.top[0].probability for p in st.Run(toy_run).predict(images)]
    assert np.abs(np.subtract(ours, before)).max() > 1e-3


def test_weights_come_from_the_run_folder(toy_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(toy_run, copy)
    module = RunFolder.open(copy).module()
    with torch.no_grad():
        module.head.weight.zero_()
        module.head.bias.copy_(torch.tensor([0.0, 3.0, 0.0]))
    st.save_weights(module, copy / "model.safetensors")
    top = st.Run(copy).predict([Image.new("L", (8, 8))], top=1)[0].top[0]
    assert (top.class_name, top.index) == ("middle", 1)
    assert top.probability == pytest.approx(np.exp(3) / (np.exp(3) + 2), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("none.png", None, "no such file."),
        ("text.png", b"hello", "not an image."),
        ("empty.jpg", b"", "not an image."),
    ],
)
def test_an_unreadable_image_is_named(toy_run, tmp_path, name, data, reason):
    good = write_image(tmp_path / "good.png", 0)
    bad = tmp_path / name
    if data is not None:
        bad.write_bytes(data)
    assert message_of(DataError, st.Run(toy_run).predict, [good, bad]) == f"{bad}: {reason}"


@pytest.mark.parametrize(
    ("images", "what"),
    [(None, "NoneType"), (3, "int"), ([np.zeros((8, 8, 3), np.uint8)], "ndarray"), ([None], "NoneType")],
)
def test_what_is_no_image(toy_run, images, what):
    text = message_of(DataError, st.Run(toy_run).predict, images)
    assert text == f"images: a {what} is neither the name of a file nor a PIL image."


def test_an_open_image_that_is_cut_short(toy_run, tmp_path):
    path = write_image(tmp_path / "whole.png", seed=1, size=(64, 64))
    (tmp_path / "cut.png").write_bytes(path.read_bytes()[:2000])
    with Image.open(tmp_path / "cut.png") as cut:
        text = message_of(DataError, st.Run(toy_run).predict, [cut])
    assert text.startswith(f"{tmp_path / 'cut.png'}: ")
    assert "truncated" in text


def test_all_images_that_cannot_be_read_are_named(toy_run, tmp_path):
    good = write_image(tmp_path / "good.png", 1, mode="L")
    bad = [tmp_path / f"{number:03}.png" for number in range(100)]
    problems = [f"{path}: no such file" for path in bad]
    text = message_of(DataError, st.Run(toy_run).predict, [bad[0], good, bad[1]])
    assert text == f"2 images cannot be read: {problems[0]}; {problems[1]}."
    text = message_of(DataError, st.Run(toy_run).predict, [good, *bad])
    assert text == f"100 images cannot be read: {'; '.join(problems[:10])}; and 90 more."


def test_a_folder_is_no_image(toy_run, tmp_path):
    text = message_of(DataError, st.Run(toy_run).predict, [tmp_path])
    assert text == f"{tmp_path}: is a folder; name the files in it, such as {tmp_path}/*.jpg."
