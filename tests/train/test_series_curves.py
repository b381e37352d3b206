"""Curves of several runs one upon the other, and which of several runs are done."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from toys import message_of, quick, tiny, toy_source, trained

import striate as st
from striate.errors import RunError
from striate.train import RunFolder
from striate.train.several.series_folder import SeriesFolder, is_done, series_of
from striate.train.summary.history import Measured
from striate.train.summary.overlay import common_rate, overlaid
from striate.train.summary.series import Entry


def entry(name, losses, *, epochs=None, done=True, step=0.01):
    """Return a run that was validated at ``epochs``, by default 1, 2, …, was best at the last, and took such steps."""
    places = epochs or [i + 1.0 for i in range(len(losses))]
    measured = [
        Measured(step=i, epoch=place, loss=loss, accuracy=1 - loss, best=i == len(losses) - 1)
        for i, (place, loss) in enumerate(zip(places, losses, strict=True))
    ]
    best = measured[-1] if measured else None
    planned = {"planned_steps": 100, "planned_epochs": 100 * step}
    history = SimpleNamespace(validations=measured, best=best, **planned)
    return Entry(name=name, done=done, summary=SimpleNamespace(history=history))


def test_the_mean_is_of_the_runs_that_are_done():
    held = overlaid(
        [
            entry("a", [0.5, 0.3, 0.1]),
            entry("b", [0.7, 0.5, 0.2], epochs=[1.02, 2.04, 3.0]),
            entry("c", [9.0], done=False),
            Entry(name="d", done=False, summary=None),
            entry("e", [], done=True),
        ],
        "loss",
    )
    assert held.names == ["a", "b", "c"]
    assert held.mean[0] == pytest.approx([1.01, 2.02, 3.0])
    assert held.mean[1] == pytest.approx([0.6, 0.4, 0.15])
    assert held.kept == [(3.0, 0.1), (3.0, 0.2), (1.0, 9.0)]


@pytest.mark.parametrize(
    ("second", "epochs", "length"),
    [
        pytest.param([0.7, 0.5], None, 2, id="stopped-early"),
        pytest.param([0.7, 0.5, float("nan")], None, 2, id="not-a-number"),
        pytest.param([0.7, 0.5, 0.3], [1.0, 2.0, 2.5], 2, id="elsewhere-at-last"),
        pytest.param([0.7, 0.5, 0.3], [0.5, 1.0, 1.5], None, id="elsewhere"),
        pytest.param([0.7], None, None, id="a-point"),
    ],
)
def test_the_mean_goes_as_far_as_epochs_coincide(second, epochs, length):
    held = overlaid([entry("a", [0.5, 0.3, 0.1]), entry("b", second, epochs=epochs)], "accuracy")
    if length is None:
        assert held.mean is None
    else:
        assert held.mean[1] == pytest.approx([0.4, 0.6, 0.8][:length])


def test_epochs_that_end_a_step_later_coincide():
    """Of 61 images and of 62, an epoch of steps of 16 ends at different places."""
    places = [1.05, 2.1], [1.29, 2.06]
    pair = [
        entry(name, [0.5, 0.3], epochs=epochs, step=0.26) for name, epochs in zip("ab", places, strict=True)
    ]
    assert overlaid(pair, "loss").mean[0] == pytest.approx([1.17, 2.08])


def test_one_run_has_no_mean():
    assert overlaid([entry("a", [0.5, 0.3])], "loss").mean is None


def rates(values, epochs):
    places = np.linspace(epochs / len(values), epochs, len(values))
    return SimpleNamespace(steps=len(values), epochs=places, rates=np.asarray(values))


def test_rates_that_are_alike():
    cosine = 0.5 * (1 + np.cos(np.linspace(0, np.pi, 100)))
    longer = 0.5 * (1 + np.cos(np.linspace(0, np.pi, 101)))  # a step more an epoch
    whole = rates(cosine, 5.0)
    assert common_rate([rates(cosine[:50], 2.5), whole, rates(longer, 5.0)]) is whole
    assert common_rate([whole, rates(2 * cosine, 5.0)]) is None
    assert common_rate([whole, rates([float("nan")] * 100, 5.0)]) is None
    assert common_rate([SimpleNamespace(steps=0)]) is None


def test_which_runs_are_done(tmp_path):
    trained(tmp_path / "run")
    log = tmp_path / "run" / "events.jsonl"
    assert is_done(tmp_path / "run")
    lines = log.read_text().splitlines()
    last = json.loads(lines[-1])
    log.write_text("\n".join([*lines[:-1], json.dumps(last | {"reason": "interrupted"})]) + "\n")
    assert not is_done(tmp_path / "run")
    log.write_text("\n".join(lines[:-1]) + "\n")
    assert is_done(tmp_path / "run")  # all its steps are done; it was killed before it could say so
    log.write_text("".join(f"{line}\n" for line in lines[:-1]).replace('"steps": 6', '"steps": 7'))
    assert not is_done(tmp_path / "run")
    log.unlink()
    assert is_done(tmp_path / "run")  # its weights are there
    (tmp_path / "run" / "model.safetensors").unlink()
    assert not is_done(tmp_path / "run")


def cut_short(run):
    """Leave of a run what it was before its weights were kept."""
    (run / "model.safetensors").unlink()
    log = run / "events.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))


def test_an_ensemble_names_the_members_that_it_lacks(tmp_path):
    path = tmp_path / "e"
    st.fit_ensemble(tiny(), toy_source(), 3, out=path, config=quick(epochs=0.4))
    assert series_of(RunFolder.open(path / "member-2")).names == ("member-1", "member-2", "member-3")
    cut_short(path / "member-2")
    (path / "member-3").rename(tmp_path / "away")
    assert series_of(RunFolder.open(tmp_path / "away")) is None
    assert message_of(RunError, st.Ensemble, path) == (
        f"{path}: member-2 is unfinished; member-3 is missing. The command that began it, given again with --out "
        f"{path} (out=…), goes on there."
    )
    assert SeriesFolder.open(path).missing == ["member-3"]
    again = st.fit_ensemble(tiny(), toy_source(), 3, out=path, config=quick(epochs=0.4))
    assert len(again.members) == 3  # as it said
