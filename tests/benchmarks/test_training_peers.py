"""The parts of the training benchmark: that all train the same, on the same, and that bounds are judged rightly."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from striate.data import open_source
from striate.nn import build
from striate.zoo import lenet5_relu

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def images(tmp_path):
    """A file of 64 random images to train on and 20 to validate on."""
    from training import data

    drawn = np.random.default_rng(0)
    sets = [
        (drawn.integers(0, 256, (count, 1, 28, 28), np.uint8), np.arange(count) % 10) for count in (64, 20)
    ]
    data.write_splits(tmp_path / "images.npz", *sets)
    return tmp_path / "images.npz"


def test_the_layers_written_by_hand_are_those_of_the_zoo():
    from training.plain import lenet5

    ours, theirs = build(lenet5_relu(), seed=0), lenet5()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    batch = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(theirs(batch), ours(batch))


@pytest.mark.parametrize(
    ("name", "shape", "params"),
    [
        ("lenet5_relu", (1, 28, 28), 61_706),
        ("linear", (1, 28, 28), 7_850),
        ("resnet20", (3, 32, 32), 269_722),
        ("resnet18_cifar", (3, 32, 32), 11_173_962),  # as kuangliu/pytorch-cifar has it
    ],
    ids=["lenet5_relu", "linear", "resnet20", "resnet18_cifar"],
)
def test_networks_have_their_parameters(name, shape, params):
    from training.networks import describe

    from striate.analyze import analyze

    assert analyze(describe(name, shape)).totals.params == params


def test_striate_opens_the_images_that_the_others_read(images):
    from training import data

    source = open_source(f"npz:{images}")
    for split in ("train", "val"):
        pixels, targets = data.read(images, split)
        np.testing.assert_array_equal(source.array(split), pixels)
        np.testing.assert_array_equal(source.targets[split], targets)


def test_the_plain_script_sees_a_window_of_the_image():
    from training.plain import Pictures

    pixels = np.random.default_rng(1).integers(0, 256, (3, 1, 28, 28), np.uint8)
    normalized = (np.pad(pixels[1, 0], 2) - pixels.mean()) / pixels.std()
    windows = [normalized[top : top + 28, left : left + 28] for top in range(5) for left in range(5)]
    seen, target = Pictures(pixels, np.array([4, 5, 6]), margin=2)[1]
    assert target == 5
    assert min(np.abs(seen[0].numpy() - window).max() for window in windows) < 1e-4


def test_a_round_has_as_many_steps_as_last_a_second():
    from training.worker import enough

    assert enough(lambda steps: steps * 0.01, 1.0) == 100
    assert enough(lambda steps: steps * 3.0, 1.0) == 1


def test_bounds_are_judged_against_the_fastest_of_their_peers(capsys):
    from training.measuring import judge

    times = {"striate": [1.0, 2.0, 1.0], "slow": [9.0, 18.0, 9.0], "quick": [2.0, 4.2, 2.2]}
    assert judge(times, ((("slow", "quick"), 2.1),))
    assert not judge(times, ((("slow", "quick"), 2.2),))
    assert not judge(times, ((("absent",), 0.5),))
    assert capsys.readouterr().out.splitlines() == [
        "  2.10 × as fast as quick (wanted: 2.10)",
        "  2.10 × as fast as quick (wanted: 2.20)  MISSED",
        "  not measured: absent (wanted: 0.50 ×)  MISSED",
    ]


@pytest.mark.parametrize(
    ("peak", "bandwidth", "seconds"),
    [
        (6.0, 1e30, 784 * 10 * 4),  # three passes of 2 FLOPs for each MAC
        (1e30, 6.0, 4 * (784 + 10) + 7_850),  # three passes over 2 bytes for each number
    ],
    ids=["arithmetic", "memory"],
)
def test_the_roofline_is_the_longer_of_arithmetic_and_memory(peak, bandwidth, seconds):
    from training.networks import describe
    from training.roofline import least_seconds

    assert least_seconds(describe("linear", (1, 28, 28)), 4, peak, bandwidth) == pytest.approx(seconds)


def test_a_peer_works_when_it_is_told_to(images):
    from training.processes import Peer
    from training.workloads import RAW

    with Peer(RAW, "linear32", images, "--seconds=0.01") as peer:
        peer.round()
        peer.round()
    assert peer.cold > 0
    assert len(peer.each) == 2
    assert min(peer.each) > 0
    assert sys.platform != "linux" or peer.peak_mib > 50


def test_a_peer_that_fails_says_why(images):
    from training.processes import Peer, PeerError

    with pytest.raises(PeerError, match="nobody ended with status 1: KeyError: 'nobody'"):
        Peer("nobody", "linear32", images)
