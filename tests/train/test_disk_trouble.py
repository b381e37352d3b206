"""When a run cannot be written, one message says so and what was good stays; nothing half-written is left."""

import errno
import os
from pathlib import Path

import pytest
import torch
from toys import files_below, message_of, quick, tiny, toy_source

from striate.errors import RunError
from striate.nn import weights
from striate.train import Checkpointed, RunFolder, folder, record, train
from striate.train.keeping.checkpoint import model_tensors, read_progress

FULL = OSError(errno.ENOSPC, "No space left on device")


def half_a_file(tensors, path, metadata=None):
    Path(path).write_bytes(b"half a file")
    raise FULL


def no_sync(descriptor):
    raise FULL


def fill_disk(monkeypatch, how):
    if how == "writing":
        monkeypatch.setattr(weights, "save_file", half_a_file)
    else:
        monkeypatch.setattr(os, "fsync", no_sync)


@pytest.mark.parametrize("how", ["writing", "syncing"])
def test_a_checkpoint_that_does_not_fit(tmp_path, monkeypatch, how):
    path = tmp_path / "run"
    events = train(tiny(), toy_source(), quick(epochs=3.0), path)
    for event in events:
        if isinstance(event, Checkpointed) and event.which == "last":
            break
    before = files_below(path)
    last = path / "checkpoints" / "last" / "checkpoint.safetensors"
    kept = model_tensors(last)
    fill_disk(monkeypatch, how)
    text = message_of(RunError, list, events)
    assert text.startswith("could not save a checkpoint at step 6: ")
    assert text.endswith(
        "cannot be written: No space left on device. The checkpoint of step 3 stays good; with room, --resume "
        f"{path} goes on from it."
    )
    assert files_below(path) == before
    assert read_progress(last).step == 3
    assert all(torch.equal(value, kept[name]) for name, value in model_tensors(last).items())
    monkeypatch.undo()
    assert RunFolder.open(path).module().conv.weight.shape == (4, 1, 3, 3)


@pytest.mark.parametrize("how", ["writing", "syncing"])
def test_the_first_checkpoint_does_not_fit(tmp_path, monkeypatch, how):
    path = tmp_path / "run"
    events = train(tiny(), toy_source(), quick(), path)
    next(events)
    fill_disk(monkeypatch, how)
    best = path / "checkpoints" / "best" / "next.safetensors"
    assert message_of(RunError, list, events) == (
        f"could not save a checkpoint at step 3: {best}: cannot be written: No space left on device."
    )
    assert not [name for name in files_below(path) if "safetensors" in name]
    monkeypatch.undo()
    text = message_of(RunError, RunFolder.open(path).module)
    assert text == f"{path}: has no weights; its training ended before the first checkpoint."


def test_the_final_weights_do_not_fit(tmp_path, monkeypatch):
    path = tmp_path / "run"
    events = train(tiny(), toy_source(), quick(epochs=1.0), path)
    for event in events:
        if isinstance(event, Checkpointed) and event.which == "last":
            break
    fill_disk(monkeypatch, "writing")
    assert message_of(RunError, list, events) == (
        f"{path / 'model.safetensors'}: cannot be written: No space left on device. The checkpoints stay good."
    )
    assert not (path / "model.safetensors").exists()
    assert RunFolder.open(path).module().head.weight.shape == (3, 36)


def test_run_yaml_does_not_fit(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "run"
    events = train(tiny(), toy_source(), quick(), path)
    monkeypatch.setattr(folder.os, "fsync", no_sync)
    assert (
        message_of(RunError, next, events) == f"{path}: run.yaml cannot be written: No space left on device."
    )
    assert not path.exists()


def test_a_folder_that_appears_meanwhile_is_not_touched(tmp_path, monkeypatch):
    path = tmp_path / "run"
    events = train(tiny(), toy_source(), quick(), path)
    path.mkdir()
    (path / "precious.txt").write_text("mine")
    monkeypatch.setattr(RunFolder, "check_free", lambda path: None)  # as if it came after the check
    assert message_of(RunError, next, events) == f"{path}: a run folder cannot be made there: File exists."
    assert (path / "precious.txt").read_text() == "mine"


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / "run"
    events = train(tiny(), toy_source(), quick(), path)
    assert (
        message_of(RunError, next, events) == f"{path}: a run folder cannot be made there: Not a directory."
    )


@pytest.mark.parametrize("what", ["file", "link"])
def test_out_that_exists_is_refused_before_the_data_is_read(tmp_path, what):
    path = tmp_path / "run"
    {"file": path.touch, "link": lambda: path.symlink_to("nowhere")}[what]()
    text = message_of(RunError, train, tiny(), "idx:nowhere", quick(), path)
    assert text == f"{path}: already exists; choose another --out (out=…), or remove it."
    assert files_below(tmp_path) == ["run"]


def test_the_log_cannot_be_opened(tmp_path, monkeypatch):
    def refuse(*_):
        raise FULL

    monkeypatch.setattr(record, "RecordWriter", refuse)
    path = tmp_path / "run"
    text = message_of(RunError, list, train(tiny(), toy_source(), quick(), path))
    assert text == f"{path / 'events.jsonl'}: the event log cannot be written: No space left on device."


def test_the_log_cannot_be_written_on(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    path = tmp_path / "run"
    made = RunFolder.create

    def with_full_log(where, what):
        result = made(where, what)
        (where / "events.jsonl").symlink_to("/dev/full")
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "create", with_full_log)
        text = message_of(RunError, list, train(tiny(), toy_source(), quick(), path))
    assert text == f"{path / 'events.jsonl'}: the event log cannot be written: No space left on device."
