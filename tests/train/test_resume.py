"""A run goes on from where it was, to the same bits, or says in one message why not."""

import errno
import json
import shutil
import sys

import numpy as np
import pytest
import torch
import yaml
from cut_runs import OPTIONS, STEPS, begun, files, last, rows
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toys import NAMES, message_of, quick, stripes, tiny, toy_source, write_split_folder

import striate as st
from striate.data import ArraySource
from striate.errors import ConfigError, DataError, RunError, WeightsError
from striate.nn import build, weights
from striate.train import Finished, Resumed, RunFolder, StepDone, resume, train
from striate.train.config import TrainConfig
from striate.train.keeping.checkpoint import Checkpoint, Progress, Score, _checksum, read_progress


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "muon", "lr": 0.01},
        {"optimizer": "nadam", "schedule": "plateau", "plateau": 1, "lookahead": 2},
        {"optimizer": "lars", "swa": 0.5, "ema": None},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "schedule": "one-cycle"},
        {"optimizer": "adadelta", "gradient_noise": 0.1, "max_norm": 1.0},
        {"optimizer": "rmsprop", "sampling": "balanced", "keep_best": 3},
        {"optimizer": "radam", "precision": "bf16", "l1": 1e-4},
        {"optimizer": "adagrad", "lr": 0.002, "patience": 1},
        {"optimizer": "adam", "preprocess": "zca", "init": "lsuv"},
    ],
    ids=lambda options: options.get("optimizer", "adamw"),
)
def test_a_run_that_was_cut_short_ends_as_one_that_was_not(tmp_path, options):
    whole = begun(tmp_path / "whole", STEPS + 1, **options)
    end = len(rows(whole, "StepDone"))
    for steps in (1, 3, 5):
        cut = begun(tmp_path / f"cut-{steps}", steps, **options)
        if steps == 1:  # twice
            events = resume(cut, toy_source())
            next(e for e in events if isinstance(e, StepDone))
            events.throw(KeyboardInterrupt())
            list(events)
        events = list(resume(cut, toy_source()))
        assert isinstance(events[0], Resumed)
        assert (events[0].step, events[-1].step) == (max(steps, 2), end)
        assert files(cut) == files(whole)
        for kind in ("StepDone", "Validated", "Inspected"):
            assert rows(cut, kind) == rows(whole, kind)
        assert rows(cut, "Finished")[-1] == rows(whole, "Finished")[-1]


class Odd(torch.nn.Module):
    """A module with what few have: a scalar in float64, a buffer that is not among its weights, windows of 3 axes."""

    def __init__(self):
        super().__init__()
        self.inner = build(tiny(), seed=2)
        self.scale = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))
        self.deep = torch.nn.Conv3d(1, 1, 1)
        self.register_buffer("seen", torch.zeros(()), persistent=False)

    def forward(self, x):
        if self.training:
            self.seen += 1
        return self.inner(self.deep(x[:, :, None])[:, :, 0] * self.scale.float()) + 0.01 * self.seen


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("optimizer", ["adamw", "nadam", "sgd"])
def test_an_odd_module(tmp_path, optimizer, precision):
    options = {"optimizer": optimizer, "precision": precision, "ema": None}
    whole = begun(tmp_path / "whole", STEPS + 1, Odd(), **options)
    cut = begun(tmp_path / "cut", 5, Odd(), **options)
    list(resume(cut, toy_source(), module=Odd()))
    assert files(cut) == files(whole)


class Talking(torch.nn.Linear):
    def get_extra_state(self):
        return {"words": 3}


def test_a_state_that_is_no_tensor(tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), Talking(64, 3))
    assert message_of(ConfigError, train, module, toy_source(), quick(), tmp_path / "run") == (
        "the state of the module holds 1._extra_state, a dict, and checkpoints hold tensors alone; make it a buffer, "
        "or leave it out of get_extra_state."
    )


def test_options_that_do_not_fit_make_no_folder(tmp_path):
    config = quick(optimizer="adam", nesterov=True)
    with pytest.raises(ConfigError, match="nesterov=True"):
        train(tiny(), toy_source(), config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["Validated", "Checkpointed"])
def test_an_interrupt_amid_the_end_of_an_epoch_leaves_nothing_untold(tmp_path, kind):
    whole = begun(tmp_path / "whole", STEPS + 1)
    events = train(tiny(), toy_source(), quick(**OPTIONS), tmp_path / "cut")
    next(e for e in events if type(e).__name__ == kind and getattr(e, "which", "best") == "best")
    events.throw(KeyboardInterrupt())
    list(events)
    list(resume(tmp_path / "cut", toy_source()))
    best = [[e for e in rows(p, "Checkpointed") if e["which"] == "best"] for p in (tmp_path / "cut", whole)]
    assert best[0] == best[1]
    assert rows(tmp_path / "cut", "Validated") == rows(whole, "Validated")


@pytest.mark.parametrize("kept", [1, 2])
def test_of_a_damaged_best_the_rest_is_kept(tmp_path, kept):
    path = begun(tmp_path / "run", STEPS + 1, keep_best=kept)
    wanted = files(path)["model.safetensors"]
    (path / "model.safetensors").unlink()
    spoiled(last(path, "best"), "tensor")
    end = list(resume(path, toy_source()))[-1]
    if kept == 1:
        assert end.notes == (
            f"{last(path, 'best')}: damaged: its contents are not those of its checksum. The newest weights are kept.",
        )
    else:
        assert end.notes == ()
        assert (path / "model.safetensors").read_bytes() == wanted


@pytest.mark.parametrize("progress", [{"step": -1, "scores": []}, {"step": "x", "scores": []}, {"step": 3}])
def test_counters_that_are_none(tmp_path, progress):
    path = begun(tmp_path / "run", 5)
    state = Checkpoint.read(last(path))
    counters = {"schema": 2, "progress": progress, "groups": state.groups}
    counters["sha256"] = _checksum(counters, state.tensors)
    weights.write_tensors(dict(state.tensors), last(path), {"striate": json.dumps(counters)})
    assert message_of(RunError, Checkpoint.read, last(path)).startswith(f"{last(path)}: not a checkpoint, or")


def test_a_checkpoint_of_more_steps_than_there_are(tmp_path):
    path = begun(tmp_path / "run", 5)
    state = Checkpoint.read(last(path))
    Checkpoint(Progress(10**9), state.tensors, state.groups).write(last(path))
    text = message_of(RunError, resume, path, toy_source())
    assert text == f"{path}: its checkpoint is of step 1,000,000,000 of 12."


EDITED = {  # a path into run.yaml, what is put there, and what is told
    "training optimizer lr": (0.003, "it says optimizer.lr=0.003, and the run was trained with 0.002"),
    "training averaging ema": (None, "it says averaging.ema=null, and the run was trained with 0.8"),
    "training schedule name": (
        "constant",
        'it says schedule.name="constant", and the run was trained with "cosine"',
    ),
    "training optimizer betas": (
        [0.9, 0.9],
        "it says optimizer.betas=[0.9, 0.9], and the run was trained with [0.9, 0.999]",
    ),
    "plan precision": ("bf16", 'it says plan.precision="bf16", and the run was trained with "fp32"'),
    "network body 1": ("Tanh", "its network is another one"),
    "network body 0 Conv out_channels": (5, "its network is another one"),
    "preprocess steps 0 standardize mean 0": (0.5, "its preprocess is another one"),
}


@pytest.mark.parametrize("place", EDITED)
def test_a_run_yaml_that_was_edited(tmp_path, place):
    path = begun(tmp_path / "run", 5)
    text = (path / "run.yaml").read_text()
    data = yaml.safe_load(text)
    new, what = EDITED[place]
    *outer, key = [int(word) if word.isdigit() else word for word in place.split()]
    part = data
    for word in outer:
        part = part[word]
    assert part[key] != new
    part[key] = new
    (path / "run.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    before = files(path)
    assert message_of(RunError, resume, path, toy_source()) == (
        f"{path}: its run.yaml has changed since its checkpoint was written: {what}. A run goes on as it began; "
        "put that back, or train anew."
    )
    assert files(path) == before
    (path / "run.yaml").write_text(text)
    assert isinstance(list(resume(path, toy_source()))[-1], Finished)


class First(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(64, 3))


class Moved(First):
    """The same module under another name."""


def test_a_module_whose_class_was_moved_goes_on_again_and_again(tmp_path):
    whole = begun(tmp_path / "whole", STEPS + 1, First())
    path = begun(tmp_path / "run", 3, First())
    events = resume(path, toy_source(), module=Moved())
    next(e for e in events if isinstance(e, StepDone))
    events.throw(KeyboardInterrupt())
    list(events)
    list(resume(path, toy_source(), module=First()))
    assert files(path) == files(whole)


def test_a_checkpoint_that_does_not_say_what_it_was_made_of(tmp_path):
    path = begun(tmp_path / "run", 5)
    state = Checkpoint.read(last(path))
    assert state.made["optimizer.lr"] == 0.002
    Checkpoint(state.progress, state.tensors, state.groups).write(last(path))
    assert isinstance(list(resume(path, toy_source()))[-1], Finished)


def test_other_versions_are_told(tmp_path):
    path = begun(tmp_path / "run", 5)
    text = (path / "run.yaml").read_text()
    (path / "run.yaml").write_text(text.replace(torch.__version__, "1.0.0"))
    (note,) = next(resume(path, toy_source())).notes
    assert note == "the run began with torch 1.0.0, so what is left of it may differ in the last bits"


def test_a_run_that_is_complete_is_left_as_it_is(tmp_path):
    path = begun(tmp_path / "run", STEPS + 1)
    before = files(path), (path / "events.jsonl").read_bytes()
    (end,) = resume(path, toy_source())
    assert isinstance(end, Finished)
    assert (end.step, end.reason, end.seconds) == (STEPS, "completed", 0.0)
    assert (files(path), (path / "events.jsonl").read_bytes()) == before


def test_one_that_had_not_begun_begins(tmp_path):
    whole = begun(tmp_path / "whole", STEPS + 1)
    fresh = RunFolder.create(tmp_path / "fresh", RunFolder.open(whole).record).path
    events = list(resume(fresh, toy_source()))
    assert isinstance(events[0], Resumed)
    assert events[0].step == 0
    assert files(fresh) == files(whole)


def test_a_module_of_ones_own(tmp_path):
    whole = begun(tmp_path / "whole", STEPS + 1, build(tiny(), seed=4))
    cut = begun(tmp_path / "cut", 5, build(tiny(), seed=4))
    assert message_of(RunError, resume, cut, toy_source()) == (
        f"{cut}: trained a module of your own (torch.nn.modules.container.Sequential), which the run folder cannot "
        f"rebuild; go on with it from Python: striate.resume({str(cut)!r}, module=…)."
    ).replace("torch.nn.modules.container.Sequential", RunFolder.open(cut).record.module)
    other = build(tiny(), seed=4)
    other.conv = torch.nn.Conv2d(1, 5, 3)
    other.head = torch.nn.Linear(45, 3)
    text = message_of(WeightsError, resume, cut, toy_source(), module=other)
    assert "does not fit the module. of another shape: conv.weight (4, 1, 3, 3) where" in text
    run = st.resume(cut, toy_source(), module=build(tiny(), seed=9))  # whose weights do not matter
    assert files(cut) == files(whole)
    assert run.path == cut
    described = begun(tmp_path / "described", 5)
    assert message_of(RunError, resume, described, toy_source(), module=other) == (
        f"{described}: trained the network 'tiny'; leave out module."
    )


def spoiled(path, how):
    data = bytearray(path.read_bytes())
    header = int.from_bytes(data[:8], "little")
    if how == "cut":
        del data[len(data) // 2 :]
    elif how == "empty":
        data.clear()
    elif how == "counters":
        at = data.index(b"accuracy") if b"accuracy" in data[:header] else data.index(b'step\\"') + 8
        data[at] ^= 1
    elif how == "checksum":
        at = data.index(b"sha256") + 12
        data[at] = ord("0") if data[at] != ord("0") else ord("1")
    elif how == "tensor":
        data[-5] ^= 64
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("how", ["cut", "empty", "counters", "checksum", "tensor"])
def test_of_a_damaged_checkpoint_the_one_before_is_used(tmp_path, how):
    whole = begun(tmp_path / "whole", STEPS + 1)
    path = begun(tmp_path / "run", 7)
    assert read_progress(last(path)).step == 7
    assert read_progress(last(path, "before")).step == 6
    spoiled(last(path), how)
    text = message_of(RunError, Checkpoint.read, last(path))
    assert text.startswith(f"{last(path)}: ")
    going = resume(path, toy_source())
    first = next(going)
    assert first.step == 6
    assert first.notes == (f"{text} The checkpoint before it is used.",)
    assert not last(path).exists(), "or it would take the place of the good one"
    assert read_progress(last(path, "before")).step == 6
    list(going)
    assert files(path) == files(whole)
    assert rows(path, "StepDone") == rows(whole, "StepDone")


@pytest.mark.parametrize("offset", range(0, 4096, 97))
def test_no_bit_flips_unseen(tmp_path, offset):
    module = build(tiny(), seed=0)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    path = tmp_path / "checkpoint.safetensors"
    Checkpoint.of(Progress(3, (Score(3, 0.5, 1.25),)), module, optimizer).write(path)
    data = bytearray(path.read_bytes())
    data[offset % len(data)] ^= 1 << offset % 8
    path.write_bytes(bytes(data))
    try:
        state = Checkpoint.read(path)
    except RunError:
        return
    # What is left are bits that say nothing: spaces that fill up the header.
    assert state.progress == Progress(3, (Score(3, 0.5, 1.25),))
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in state.part("model/").items())
    assert data[offset % len(data)] in b"\x00\x21\x22\x24\x28\x30\x60\xa0"


def test_with_none_whole_there_is_nothing_to_go_on_from(tmp_path):
    path = begun(tmp_path / "run", 7)
    spoiled(last(path), "tensor")
    spoiled(last(path, "before"), "cut")
    text = message_of(RunError, resume, path, toy_source())
    assert text.startswith(f"{path}: no checkpoint can be read: {last(path)}: damaged: ")
    assert text.endswith("Train anew.")


def test_a_log_with_half_a_line(tmp_path):
    whole = begun(tmp_path / "whole", STEPS + 1)
    path = begun(tmp_path / "run", 5)
    with (path / "events.jsonl").open("a") as file:
        file.write('{"event": "StepDone", "st')
    list(resume(path, toy_source()))
    assert rows(path, "StepDone") == rows(whole, "StepDone")


def test_tensorboard_shows_each_step_once(tmp_path):
    path = begun(tmp_path / "run", 7)
    spoiled(last(path), "cut")  # so that step 7 is done again
    list(resume(path, toy_source()))
    board = EventAccumulator(str(path / "tensorboard"))
    board.Reload()
    assert [point.step for point in board.Scalars("train/loss")] == list(range(1, STEPS + 1))


def test_tensorboard_lacks_no_step_of_a_run_that_was_killed(tmp_path):
    """What a checkpoint knows of is in its files too, whatever the process had not written yet."""
    events = train(tiny(), toy_source(), quick(**OPTIONS), tmp_path / "run")
    for event in events:
        if isinstance(event, StepDone) and event.step == 8:
            shutil.copytree(tmp_path / "run", tmp_path / "killed")
    list(resume(tmp_path / "killed", toy_source()))
    board = EventAccumulator(str(tmp_path / "killed" / "tensorboard"))
    board.Reload()
    assert [point.step for point in board.Scalars("train/loss")] == list(range(1, STEPS + 1))


def test_data_that_has_changed(tmp_path):
    path = begun(tmp_path / "run", 5)
    counts = {"train": 48, "val": 24, "test": 24}
    made = {split: stripes(count, seed) for seed, (split, count) in enumerate(counts.items())}
    images, targets = ({split: pair[part] for split, pair in made.items()} for part in (0, 1))
    relabelled = {**targets, "val": np.roll(targets["val"], 1)}
    assert toy_source().fingerprint == ArraySource("toy", images, targets, NAMES).fingerprint
    changed = {
        "train had 48 images and has 51, val had 24 images and has 27": toy_source(train=51, val=27),
        "an image or a label is another one, or the test split is": toy_source(test=27),
        "an image or a label is another one, or the test split is ": ArraySource(
            "toy", images, relabelled, NAMES
        ),
        "classes are new: up, classes are gone: left": ArraySource(
            "toy", images, targets, ("up", *NAMES[1:])
        ),
        "the classes are in another order": ArraySource("toy", images, targets, NAMES[::-1]),
    }
    for what, other in changed.items():
        assert message_of(DataError, resume, path, other) == (
            f"toy: is not the data that the run began with, toy, as it was then: {what.strip()}. A run goes on with "
            "the same images and labels alone: bring them back, say where they are now (--data SOURCE, data=…), or "
            "train anew."
        )


def test_data_that_was_moved_is_asked_for(tmp_path):
    folder = write_split_folder(tmp_path / "set", each=8)
    network = tiny(2).with_input((1, 8, 8))
    events = train(network, str(folder), quick(batch_size=8), tmp_path / "run")
    next(e for e in events if isinstance(e, StepDone))
    events.close()
    with pytest.raises(RunError, match="a run is there already; choose another"):
        train(network, str(folder), quick(), tmp_path / "run")
    folder.rename(tmp_path / "moved")
    text = message_of(DataError, resume, tmp_path / "run")
    assert text.endswith(
        f"{folder}: no such folder. If it was moved, say where it is now: --data SOURCE (data=…)."
    )
    run = st.resume(st.Run(tmp_path / "run"), tmp_path / "moved")
    assert read_progress(last(run.path)).step == 4


def test_a_batch_of_more_images_than_there_are_is_told(tmp_path):
    (note,) = next(train(tiny(), toy_source(), quick(batch_size=64), tmp_path / "run")).notes
    assert note == "a batch of 64 is more than the 48 images that train, and shows some of them several times"


def test_folders_that_are_none(tmp_path):
    assert message_of(RunError, resume, tmp_path / "none") == f"{tmp_path / 'none'}: no such run folder."
    assert message_of(RunError, resume, tmp_path) == f"{tmp_path}: not a run folder; it has no run.yaml."


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / "run"
    events = train(tiny(), toy_source(), quick(**OPTIONS), path)
    next(events)
    if sys.platform == "linux":
        message = f"{path}: this process is training in it; take its events to the end, or close them, first."
    else:
        message = f"{path}: another process is training in it; wait until it ends, or end it first."
    assert message_of(RunError, resume, path, toy_source()) == message
    events.close()
    going = resume(path, toy_source())  # and before its first event
    assert message_of(RunError, resume, path, toy_source()) == message
    list(going)
    assert len(list(resume(path, toy_source()))) == 1


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    path = begun(tmp_path / "run", 5)
    before = files(path)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    text = message_of(RunError, resume, path, toy_source())
    assert text == f"{path}: cannot be written: Read-only file system."
    monkeypatch.undo()
    assert files(path) == before


def test_after_a_full_disk_it_goes_on(tmp_path, monkeypatch):
    whole = begun(tmp_path / "whole", STEPS + 1)
    path = tmp_path / "run"
    events = train(tiny(), toy_source(), quick(**OPTIONS), path)
    for event in events:
        if isinstance(event, StepDone) and event.step == 5:
            break

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights, "save_file", full)
    text = message_of(RunError, list, events)
    assert text.endswith(f"The checkpoint of step 4 stays good; with room, --resume {path} goes on from it.")
    monkeypatch.undo()
    list(resume(path, toy_source()))
    assert files(path) == files(whole)
    assert rows(path, "StepDone") == rows(whole, "StepDone")


def test_the_best_few_are_kept(tmp_path):
    path = begun(tmp_path / "run", 25, keep_best=3, epochs=8.0)
    scores = [(e["accuracy"], -e["loss"], -e["step"]) for e in rows(path, "Validated")]
    wanted = {f"step-{-step}" for _, _, step in sorted(scores)[-3:]}
    assert {p.name for p in (path / "checkpoints" / "top").iterdir()} == wanted
    best = max(scores)
    assert read_progress(last(path, "best")).step == -best[2]


def test_what_a_run_says_of_itself():
    progress = Progress(9, (Score(3, 0.5, 1.0), Score(6, 0.75, 2.0), Score(9, 0.75, 1.5)))
    assert progress.best == Score(9, 0.75, 1.5)
    assert (progress.waited, progress.validated) == (0, 9)
    later = Progress(12, (*progress.scores, Score(12, 0.75, 1.5)))
    assert (later.best, later.waited) == (progress.best, 1)
    assert Progress().best is None
    assert TrainConfig().checkpoints.keep_best == 1
