"""Streaming: the order of reading and showing, the images, how many are in memory, and what runs meanwhile."""

import itertools
import json
import threading
import tracemalloc
from contextlib import closing

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_files import encoded, samples, write_set, write_tar
from toys import message_of

from striate.data import (
    Batches,
    Dataset,
    Resize,
    fit_preprocess,
    load_split,
    open_source,
    open_split,
    shuffling,
    streaming,
)
from striate.data.decode import Record
from striate.data.shuffling import epoch_order
from striate.data.source import Layout, Source
from striate.errors import DataError

SHAPE = (3, 5, 6)


def layout_of(counts, buffer, size=1):
    shards = np.repeat(np.arange(len(counts)), counts)
    return Layout(shards, np.full(len(shards), size), buffer)


LAYOUTS = st.builds(
    layout_of, st.lists(st.integers(1, 15), min_size=1, max_size=8), st.integers(1, 30), st.integers(0, 5)
)


# --- the order -------------------------------------------------------------------------------------------------------


@given(LAYOUTS, st.integers(0, 2**63 - 1), st.integers(0, 5))
@settings(max_examples=150)
def test_an_epoch_reads_and_shows_every_image_once(layout, seed, epoch):
    order = epoch_order(layout, seed, epoch)
    count = len(layout.shards)
    assert sorted(order.read) == sorted(order.shown) == list(range(count))
    # Shard after shard, each from its first image to its last.
    runs = [list(run) for _, run in itertools.groupby(order.read.tolist(), key=lambda i: layout.shards[i])]
    assert len(runs) == len(set(layout.shards.tolist()))
    assert all(run == list(range(run[0], run[0] + len(run))) for run in runs)


@given(LAYOUTS, st.integers(0, 2**62))
@settings(max_examples=150)
def test_the_buffer_holds_what_it_may_and_what_is_shown_was_read(layout, seed):
    order = epoch_order(layout, seed, 0)
    read_at = {index: place for place, index in enumerate(order.read.tolist())}
    full = min(layout.buffer, len(layout.shards))
    for shown, (index, needed) in enumerate(zip(order.shown.tolist(), order.needed.tolist(), strict=True)):
        assert read_at[index] < needed
        assert needed == min(
            shown + full, len(layout.shards)
        )  # always full, until there is nothing left to read


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60), st.integers(1, 20), st.integers(0, 1000))
@settings(max_examples=150)
def test_the_buffer_is_bounded_in_bytes(sizes, buffer, seed):
    layout = Layout(np.zeros(len(sizes), np.int64), np.array(sizes), buffer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffling, "MOST_BYTES", 1000)
        order = epoch_order(layout, seed, 0)
    waiting = set()
    done = 0
    for index, needed in zip(order.shown.tolist(), order.needed.tolist(), strict=True):
        waiting |= set(order.read[done:needed].tolist())
        done = needed
        assert len(waiting) <= buffer
        assert sum(sizes[i] for i in waiting) <= 1000
        waiting.remove(index)
    assert not waiting


@given(LAYOUTS, st.integers(0, 2**62), st.integers(0, 9))
@settings(max_examples=50)
def test_the_order_is_a_function_of_seed_and_epoch(layout, seed, epoch):
    first = epoch_order(layout, seed, epoch).shown.tolist()
    copied = Layout(layout.shards.copy(), layout.sizes.copy(), layout.buffer)
    for other in range(6):
        epoch_order(layout, seed + 1, other)
    assert epoch_order(copied, seed, epoch).shown.tolist() == first


def test_seeds_and_epochs_differ():
    layout = layout_of([20] * 5, 30)
    orders = [tuple(epoch_order(layout, seed, epoch).shown) for seed in range(8) for epoch in range(8)]
    assert len(set(orders)) == 64
    assert tuple(range(100)) not in orders


def test_a_buffer_of_one_shuffles_shards_alone_and_one_of_all_shuffles_evenly():
    layout = layout_of([4, 4, 4], 1)
    order = epoch_order(layout, 3, 0)
    assert order.shown.tolist() == order.read.tolist()
    layout = layout_of([2, 3], 5)
    places = np.zeros((5, 5), int)
    for seed in range(2000):
        places[epoch_order(layout, seed, 0).shown, range(5)] += 1
    # Each of five at each place with chance 1/5: 400 of 2,000, deviation 18; five deviations are 90.
    assert np.abs(places - 400).max() < 90


def test_images_leave_the_buffer_as_chance_has_it():
    """The wait of an image in a full buffer of B is geometric, of mean B - 1."""
    layout = layout_of([20_000], 50)
    order = epoch_order(layout, 0, 0)
    shown_at = np.argsort(order.shown)
    waits = shown_at[1000:15_000] - (np.arange(1000, 15_000) - 49)  # from when it came in
    # Of 14,000 waits of deviation 49.5 the mean deviates by 0.42; five deviations are 2.1.
    assert abs(waits.mean() - 49) < 2.1
    assert abs((waits == 0).mean() - 1 / 50) < 5 * (0.0196 / 14_000) ** 0.5


# --- the images ------------------------------------------------------------------------------------------------------


@pytest.fixture
def dataset(tmp_path):
    return open_split(open_source(f"wds:{write_set(tmp_path)}?buffer=4"), "train", SHAPE)


def in_memory(dataset):
    return load_split(dataset.source, dataset.split, SHAPE)


def test_what_is_streamed_and_what_is_not(tmp_path):
    source = open_source(f"wds:{write_set(tmp_path)}")
    assert isinstance(open_split(source, "val", SHAPE), streaming.StreamedDataset)
    assert isinstance(open_split(open_source("digits"), "val", (1, 8, 8)), Dataset)
    assert message_of(DataError, open_split, source, "test", SHAPE).startswith(
        f"{source.name} has no split 'test'; it"
    )
    assert message_of(DataError, open_split, source, "val", (2, 5, 6)).startswith(
        "images cannot have 2 channels"
    )


def test_the_images_are_those_that_loading_gives(dataset):
    loaded = in_memory(dataset)
    assert len(dataset) == 18
    assert torch.equal(dataset.targets, loaded.targets)
    for size in (1, 5, 18, 40):
        pieces = list(dataset.pieces(size))
        assert [len(piece) for piece in pieces] == [len(piece) for piece in torch.split(loaded.images, size)]
        assert torch.equal(torch.cat(pieces), loaded.images)
    chosen = np.array([17, 3, 3, 0])
    assert torch.equal(dataset.take(chosen), loaded.images[chosen])


def test_mean_and_std_are_exactly_those_of_all_images(dataset):
    assert fit_preprocess(dataset) == fit_preprocess(in_memory(dataset))


@pytest.mark.parametrize("batch_size", [1, 4, 7, 18, 50])
def test_batches_are_the_same_in_any_order(dataset, batch_size):
    loaded, batches = in_memory(dataset), Batches(dataset, batch_size, seed=5)
    steps = batches.steps(3)
    ahead = list(batches.ahead(range(steps)))
    assert [batch.step for batch in ahead] == list(range(steps))
    for batch in ahead:
        assert torch.equal(batch.images, loaded.images[batch.indices])
        assert torch.equal(batch.targets, loaded.targets[batch.indices])
    shown = torch.cat([batch.indices for batch in ahead])
    for epoch in range(3):
        assert sorted(shown[18 * epoch : 18 * epoch + 18].tolist()) == list(range(18))
    for step in (steps - 1, 0, steps // 2):
        single = batches[step]
        for name in ("images", "targets", "indices"):
            assert torch.equal(getattr(single, name), getattr(ahead[step], name))
    for start in (1, steps // 2, steps - 1):  # as a run does that is resumed
        for resumed in batches.ahead(range(start, steps)):
            assert torch.equal(resumed.indices, ahead[resumed.step].indices)
            assert torch.equal(resumed.images, ahead[resumed.step].images)
    assert list(batches.ahead(range(2, 2))) == []


def test_seeds_give_other_batches(dataset):
    first = [Batches(dataset, 6, seed)[0].indices.tolist() for seed in range(5)]
    assert len({tuple(indices) for indices in first}) == 5


def noted_reads(monkeypatch, dataset):
    """Note which images are read, in order."""
    read = []
    record = type(dataset.source).record

    def noted(self, split, index):
        read.append(index)
        return record(self, split, index)

    monkeypatch.setattr(type(dataset.source), "record", noted)
    return read


def test_each_image_is_read_once_an_epoch_in_the_order_of_the_shards(monkeypatch, dataset):
    read = noted_reads(monkeypatch, dataset)
    list(Batches(dataset, 6, 0).ahead(range(6)))
    expected = [index for epoch in (0, 1) for index in epoch_order(dataset.layout, 0, epoch).read.tolist()]
    assert read == expected
    read.clear()
    resumed = list(Batches(dataset, 6, 0).ahead(range(4, 6)))
    # What was shown before is not read again.
    shown_before = set(epoch_order(dataset.layout, 0, 1).shown[:6].tolist())
    assert read == [index for index in expected[18:] if index not in shown_before]
    assert len(resumed) == 2


# --- bounds ----------------------------------------------------------------------------------------------------------


def test_little_is_read_ahead(monkeypatch, dataset):
    read = noted_reads(monkeypatch, dataset)
    with closing(Batches(dataset, 2, 0).ahead(range(9))) as batches:
        for number, _ in enumerate(batches, 1):
            # The buffer, the batches that came, those that are on their way, and the one asked for next.
            assert len(read) <= 4 + 2 * (number + streaming._AHEAD)


class Made(Source):
    """Images of 48 kB each, made when they are asked for, of which it is counted how many there are."""

    name, class_names, fingerprint = "made", ("a", "b"), "0" * 64
    shape = None

    def __init__(self, count, buffer):
        self.targets = {"train": np.arange(count) % 2}
        self.layouts = {"train": Layout(np.arange(count) // 50, np.full(count, 49_206), buffer)}

    def record(self, split, index):
        header = b"P6 128 128 255\n"
        return Record(f"made {index}", header + bytes([index % 256]) * (128 * 128 * 3))

    def array(self, split):
        return None


def test_memory_is_bounded_whatever_the_size_of_the_set():
    peaks = []
    for count in (300, 1200):
        dataset = open_split(Made(count, buffer=20), "train", (3, 128, 128))
        tracemalloc.start()
        seen = 0
        with closing(Batches(dataset, 8, 0).ahead(range(count // 8))) as batches:
            for batch in batches:
                assert batch.images[:, 0, 0, 0].tolist() == [i % 256 for i in batch.indices.tolist()]
                seen += len(batch.images)
        for piece in dataset.pieces(8):
            seen += len(piece)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert seen == count // 8 * 8 + count
    image = 128 * 128 * 3
    # 20 in the buffer, and of 8 at most: four batches read, four decoded, and what decoding itself takes.
    assert max(peaks) < (20 + 8 * 4 + 8 * 4 + 30) * image
    assert max(peaks) < 300 * image / 2


def test_threads_end_with_the_batches(dataset):
    before = set(threading.enumerate())

    def left():
        return set(threading.enumerate()) - before

    batches = Batches(dataset, 2, 0)
    for stop_at in (0, 1, 5):
        ahead = batches.ahead(range(9))
        for _ in itertools.islice(ahead, stop_at):
            assert left()
        ahead.close()
        assert not left()
    for _ in batches.ahead(range(4)):
        pass
    assert not left()
    ahead = batches.ahead(range(9))
    next(ahead)
    with pytest.raises(KeyboardInterrupt):
        ahead.throw(KeyboardInterrupt())
    assert not left()
    with closing(dataset.pieces(3)) as pieces:
        next(pieces)
    assert not left()
    dataset.take(np.arange(5))
    assert not left()


# --- images that cannot be read --------------------------------------------------------------------------------------


def with_bad_ones(root):
    members = samples(range(8))
    members[2] = (members[2][0], b"no image")
    members[12] = (members[12][0], encoded(6)[:60])
    write_tar(root / "train.tar", members)
    write_tar(root / "val.tar", samples(range(20, 24)))
    return open_source(f"wds:{root}?buffer=3")


def test_bad_images_are_named_all_at_once_before_the_first_step(tmp_path):
    source = with_bad_ones(tmp_path)
    text = message_of(DataError, open_split, source, "train", SHAPE)
    assert text == message_of(DataError, load_split, source, "train", SHAPE)
    assert text.startswith(
        f"{source.name}: 2 of 8 images in 'train' cannot be read: {tmp_path / 'train.tar'}: 0001.png: not an image; "
    )


def test_bad_images_are_left_out(tmp_path):
    source = with_bad_ones(tmp_path)
    dataset = open_split(source, "train", SHAPE, skip_bad_images=True)
    loaded = load_split(source, "train", SHAPE, skip_bad_images=True)
    assert dataset.skipped == loaded.skipped
    assert len(dataset) == 6
    assert torch.equal(dataset.targets, loaded.targets)
    assert torch.equal(torch.cat(list(dataset.pieces(4))), loaded.images)
    assert fit_preprocess(dataset) == fit_preprocess(loaded)
    for batch in Batches(dataset, 4, 1).ahead(range(6)):
        assert torch.equal(batch.images, loaded.images[batch.indices])


def test_too_few_that_are_good(tmp_path):
    for name, bad in (("all", range(4)), ("ones", (1, 3))):
        members = [
            m if int(m[0][:4]) not in bad or m[0].endswith("cls") else (m[0], b"x") for m in samples(range(4))
        ]
        write_tar(tmp_path / name / "train.tar", members)
        write_tar(tmp_path / name / "val.tar", samples(range(20, 24)))
        source = open_source(f"wds:{tmp_path / name}")
        text = message_of(DataError, open_split, source, "train", SHAPE, skip_bad_images=True)
        assert text == message_of(DataError, load_split, source, "train", SHAPE, skip_bad_images=True)


def test_an_image_that_goes_bad_later_is_named_and_ends_the_threads(tmp_path):
    source = open_source(f"wds:{write_set(tmp_path)}?buffer=4")
    dataset = open_split(source, "train", SHAPE)
    (tmp_path / "train-001.tar").unlink()
    before = set(threading.enumerate())
    with pytest.raises(DataError, match=r"train-001\.tar: cannot be read: No such file"):
        list(Batches(dataset, 3, 0).ahead(range(6)))
    assert set(threading.enumerate()) == before


# --- what is remembered ----------------------------------------------------------------------------------------------


@pytest.fixture
def passes(tmp_path, monkeypatch):
    """Note the splits that are looked through; with a cache of the test's own."""
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    looked = streaming._looked_through
    found = []

    def noted(source, split, shape, resize):
        found.append((split, shape, resize.policy))
        return looked(source, split, shape, resize)

    monkeypatch.setattr(streaming, "_looked_through", noted)
    return found


def test_a_split_is_looked_through_once(tmp_path, monkeypatch, passes):
    place = f"wds:{write_set(tmp_path / 'set')}"
    first = [open_split(open_source(place), "train", SHAPE) for _ in range(2)]
    assert passes == [("train", SHAPE, "stretch")]
    assert fit_preprocess(first[0]) == fit_preprocess(first[1]) == fit_preprocess(in_memory(first[0]))
    assert torch.equal(first[0].targets, first[1].targets)
    open_split(open_source(place), "val", SHAPE)
    open_split(open_source(place), "train", (1, 5, 6))
    open_split(open_source(place), "train", SHAPE, resize=Resize("cover"))
    monkeypatch.setenv("STRIATE_MAX_PIXELS", "10")
    message_of(DataError, open_split, open_source(place), "train", SHAPE)
    monkeypatch.delenv("STRIATE_MAX_PIXELS")
    write_tar(tmp_path / "set" / "train-001.tar", samples(range(60, 67)))
    open_split(open_source(place), "train", SHAPE)
    assert passes[1:] == [
        ("val", SHAPE, "stretch"),
        ("train", (1, 5, 6), "stretch"),
        ("train", SHAPE, "cover"),
        ("train", SHAPE, "stretch"),
        ("train", SHAPE, "stretch"),
    ]


def test_bad_images_are_not_remembered(tmp_path, passes):
    source = with_bad_ones(tmp_path / "set")
    for _ in range(2):
        message_of(DataError, open_split, source, "train", SHAPE)
        open_split(source, "train", SHAPE, skip_bad_images=True)
    assert len(passes) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"pixels": 17 * 30},
        {"pixels": "540"},
        {"sums": [[1, 2], [1, 2]]},
        {"sums": [[1, 2, -3], [1, 2, 3]]},
        {"sums": [[1, 1, 1], [0, 0, 0]]},
        {"sums": [[1] * 3, [10**30] * 3]},
        {"sums": [[10**18] * 3] * 2},
        {"more": 1},
    ],
    ids=["count", "text", "channels", "negative", "too small", "huge", "too large", "key"],
)
def test_damaged_sums_are_found_out_anew(tmp_path, passes, change):
    place = f"wds:{write_set(tmp_path / 'set')}"
    expected = fit_preprocess(open_split(open_source(place), "train", SHAPE))
    for path in (tmp_path / "cache" / "known").iterdir():
        held = json.loads(path.read_bytes())
        if "sums" in held:
            path.write_text(json.dumps(held | change))
    assert fit_preprocess(open_split(open_source(place), "train", SHAPE)) == expected
    assert len(passes) == 2
