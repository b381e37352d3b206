"""Bags against NumPy's draw, and ensembles of runs against the mean of softmaxes by hand."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from shard_files import write_set
from torch import nn
from toys import NAMES, files_below, message_of, quick, stripes, tiny, toy_source, write_split_folder

import striate as st
from striate.data import BagSource, FolderSource, load_split, open_source
from striate.data.sources.bagging import drawn
from striate.errors import ConfigError, DataError, RunError
from striate.several import open_runs
from striate.train import StepDone


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_the_draw_is_the_documented_one(seed):
    generator = np.random.Generator(np.random.Philox(key=np.array([seed, 0x676162], np.uint64)))
    assert drawn(1000, seed).tolist() == sorted(generator.integers(1000, size=1000).tolist())


def test_about_632_of_1000_images_are_drawn():
    shares = [len(np.unique(drawn(10_000, seed))) / 10_000 for seed in range(20)]
    assert np.mean(shares) == pytest.approx(1 - np.exp(-1), abs=0.002)
    assert (
        np.bincount(np.concatenate([drawn(50, seed) for seed in range(400)])).min() > 300
    )  # none is left out


@pytest.mark.parametrize("kind", ["arrays", "folder"])
def test_a_bag_is_a_source(kind, tmp_path):
    source = toy_source() if kind == "arrays" else FolderSource(write_split_folder(tmp_path, each=6))
    bag = BagSource(source, 5)
    rows = drawn(len(source.targets["train"]), 5)
    assert bag.name == f"bag:5:{source.name}"
    assert bag.targets["train"].tolist() == source.targets["train"][rows].tolist()
    shape = source.shape or (3, 8, 8)
    ours, whole = load_split(bag, "train", shape), load_split(source, "train", shape)
    assert torch.equal(ours.images, whole.images[torch.from_numpy(rows)])
    for i, row in enumerate(rows):
        assert bag.record("train", i).open().tobytes() == source.record("train", row).open().tobytes()
    for split in ("val", "test"):
        assert torch.equal(load_split(bag, split, shape).images, load_split(source, split, shape).images)
    fingerprints = {each.fingerprint for each in (source, bag, BagSource(source, 6), BagSource(source, 5))}
    assert len(fingerprints) == 3


def test_bags_by_name(tmp_path):
    assert open_source("bag:7:digits").fingerprint == BagSource(open_source("digits"), 7).fingerprint
    both = open_source("bag:7:fold:2/5@3:digits")
    assert both.name == "bag:7:fold:2/5@3:digits"
    assert len(both.targets["train"]) + len(both.targets["val"]) == 1438
    assert message_of(DataError, open_source, "bag:digits") == (
        "bag:digits: must be bag:SEED:DATA, such as bag:7:digits."
    )
    assert message_of(DataError, open_source, "bag:") == "'bag:' names no bag; write bag:BAG."
    assert message_of(ConfigError, open_source, f"bag:{2**63}:digits") == (
        f"seed={2**63}: must be a whole number, 0 to 2**63 - 1."
    )
    text = message_of(DataError, open_source, "bag:1:" * 5000 + "digits")
    assert text.endswith("folds and bags of one another may be 4 deep at most.")
    assert len(text) < 200
    streamed = open_source(f"wds:{write_set(tmp_path)}")
    assert "is streamed, and bags take images that" in message_of(DataError, BagSource, streamed, 1)


CONFIG = quick(lr=0.01, seed=7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three members, each with a bag; to be read, never written."""
    path = tmp_path_factory.mktemp("members") / "ensemble"
    st.fit_ensemble(tiny(), toy_source(), 3, bagging=True, out=path, config=CONFIG)
    return path


def probabilities(folder, images):
    """Return the softmaxes of each member for uint8 ``(N, 1, 8, 8)``, by hand: ``(members, N, classes)``."""
    answers = []
    for i in (1, 2, 3):
        run = st.Run(folder / f"member-{i}")
        (step,) = run.record.preprocess.steps
        with torch.no_grad():
            logits = run.module()((torch.from_numpy(images) / 255 - step.mean[0]) / step.std[0])
        answers.append(torch.exp(logits.double()) / torch.exp(logits.double()).sum(1, keepdim=True))
    return torch.stack(answers).numpy()


def test_members_differ_in_seed_and_bag(folder):
    assert json.loads((folder / "ensemble.json").read_text()) == {
        "kind": "striate ensemble",
        "schema": 1,
        "data": "toy",
        "fingerprint": toy_source().fingerprint,
        "seed": 7,
        "bagging": True,
        "members": ["member-1", "member-2", "member-3"],
    }
    for i in (1, 2, 3):
        record = st.Run(folder / f"member-{i}").record
        assert record.training.seed == 6 + i
        assert record.data == f"bag:{6 + i}:toy"
        assert record.fingerprint == BagSource(toy_source(), 6 + i).fingerprint


def test_without_bagging_only_the_seeds_differ(tmp_path):
    ensemble = st.fit_ensemble(tiny(), toy_source(), 2, out=tmp_path / "e", config=CONFIG)
    alone = st.fit(tiny(), toy_source(), out=tmp_path / "alone", config=CONFIG)
    first, second = (each.module().state_dict() for each in ensemble.members)
    assert all(torch.equal(first[name], tensor) for name, tensor in alone.module().state_dict().items())
    assert not torch.equal(first["conv.weight"], second["conv.weight"])
    assert [each.record.fingerprint for each in ensemble.members] == [toy_source().fingerprint] * 2


def test_predictions_are_the_mean_of_the_softmaxes(folder):
    pixels = stripes(9, seed=11)[0]
    mean = probabilities(folder, pixels).mean(0)
    predictions = st.Ensemble(folder).predict([Image.fromarray(image[0]) for image in pixels], top=3)
    for prediction, row in zip(predictions, mean, strict=True):
        given = {guess.class_name: guess.probability for guess in prediction.top}
        assert [given[name] for name in NAMES] == pytest.approx(row.tolist(), rel=1e-5)
        assert prediction.labels is None


def test_evaluations_are_of_each_and_of_the_mean(folder):
    source = toy_source()
    measured = st.Ensemble(folder).evaluate("test", source)
    softmaxes, targets = probabilities(folder, source.array("test")), source.targets["test"]
    rows = np.arange(len(targets))
    assert measured.members.figures["loss"] == pytest.approx(
        [-np.log(each[rows, targets]).mean() for each in softmaxes], rel=1e-5
    )
    mean = softmaxes.mean(0)
    assert measured.together.loss == pytest.approx(-np.log(mean[rows, targets]).mean(), rel=1e-5)
    assert measured.accuracy == (mean.argmax(1) == targets).mean()


def test_an_ensemble_prints_well_and_is_found(folder, tmp_path):
    ensemble = open_runs(folder)
    assert repr(ensemble) == f"Ensemble({str(folder)!r}: 3 of tiny on toy, 3 classes)"
    assert "3 of tiny on toy" in ensemble._repr_html_()
    assert (ensemble.path, ensemble.class_names) == (folder, NAMES)
    assert repr(open_runs(folder / "member-1")).startswith("Run(")
    assert message_of(RunError, open_runs, folder.parent) == (
        f"{folder.parent}: not a run folder; it has no run.yaml."
    )
    for held, (file, one) in enumerate((("folds.json", "fold-1"), ("ensemble.json", "member-1"))):
        several = tmp_path / str(held)
        several.mkdir()
        (several / file).write_text("{}")
        text = f"{several}: holds several runs; name one of them, such as {several / one}."
        assert message_of(RunError, st.Run, several) == text
    (folder.parent / "folds.json").write_text("{}")
    assert message_of(RunError, open_runs, folder.parent) == (
        f"{folder.parent}: holds several runs; name one of them, such as {folder.parent / 'fold-1'}."
    )


def test_members_that_are_there_are_kept(folder):
    steps = []
    before = {path: path.read_bytes() for path in folder.rglob("model.safetensors")}

    def show(event):
        steps.extend([event] if isinstance(event, StepDone) else [])

    st.fit_ensemble(tiny(), toy_source(), 3, bagging=True, out=folder, config=CONFIG, on_event=show)
    assert steps == []
    assert {path: path.read_bytes() for path in folder.rglob("model.safetensors")} == before
    text = message_of(RunError, st.fit_ensemble, tiny(), toy_source(), 3, out=folder, config=CONFIG)
    assert text.startswith(f"{folder}: was begun with bagging=True, not False;")


def test_data_that_has_changed_is_told(folder, tmp_path):
    config = json.loads((folder / "ensemble.json").read_text())
    st.fit_ensemble("lenet5", "digits", 1, out=tmp_path / "d", epochs=0.05, device="cpu")
    file = tmp_path / "d" / "ensemble.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"fingerprint": config["fingerprint"]}))
    assert message_of(DataError, st.Ensemble(tmp_path / "d").evaluate).startswith(
        "digits has changed since the run was trained on it;"
    )
    assert st.Ensemble(tmp_path / "d").evaluate("val", "digits").together.images == 289


@pytest.mark.parametrize(
    "members",
    [
        pytest.param(["../ensemble/member-1"], id="up"),
        pytest.param([".."], id="parent"),
        pytest.param(["/etc"], id="absolute"),
        pytest.param(["member-1/../member-1"], id="around"),
        pytest.param(["member-1", "member-1"], id="twice"),
        pytest.param([], id="none"),
        pytest.param([1], id="number"),
        pytest.param("member-1", id="text"),
        pytest.param([f"m{i}" for i in range(1001)], id="many"),
        pytest.param(None, id="null"),
    ],
)
def test_members_are_children_of_the_folder(folder, tmp_path, members):
    path = tmp_path / "ensemble"
    path.mkdir()
    data = json.loads((folder / "ensemble.json").read_text()) | {"members": members}
    (path / "ensemble.json").write_text(json.dumps(data))
    assert message_of(RunError, st.Ensemble, path) == (
        f"{path / 'ensemble.json'}: is damaged; it must name data, fingerprint and members, folders beside it, each "
        "once."
    )


def test_links_are_not_followed(folder, tmp_path):
    path = tmp_path / "ensemble"
    path.mkdir()
    (path / "ensemble.json").write_text((folder / "ensemble.json").read_text())
    (path / "member-1").symlink_to(folder / "member-1")
    assert message_of(RunError, st.Ensemble, path) == (
        f"{path / 'member-1'}: is a link, and a member must lie in the folder itself."
    )
    (path / "member-1").unlink()
    assert message_of(RunError, st.Ensemble, path).startswith(
        f"{path}: member-1, member-2, member-3 are missing. The command that began it, given again with --out {path} "
    )
    assert message_of(RunError, st.Ensemble, tmp_path) == (
        f"{tmp_path}: not a folder of members; it has no ensemble.json."
    )


@pytest.mark.parametrize("k", [0, -1, True, 2.0, 1001], ids=repr)
def test_a_bad_number_of_members(tmp_path, k):
    text = message_of(ConfigError, st.fit_ensemble, tiny(), toy_source(), k, out=tmp_path / "e")
    assert text == f"members={k!r}: must be a whole number, 1 to 1000."


def test_modules_of_your_own_are_refused(tmp_path):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    text = message_of(ConfigError, st.fit_ensemble, module, toy_source(), 2, out=tmp_path / "e")
    assert text == (
        "network='Sequential': must be a description or a name, so that every member has weights of its own; see "
        "striate.Network."
    )
    assert files_below(tmp_path) == []
