"""`hf:`: data sets that the datasets package wrote to disk, and what is said without the package or the network."""

import sys

import numpy as np
import pytest
from PIL import Image
from toys import message_of, write_image

from striate.data import load_split, open_source
from striate.errors import DataError


def pixels(seed):
    return np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    module = pytest.importorskip(
        "datasets", reason="datasets, the extra hf, is not installed: hf: is not read"
    )
    module.disable_progress_bars()
    monkeypatch.setattr(module.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return module


def made(datasets, splits, label=None, names=("image", "label")):
    label = label or datasets.ClassLabel(names=["cat", "dog"])
    features = datasets.Features({names[0]: datasets.Image(), names[1]: label})
    many = not isinstance(label, datasets.ClassLabel)
    return datasets.DatasetDict(
        {
            split: datasets.Dataset.from_dict(
                {
                    names[0]: [Image.fromarray(pixels(seed)) for seed in seeds],
                    names[1]: [[seed % 3, 3] if many else seed % 2 for seed in seeds],
                },
                features,
            )
            for split, seeds in splits.items()
        }
    )


def test_a_saved_data_set(datasets, tmp_path):
    splits = {"train": range(8), "validation": range(8, 12), "test": range(12, 15), "extra": range(3)}
    made(datasets, splits).save_to_disk(tmp_path / "set")
    source = open_source(f"hf:{tmp_path / 'set'}")
    assert source.name == f"hf:{tmp_path / 'set'}"
    assert source.class_names == ("cat", "dog")
    assert set(source.targets) == {"train", "val", "test"}
    for split, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        assert source.targets[split].tolist() == [seed % 2 for seed in splits[name]]
        for i, seed in enumerate(splits[name]):
            assert np.asarray(source.image(split, i)).tolist() == pixels(seed).tolist()
    assert load_split(source, "val", (3, 6, 5)).images.shape == (4, 3, 6, 5)
    assert open_source(source.name).fingerprint == source.fingerprint


def test_what_is_written_as_parquet_is_the_same(datasets, tmp_path):
    splits = {"train": range(8), "validation": range(8, 12)}
    for split, table in (whole := made(datasets, splits)).items():
        (tmp_path / "p").mkdir(exist_ok=True)
        table.to_parquet(tmp_path / "p" / f"{split}-00000-of-00001.parquet")
    whole.save_to_disk(tmp_path / "set")
    prints = {
        open_source(f"{kind}").fingerprint for kind in (f"hf:{tmp_path / 'set'}", f"parquet:{tmp_path / 'p'}")
    }
    assert len(prints) == 1


def test_a_folder_of_images(datasets, tmp_path):
    for seed in range(24):
        write_image(
            tmp_path / "f" / ("train", "test")[seed > 15] / ("ant", "bee")[seed % 2] / f"{seed}.png", seed
        )
    source = open_source(f"hf:{tmp_path / 'f'}")
    assert source.class_names == ("ant", "bee")
    assert sum(len(source.targets[s]) for s in ("train", "val")) == 16
    assert np.asarray(source.image("test", 0)).shape == (8, 8, 3)


def test_several_labels_and_other_columns(datasets, tmp_path):
    label = datasets.Sequence(datasets.ClassLabel(names=list("abcd")))
    made(datasets, {"train": range(8), "val": range(8, 10)}, label, ("pic", "tags")).save_to_disk(
        tmp_path / "set"
    )
    text = message_of(DataError, open_source, f"hf:{tmp_path / 'set'}")
    assert text.startswith(
        f"hf:{tmp_path / 'set'}: has no column for the image (image, img, images, picture); it has "
    )
    source = open_source(f"hf:{tmp_path / 'set'}?image=pic&label=tags")
    assert source.class_names == tuple("abcd")
    assert source.targets["val"].tolist() == [[0, 0, 1, 1], [1, 0, 0, 1]]


def test_data_sets_that_do_not_fit(datasets, tmp_path):
    made(datasets, {"extra": range(3), "more": range(3)}).save_to_disk(tmp_path / "a")
    assert message_of(DataError, open_source, f"hf:{tmp_path / 'a'}") == (
        f"hf:{tmp_path / 'a'}: has the splits extra, more; one must be train, val or test."
    )
    datasets.Dataset.from_dict({"image": ["x"], "label": [1]}).save_to_disk(tmp_path / "b")
    assert message_of(DataError, open_source, f"hf:{tmp_path / 'b'}").startswith(
        f"hf:{tmp_path / 'b'}: the column 'image' is no column of images, but Value("
    )
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "dataset_info.json").write_text("{")
    assert message_of(DataError, open_source, f"hf:{tmp_path / 'c'}").startswith(
        f"hf:{tmp_path / 'c'}: cannot be had ("
    )


def test_without_the_network(datasets):
    text = message_of(DataError, open_source, "hf:striate-none/such")
    assert text.startswith("hf:striate-none/such: cannot be had (")
    assert text.endswith(
        "Without a network only data sets that were fetched before, and folders, can be read."
    )


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert message_of(DataError, open_source, "hf:mnist") == (
        "hf:mnist needs the package datasets, which cannot be imported (import of datasets halted; None in "
        "sys.modules); install it: pip install 'striate[hf]'."
    )
    assert message_of(DataError, open_source, "hf:") == "'hf:' names no data set; write hf:NAME."
