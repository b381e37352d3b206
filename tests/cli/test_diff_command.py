"""``striate diff`` on small runs."""

import json

import pytest
from toys import message_of, toy_source, trained

import striate as st
from striate.errors import RunError


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs on the digits' like, written as an image folder."""
    root = tmp_path_factory.mktemp("runs")
    source = toy_source()
    for split, targets in source.targets.items():
        for number, target in enumerate(targets):
            path = root / "set" / split / source.class_names[target] / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            source.image(split, number).save(path)
    trained(root / "a", data=root / "set", epochs=6.0, lr=0.01)
    trained(root / "b", data=root / "set", epochs=1.0, lr=0.001, optimizer="sgd")
    return root / "a", root / "b"


def test_diff(striate, runs):
    report = st.diff(*runs)
    done = striate("diff", *runs)
    assert (done.status, done.err, done.out) == (0, "", f"{report}\n")
    assert report.answers.changed
    assert "  optimizer.name  adamw → sgd\n" in done.out
    name = runs[0].parent / "set" / "test"
    assert str(name) in report.answers.examples[0].name


def test_json(striate, runs):
    done = striate("diff", *runs, "--json", "--top", 2, "--split", "val", "--data", runs[0].parent / "set")
    data = json.loads(done.out)
    assert list(data) == [
        "schema", "runs", "same", "configuration", "network", "preprocessing", "augmentation", "data",
        "environment", "results", "steps", "answers", "remarks",
    ]  # fmt: skip
    assert data["runs"] == [str(run) for run in runs]
    assert {"path": "epochs", "first": 6.0, "second": 1.0} in data["configuration"]
    assert data["steps"]["counts"] == [18, 3]
    assert data["steps"]["only_first"] == [[4, 18]]
    assert data["steps"]["diverged"]["step"] == 1
    assert (data["answers"]["split"], data["answers"]["images"]) == ("val", 24)
    assert len(data["answers"]["examples"]) <= 2


def test_a_run_and_itself(striate, runs):
    done = striate("diff", runs[0], runs[0])
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith("\n\nNo difference.\n")


def test_without_predictions(striate, runs):
    done = striate("diff", *runs, "--no-predictions", "--json")
    assert json.loads(done.out)["answers"] is None
    assert "predictions" not in striate("diff", *runs, "--no-predictions").out


def test_failures(striate, failure, runs, tmp_path):
    missing = tmp_path / "no"
    assert failure("diff", runs[0], missing) == f"{missing}: no such run folder."
    assert failure("diff", tmp_path, runs[0]) == message_of(RunError, st.Run, tmp_path)
    assert failure("diff", *runs, "--top", -1) == "--top -1: must be a whole number of at least 0."
    assert failure("diff", *runs, "--split", "holdout").startswith(
        f"folder:{runs[0].parent / 'set'} has no split"
    )
    assert failure("diff", *runs, "--data", missing) == f"no data called '{missing}': no such file or folder."
    assert failure("diff", *runs, "--device", "gpu").startswith("--device 'gpu': must be auto or a device")
    assert striate("diff", runs[0]).status == 2
    assert striate("diff", runs[0]).err == "striate: missing RUN. striate diff --help shows an example.\n"


def test_a_damaged_log(failure, runs, tmp_path):
    (tmp_path / "copy").mkdir()
    for file in ("run.yaml", "model.safetensors"):
        (tmp_path / "copy" / file).write_bytes((runs[0] / file).read_bytes())
    log = tmp_path / "copy" / "events.jsonl"
    log.write_text("{}\n")
    assert failure("diff", runs[0], tmp_path / "copy") == f"{log}: line 1 is no event; the log is damaged."
