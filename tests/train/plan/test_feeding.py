"""What a network is fed: the same batches however they are made ready; threads that end; errors that come out once."""

import dataclasses
import itertools
import threading
from contextlib import closing

import pytest
import torch
from shard_sets import shard_source
from toys import quick, stripes, tiny, toy_source

from striate.data import ArraySource, Batches, Recipe, open_source
from striate.data.augment.effects import Mixup
from striate.errors import DataError
from striate.train.feeding import feed, made_ready
from striate.train.plan import Plan
from striate.train.prepare import prepare


def ready(source=None, plan=None, network=None, **options):
    """Return a run that is ready to start, and its batches."""
    prepared = prepare(network or tiny(), source or toy_source(), quick(**options))
    if plan is not None:
        prepared = dataclasses.replace(prepared, record=dataclasses.replace(prepared.record, plan=plan))
    config = prepared.record.training
    return prepared, Batches(prepared.train, config.batch_size, config.seed, config.loss.sampling)


def large_source(count=12, side=264):
    """Return images of which a batch is made ready alone."""
    images, targets = stripes(count)
    images = images.repeat(side // 8, 2).repeat(side // 8, 3)
    parts = dict.fromkeys(("train", "val"), images)
    return ArraySource("large", parts, dict.fromkeys(parts, targets), ("a", "b", "c"))


def large_network():
    return dataclasses.replace(tiny(), input=(1, 264, 264))


CASES = {
    "several at once": {},
    "one at a time": {"source": large_source, "network": large_network, "batch_size": 8},
    "augmented": {"augment": "cifar"},
    "mixed": {"augment": Recipe(effects=(Mixup(),))},
    "balanced": {"sampling": "balanced"},
    "a batch of more than there are": {"batch_size": 100},
    "batches of one": {"batch_size": 1},
    "of another seed": {"seed": 5, "batch_size": 7},
}
PLANS = {
    "as described": Plan(),
    "channels last": Plan(memory_format="channels_last"),
    "ahead": Plan(ahead=True),
    "ahead, channels last": Plan(ahead=True, memory_format="channels_last"),
}


def options_of(case):
    return {name: value() if callable(value) else value for name, value in case.items()}


@pytest.mark.parametrize("steps", [range(0, 9), range(5, 8), range(3, 4), range(4, 4)], ids=str)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_what_each_batch_is_made_ready_to(case, plan, steps):
    prepared, batches = ready(plan=plan, **options_of(case))
    before = set(threading.enumerate())
    with closing(feed(prepared, batches, steps)) as fed:
        got = list(fed)
    assert set(threading.enumerate()) <= before
    assert [inputs.step for inputs in got] == list(steps)
    for inputs in got:
        batch = batches[inputs.step]
        wanted = made_ready(prepared, batch)
        assert torch.equal(inputs.images, wanted.images)
        assert torch.equal(inputs.targets, wanted.targets)
        assert inputs.images.is_contiguous(memory_format=torch.channels_last) or (
            plan.memory_format == "contiguous"
        )
        if prepared.augment is None:  # written out
            mean, std = (
                prepared.record.preprocess.steps[0].mean[0],
                prepared.record.preprocess.steps[0].std[0],
            )
            plain = (batch.images.double() / 255 - mean) / std
            assert (inputs.images.double() - plain).abs().max() < 1e-5
            assert torch.equal(inputs.targets, batch.targets)


def test_many_are_joined_and_none_is_cut():
    """More steps than are made ready at once, so that some groups are whole and the last is not."""
    prepared, batches = ready(batch_size=16)  # 2¹⁹ bytes are 512 batches of 16 · 64
    got = list(feed(prepared, batches, range(7, 1200)))
    assert [inputs.step for inputs in got] == list(range(7, 1200))
    assert {len(inputs.images) for inputs in got} == {16}
    for inputs in got[::141]:
        assert torch.equal(inputs.images, made_ready(prepared, batches[inputs.step]).images)


@pytest.mark.parametrize("ahead", [False, True], ids=["in turn", "ahead"])
def test_streamed_images(tmp_path, ahead):
    source = open_source(shard_source(tmp_path / "shards"))
    prepared, batches = ready(source, Plan(ahead=ahead), tiny(2, 3), batch_size=4)
    before = set(threading.enumerate())
    with closing(feed(prepared, batches, range(2, 12))) as fed:
        for inputs in fed:
            assert torch.equal(inputs.images, made_ready(prepared, batches[inputs.step]).images)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("streamed", [False, True], ids=["held", "streamed"])
@pytest.mark.parametrize("how", ["close", "interrupt", "drop", "at once"])
def test_no_thread_outlives_what_it_feeds(tmp_path, how, streamed):
    source = open_source(shard_source(tmp_path / "shards")) if streamed else toy_source()
    network = tiny(2, 3) if streamed else tiny()
    prepared, batches = ready(source, Plan(ahead=True), network, batch_size=4)
    before = set(threading.enumerate())
    fed = feed(prepared, batches, range(10_000))
    if how != "at once":
        next(fed)
        next(fed)
        assert "striate feed" in {thread.name for thread in threading.enumerate()}
    if how == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            fed.throw(KeyboardInterrupt())
        assert next(fed, None) is None
    elif how == "drop":
        del fed
    else:
        fed.close()
        fed.close()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("ahead", [False, True], ids=["in turn", "ahead"])
@pytest.mark.parametrize(
    "error",
    [DataError("shard 3 is gone"), MemoryError("no memory"), KeyboardInterrupt(), ZeroDivisionError("x")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_comes_out_once_as_it_is(monkeypatch, ahead, error):
    prepared, batches = ready(large_source(), Plan(ahead=ahead), large_network(), batch_size=8)
    inner = Batches._batch
    count = itertools.count()

    def failing(self, *arguments):
        if next(count) == 3:
            raise error
        return inner(self, *arguments)

    monkeypatch.setattr(Batches, "_batch", failing)
    before = set(threading.enumerate())
    fed = feed(prepared, batches, range(100))
    assert [next(fed).step for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error)) as caught:
        next(fed)
    assert caught.value is error
    assert next(fed, None) is None
    assert set(threading.enumerate()) <= before


def test_only_so_much_is_made_in_advance(monkeypatch):
    prepared, batches = ready(large_source(), Plan(ahead=True), large_network(), batch_size=8)
    inner, made = Batches._batch, []

    def counted(self, *arguments):
        made.append(1)
        return inner(self, *arguments)

    monkeypatch.setattr(Batches, "_batch", counted)
    with closing(feed(prepared, batches, range(1000))) as fed:
        for taken in range(1, 6):
            next(fed)
            assert len(made) <= taken + 3 + 1  # two wait, one waits for room, one is being made
