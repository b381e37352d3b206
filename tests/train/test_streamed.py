"""Training from shards: the same as from memory in the same order; interrupted, cut off, measured later."""

import math
import sys
import threading

import pytest
import torch
from shard_files import encoded, samples, write_tar
from toys import message_of, quick, tiny, write_image

from striate import Run
from striate.data import Dataset, open_source
from striate.data.shuffling import epoch_order
from striate.errors import DataError, TrainingError
from striate.train import Checkpointed, Finished, StepDone, Validated, train
from striate.train.keeping.checkpoint import read_progress


def shards(root, count=30):
    """Write a set of images of noise, two classes, in shards of ten."""
    for start in range(0, count, 10):
        write_tar(root / f"train-{start // 10}.tar", samples(range(start, start + 10), size=(8, 8)))
    write_tar(root / "val-0.tar", samples(range(100, 110), size=(8, 8)))
    write_tar(root / "test-0.tar", samples(range(200, 206), size=(8, 8)))
    return f"wds:{root}?buffer=6"


def folder(root, count=30):
    """Write the same images as files that sort as they lie in the shards, in each class."""
    for split, seeds in (("train", range(count)), ("val", range(100, 110)), ("test", range(200, 206))):
        for seed in seeds:
            path = root / split / str(seed % 2) / f"{seed:04}.png"
            write_image(path, 0)
            path.write_bytes(encoded(seed, (8, 8)))
    return root


def figures(events):
    """Return what a run tells, without times and places."""
    steps = [(e.step, e.epoch, e.loss, e.lr) for e in events if isinstance(e, StepDone)]
    return steps, [(e.step, e.loss, e.accuracy, e.best) for e in events if isinstance(e, Validated)]


def network():
    return tiny(classes=2, channels=3)


class Ordered(Dataset):
    """Images in memory that are shown as those of ``streamed`` are."""

    def __init__(self, images, targets, streamed):
        super().__init__(images, targets)
        object.__setattr__(self, "streamed", streamed)

    def order(self, seed, epoch):
        return epoch_order(self.streamed.layout, seed, epoch).shown

    def show(self, seed, batch_size, steps):
        for step in steps:
            positions = range(step * batch_size, (step + 1) * batch_size)
            chosen = [self.order(seed, p // len(self))[p % len(self)] for p in positions]
            yield self.images[torch.tensor(chosen)]


def test_a_run_on_shards_is_the_run_on_the_same_images_in_memory(tmp_path, monkeypatch):
    place = shards(tmp_path / "shards")
    streamed = list(train(network(), place, quick(lr=0.01, epochs=3.0), tmp_path / "a"))
    prepare = sys.modules["striate.train.prepare"]
    opened, files = prepare.open_split, open_source(folder(tmp_path / "files"))

    def from_files(source, split, shape, **options):
        loaded = opened(files, split, shape, **options)  # class after class
        by_seed = torch.tensor([int(files.record(split, i).data.stem) for i in range(len(loaded))]).argsort()
        return Ordered(
            loaded.images[by_seed], loaded.targets[by_seed], opened(source, split, shape, **options)
        )

    monkeypatch.setattr(prepare, "open_split", from_files)
    held = list(train(network(), place, quick(lr=0.01, epochs=3.0), tmp_path / "b"))
    assert figures(streamed) == figures(held)
    assert len(figures(streamed)[0]) == math.ceil(3 * 30 / 16)
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (
        tmp_path / "b" / "model.safetensors"
    ).read_bytes()
    assert Run(tmp_path / "a").record.preprocess == Run(tmp_path / "b").record.preprocess


def test_a_run_is_repeated_exactly_and_seeds_differ(tmp_path):
    place = shards(tmp_path / "shards")
    runs = [
        figures(list(train(network(), place, quick(seed=seed), tmp_path / str(number))))
        for number, seed in enumerate((3, 3, 4))
    ]
    assert runs[0] == runs[1] != runs[2]


def test_the_run_is_measured_as_from_files(tmp_path):
    list(train(network(), shards(tmp_path / "shards"), quick(lr=0.01), tmp_path / "run"))
    run = Run(tmp_path / "run")
    assert run.record.sizes == {"train": 30, "val": 10}
    streamed = run.evaluate("test")
    files = run.evaluate("test", folder(tmp_path / "files"))
    assert streamed.images == files.images == 6
    assert (streamed.accuracy, streamed.top5, streamed.confusion) == (
        files.accuracy,
        files.top5,
        files.confusion,
    )
    assert streamed.loss == pytest.approx(files.loss, rel=1e-6)  # images come in another order
    write_tar(tmp_path / "shards" / "train-1.tar", samples(range(50, 60), size=(8, 8)))
    assert "has changed since the run was trained on it" in message_of(DataError, run.evaluate, "test")


def test_classes_that_come_in_another_order_are_renumbered(tmp_path):
    list(train(network(), shards(tmp_path / "shards"), quick(lr=0.01), tmp_path / "run"))
    run = Run(tmp_path / "run")
    first = run.evaluate("test")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "classes.txt").write_text("1\n0\n")
    flipped = samples(range(200, 206), label=lambda seed: str(1 - seed % 2), size=(8, 8))
    write_tar(tmp_path / "other" / "test.tar", flipped)
    again = run.evaluate("test", f"wds:{tmp_path / 'other'}")
    assert (again.confusion, again.loss) == (first.confusion, first.loss)


def test_bad_images_are_told_before_anything_is_written(tmp_path):
    place = shards(tmp_path / "shards")
    members = samples(range(20, 30), size=(8, 8))
    members[4] = (members[4][0], b"no image")
    write_tar(tmp_path / "shards" / "train-2.tar", members)
    text = message_of(DataError, train, network(), place, quick(), tmp_path / "run")
    assert ": 1 of 30 images in 'train' cannot be read: " in text
    assert not (tmp_path / "run").exists()
    events = list(train(network(), place, quick(skip_bad_images=True), tmp_path / "run"))
    assert events[0].sizes == {"train": 29, "val": 10}
    assert events[0].notes == (
        f"left out 1 images that cannot be read: {tmp_path / 'shards' / 'train-2.tar'}: 0022.png: not an image",
    )


@pytest.mark.parametrize("how", ["close", "interrupt", "drop"])
def test_no_thread_outlives_a_run_that_is_stopped(tmp_path, how):
    before = set(threading.enumerate())
    events = train(network(), shards(tmp_path / "shards"), quick(epochs=9.0), tmp_path / "run")
    for event in events:
        if isinstance(event, StepDone) and event.step == 3:
            break
    assert set(threading.enumerate()) > before
    if how == "interrupt":
        rest = [events.throw(KeyboardInterrupt()), *events]
        assert [type(event) for event in rest] == [Checkpointed, Finished]
    elif how == "close":
        events.close()
    else:
        del events
    assert set(threading.enumerate()) == before
    assert read_progress(tmp_path / "run" / "checkpoints" / "last" / "checkpoint.safetensors").step == 3


def test_no_thread_outlives_a_run_that_ends_or_diverges(tmp_path):
    before = set(threading.enumerate())
    place = shards(tmp_path / "shards")
    list(train(network(), place, quick(), tmp_path / "a"))
    assert set(threading.enumerate()) == before
    with pytest.raises(TrainingError):
        list(
            train(network(), place, quick(lr=1e30, optimizer="sgd", epochs=50.0, warmup=0.0), tmp_path / "b")
        )
    assert set(threading.enumerate()) == before


def test_shards_that_go_away_leave_a_checkpoint(tmp_path):
    before = set(threading.enumerate())
    events = train(network(), shards(tmp_path / "shards"), quick(epochs=9.0, batch_size=4), tmp_path / "run")
    seen = []

    def follow():
        for event in events:
            seen.append(event)
            if isinstance(event, StepDone) and event.step == 2:
                for path in (tmp_path / "shards").glob("train-*.tar"):
                    path.unlink()

    with pytest.raises(DataError, match=r"train-[012]\.tar: cannot be read: No such file") as caught:
        follow()
    last = [event.step for event in seen if isinstance(event, StepDone)][-1]
    assert str(caught.value).endswith(f". A checkpoint of step {last} was saved in {tmp_path / 'run'}.")
    assert 2 <= last < 68
    assert seen[-1] == Checkpointed(
        step=last,
        which="last",
        path=str(tmp_path / "run" / "checkpoints" / "last" / "checkpoint.safetensors"),
    )
    assert (tmp_path / "run" / "model.safetensors").exists()
    assert set(threading.enumerate()) == before
