"""Images that lie on the device: the same batches, and only where there is room."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cut_runs import OPTIONS, begun, files, rows
from toys import quick, tiny, toy_source, trained

from striate.data import Batches, Dataset, Recipe, load_split
from striate.data.augment.effects import Mixup
from striate.data.moving import moved
from striate.train import resident as residing
from striate.train import resume
from striate.train.feeding import feed, made_ready
from striate.train.loop import Loop
from striate.train.prepare import prepare
from striate.train.resident import Resident, resident

CPU = torch.device("cpu")
CASES = {
    "plain": {},
    "augmented": {"augment": "cifar"},
    "mixed": {"augment": Recipe(effects=(Mixup(),))},
    "balanced": {"sampling": "balanced"},
    "a batch of more than there are": {"batch_size": 100},
    "channels last": {"memory_format": "channels_last", "batch_size": 7, "seed": 5},
}


def lie_on_the_cpu(monkeypatch):
    """Have images lie on the CPU as they would on a device."""
    monkeypatch.setattr(residing, "_free", lambda device: 2**30)


def loop_of(**options):
    return Loop(prepare(tiny(), toy_source(), quick(**options)))


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_batches_are_the_same(monkeypatch, options):
    lie_on_the_cpu(monkeypatch)
    loop = loop_of(**options)
    prepared, config = loop.prepared, loop.config
    assert isinstance(loop.batches.dataset, Resident)
    plain = Batches(prepared.train, config.batch_size, config.seed, config.loss.sampling)
    fed = zip(feed(prepared, loop.batches, range(9)), feed(prepared, plain, range(9)), strict=True)
    for step, (ours, theirs) in enumerate(fed):
        assert torch.equal(ours.images, theirs.images)
        assert ours.images.stride() == theirs.images.stride()
        assert torch.equal(ours.targets, theirs.targets)
        assert ours.step == theirs.step == step
        again = made_ready(prepared, loop.batches[step])
        assert torch.equal(again.images, theirs.images)
    batch, other = loop.batches.joined(range(2, 5)), plain.joined(range(2, 5))
    assert torch.equal(batch.images, other.images)
    assert torch.equal(batch.indices, other.indices)
    assert loop.batches.steps(1.5) == plain.steps(1.5)


@pytest.mark.parametrize(
    "options", [{}, {"augment": "none", "swa": 0.5, "ema": None}], ids=["augmented", "swa"]
)
def test_runs_are_the_same(tmp_path, monkeypatch, options):
    options = OPTIONS | options
    trained(tmp_path / "plain", **options)
    lie_on_the_cpu(monkeypatch)
    trained(tmp_path / "resident", **options)
    cut = begun(tmp_path / "cut", 5, **options)
    list(resume(cut, toy_source()))
    for other in ("resident", "cut"):
        assert files(tmp_path / other) == files(tmp_path / "plain")
        for kind in ("StepDone", "Validated"):
            assert rows(tmp_path / other, kind) == rows(tmp_path / "plain", kind)


def test_it_is_a_split_like_another():
    source = toy_source()
    plain = load_split(source, "train", (1, 8, 8))
    there = Resident(plain, CPU)
    assert (len(there), there.shape, there.skipped) == (48, (1, 8, 8), ())
    assert there.targets is plain.targets
    assert there.moments.pixels == plain.moments.pixels == 48 * 64
    assert np.array_equal(there.order(3, 1), plain.order(3, 1))
    indices = np.array([5, 47, 5, 0])
    assert np.array_equal(there.take(indices).numpy(), source.array("train")[indices])
    assert torch.equal(torch.cat(list(there.pieces(7))), plain.images)
    for ours, theirs in zip(there.show(1, 10, range(2, 9)), plain.show(1, 10, range(2, 9)), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("free", "moves"), [(0, False), (4 * 48 * 64, False), (4 * 48 * 64 + 4, True)])
def test_less_than_a_quarter_of_what_is_free(monkeypatch, free, moves):
    monkeypatch.setattr(residing, "_free", lambda device: free)
    split = load_split(toy_source(), "train", (1, 8, 8))
    assert split.images.nbytes == 48 * 64
    assert isinstance(resident(split, CPU), Resident) is moves


def test_a_gpu_is_asked_what_is_free(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: asked.append(device) or (2**20, 2**30))
    device = torch.device("cuda", 1)
    split = load_split(toy_source(), "train", (1, 8, 8))
    assert isinstance(resident(split, device), Resident)  # nothing is moved before it is taken
    assert asked == [device]


def test_on_a_cpu_and_streamed_all_stays_as_it_is(monkeypatch):
    lie_on_the_cpu(monkeypatch)
    streamed = SimpleNamespace(images=torch.zeros(1))
    assert resident(streamed, CPU) is streamed
    monkeypatch.undo()
    split = load_split(toy_source(), "train", (1, 8, 8))
    assert resident(split, CPU) is split
    assert isinstance(loop_of().batches.dataset, Dataset)


class Recorded:
    """A tensor that says what is done to it."""

    def __init__(self, device, done=()):
        self.device, self.done = torch.device(device), done

    def pin_memory(self):
        return Recorded(self.device, (*self.done, "pinned"))

    def to(self, device, non_blocking=False):
        return Recorded(device, (*self.done, "not waited for" if non_blocking else "waited for"))


@pytest.mark.parametrize(
    ("start", "end", "done"),
    [
        ("cpu", "cuda", ("pinned", "not waited for")),
        ("cpu", "cpu", ("waited for",)),
        ("cpu", "mps", ("waited for",)),
        ("cuda", "cuda", ("waited for",)),
    ],
    ids=["to a GPU", "on the CPU", "to another device", "on the GPU"],
)
def test_how_a_batch_is_moved(start, end, done):
    assert moved(Recorded(start), torch.device(end)).done == done
