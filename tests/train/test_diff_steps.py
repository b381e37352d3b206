"""Where two runs part, of event logs written by hand."""

import json

from diff_runs import compared, pairs, step, steps, whole_log, write_log, written
from toys import message_of, trained

import striate as st
from striate.errors import RunError
from striate.train.differences import history


def test_the_first_step_that_differs(tmp_path):
    later = whole_log()
    assert later[5]["step"] == 4
    later[5]["loss"] += 2**-52
    later[7]["loss"] = 0.75
    report = compared(tmp_path, {}, {"events": later})
    assert json.loads(json.dumps(report.steps.to_data())) == {
        "counts": [6, 6],
        "only_first": [],
        "only_second": [],
        "diverged": {"step": 4, "losses": [1.0, 1.0 + 2**-52], "gap": 2**-52, "lrs": [0.01, 0.01]},
        "end": {"step": 6, "losses": [0.25, 0.75], "gap": 0.5, "lrs": [0.01, 0.01]},
    }
    assert (
        "the first that differs is step 4: loss 1.0 and 1.0000000000000002, 2.22e-16 apart; lr 0.01"
        in str(report)
    )
    assert "the last that both have done is step 6: loss 0.25 and 0.75, 0.5 apart; lr 0.01" in str(report)


def test_a_learning_rate_that_differs(tmp_path):
    report = compared(
        tmp_path, {"events": [step(1, 0.5), step(2, 0.5, 0.1)]}, {"events": [step(1, 0.5), step(2, 0.5, 0.2)]}
    )
    assert (report.steps.diverged.step, report.steps.diverged.gap) == (2, 0.0)
    assert report.steps.diverged.lrs == (0.1, 0.2)
    assert "  the first that differs is step 2: loss 0.5; lr 0.1 and 0.2\n" in str(report)


def test_losses_that_are_no_numbers(tmp_path):
    nan, inf = float("nan"), float("inf")
    report = compared(tmp_path, {"events": steps((nan, inf))}, {"events": steps((nan, 1.0))})
    assert report.steps.diverged.step == 2
    assert report.steps.diverged.to_data() == {
        "step": 2, "losses": [None, 1.0], "gap": None, "lrs": [0.01, 0.01],
    }  # fmt: skip
    json.dumps(report.to_data(), allow_nan=False)


def test_steps_that_one_alone_has(tmp_path):
    first = [step(n, 1.0) for n in (1, 2, 4, 7, 8, 9)]
    report = compared(tmp_path, {"events": first}, {"events": steps((1.0,) * 7)})
    assert report.steps.only_first == ((8, 9),)
    assert report.steps.only_second == ((3, 3), (5, 6))
    assert (report.steps.diverged, report.steps.end.step) == (None, 7)
    assert str(report).splitlines()[3:7] == [
        "steps",
        "  only the first has done steps 8 to 9",
        "  only the second has done steps 3, 5 to 6",
        "  the steps that both have done are the same",
    ]


def test_runs_without_a_common_step(tmp_path):
    report = compared(tmp_path, {"events": []}, {"events": steps()})
    assert (report.steps.counts, report.steps.end) == ((0, 6), None)
    assert "they have no step in common" in str(report)


def test_results(tmp_path):
    short = [*whole_log()[:4], {"event": "Finished", "reason": "interrupted"}]
    report = compared(tmp_path, {}, {"events": short})
    assert pairs(report.results) == [
        ("ended", "completed", "interrupted"),
        ("best_accuracy", 0.75, None),
        ("best_step", 3, None),
        ("last_accuracy", 0.5, None),
    ]


def test_a_resumed_run_is_as_one_that_went_through(tmp_path):
    whole = whole_log()
    resumed = [
        *whole[:4],
        {"event": "Finished", "reason": "interrupted"},
        {"event": "Resumed", "step": 3, "device": "cpu"},
        *whole[4:],
    ]
    assert compared(tmp_path, {}, {"events": resumed}).same
    on_its_way = written(tmp_path / "c", events=resumed[:-2])
    report = st.diff(tmp_path / "a", on_its_way.path, predictions=False)
    assert pairs(report.results)[0] == ("ended", "completed", None)


def test_a_log_that_is_damaged(tmp_path, monkeypatch):
    a, b = written(tmp_path / "a"), written(tmp_path / "b")
    log = b.path / "events.jsonl"
    for broken in ({"loss": "1"}, {"step": None}, {"lr": [1]}, {"loss": 10**400}):
        write_log(b.path, [step(1, 1.0) | broken])
        assert message_of(RunError, st.diff, a.path, b.path) == (
            f"{log}: a step has no number, loss or learning rate; the log is damaged."
        )
    write_log(b.path, steps())
    with monkeypatch.context() as patched:
        patched.setattr(history, "_MOST_STEPS", 5)
        assert message_of(RunError, st.diff, b.path, b.path) == (
            f"{log}: has more than 5 steps, too many to compare."
        )
    log.unlink()
    assert message_of(RunError, st.diff, a.path, b.path) == f"{log}: no such event log; every run has one."


def test_the_losses_are_those_of_the_events(tmp_path):
    events = trained(tmp_path / "a")
    trained(tmp_path / "b", seed=1)
    report = st.diff(tmp_path / "a", tmp_path / "b", predictions=False)
    losses = [event.loss for event in events if type(event).__name__ == "StepDone"]
    assert report.steps.counts == (len(losses), len(losses)) == (6, 6)
    assert (report.steps.diverged.step, report.steps.diverged.losses[0]) == (1, losses[0])
    assert (report.steps.end.step, report.steps.end.losses[0]) == (6, losses[-1])
