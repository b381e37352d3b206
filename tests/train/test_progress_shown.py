"""The progress of a run on stderr: a bar on a terminal, elsewhere a line after a long silence."""

import io
import sys

import pytest

from striate.train import Finished, ProgressBar, Resumed, Started, StepDone, Validated

STARTED = {
    "run": "runs/x-1",
    "network": "x",
    "params": 10,
    "device": "cpu",
    "threads": 1,
    "plan": "fp32, contiguous, 1 thread",
    "steps": 1000,
    "epochs": 10.0,
    "sizes": {"train": 1600, "val": 100},
}


class Clock:
    """Seconds that grow when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def done(step, seconds=0.02, loss=0.5):
    return StepDone(step=step, epoch=step / 100, loss=loss, lr=0.1, images_per_second=16 / seconds)


def measured(step):
    return Validated(step=step, epoch=step / 100, loss=0.4, accuracy=0.75, best=True)


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_nothing_is_said_while_epochs_are_short(capsys):
    """One of 29 seconds each ends with a validation, which the command tells of itself."""
    clock = Clock()
    with ProgressBar(clock) as bar:
        bar.show(Started(**STARTED))
        for step in range(1, 1001):
            clock.now += 0.29
            bar.show(done(step))
            if step % 100 == 0:
                bar.show(measured(step))
    assert lines(capsys) == []


def test_a_line_after_half_a_minute_of_silence(capsys):
    clock = Clock()
    with ProgressBar(clock) as bar:
        bar.show(Started(**STARTED))
        bar.show(measured(0))
        for step in range(1, 201):
            clock.now += 0.5
            bar.show(done(step, loss=step))
    # 60 steps of 0.5 s to each line; 940 steps are left after the first, at 0.5 s each.
    assert lines(capsys) == [
        "step 60 of 1,000, epoch 1 of 10, 800 images/s, loss 35.5000, val 75.00%, 7:50 left",
        "step 120 of 1,000, epoch 2 of 10, 800 images/s, loss 95.5000, val 75.00%, 7:20 left",
        "step 180 of 1,000, epoch 2 of 10, 800 images/s, loss 155.5000, val 75.00%, 6:50 left",
    ]


def test_images_per_second_over_the_steps_of_late(capsys):
    """Of 50 steps, 49 of which took 0.01 s and one 0.51 s: 800 images in one second; older ones do not count."""
    clock = Clock()
    with ProgressBar(clock) as bar:
        bar.show(Started(**STARTED))
        for step in range(1, 51):
            bar.show(done(step, seconds=9.0))
        for step in range(51, 100):
            bar.show(done(step, seconds=0.01))
        clock.now += 31
        bar.show(done(100, seconds=0.51))
    (line,) = lines(capsys)
    assert ", 800 images/s, " in line


def test_a_resumed_run_is_as_far_as_it_was(capsys):
    """What is left follows from the steps since: 10 in 40 s, and 490 more."""
    clock = Clock()
    with ProgressBar(clock) as bar:
        bar.show(Resumed(**STARTED, step=500, epoch=5.0))
        for step in range(501, 511):
            clock.now += 4
            bar.show(done(step))
    (line,) = lines(capsys)
    assert line.startswith("step 508 of 1,000, epoch 6 of 10")
    assert line.endswith(", 32:48 left")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("columns", ["80", "120"])
def test_a_bar_on_a_terminal(columns, monkeypatch):
    terminal, clock = Terminal(), Clock()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    with ProgressBar(clock) as bar:
        bar.show(Started(**STARTED))
        for step in range(1, 251):
            clock.now += 5
            bar.show(done(step, loss=2.0))
        bar.show(measured(250))
    shown = terminal.getvalue()
    for words in ("3 of 10", "250/1000", "800 images/s", "loss 2.0000", "val 75.00%", "1:02:30 left"):
        assert words in shown, shown[-400:]


def test_a_bar_is_gone_when_the_run_is_finished(monkeypatch):
    """Before the reader is closed: a signal may end the process first, and the cursor would stay hidden."""
    bar = ProgressBar()
    stopped = []
    monkeypatch.setattr(bar._display, "stop", lambda: stopped.append(True))
    end = {"run": "runs/x-1", "step": 3, "reason": "interrupted", "seconds": 1.0}
    bar.show(Finished(**end, best_accuracy=None, best_step=None))
    assert stopped == [True]
