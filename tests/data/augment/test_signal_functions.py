"""Signals against numpy.interp, against SciPy's filters and against slices."""

from time import perf_counter

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from striate.data.augment import Augment, Recipe
from striate.data.augment.draws import image_keys
from striate.data.augment.effects import TimeStretch
from striate.data.augment.signals import add_noise, gain, mask, warp_signal

KEYS = image_keys(3, 3, np.arange(4))
PADDINGS = ("zeros", "replicate", "reflect")
SHIFTS = torch.tensor([0.0, 3.3, -17.25, 200.0])
STRETCHES = torch.tensor([1.0, 1.5, 0.7, 0.31])


@pytest.fixture(params=[1, 2], ids=["mono", "stereo"])
def signals(request):
    return torch.randn(4, request.param, 101, generator=torch.Generator().manual_seed(6))


def padded(signal, padding, before):
    """Return a signal, ``(L,)``, with ``before`` samples more on both sides."""
    mode = {"zeros": "constant", "replicate": "edge", "reflect": "reflect"}[padding]
    return np.pad(signal, before, mode=mode)


def warped(signal, shift, stretch, padding):
    """Resample one ``(L,)`` by the triangle, sample by sample in float64, over a padded copy."""
    length, before = len(signal), 2000
    wide = padded(signal.astype(np.float64), padding, before)
    middle, reach = (length - 1) / 2, max(1.0, 1 / stretch)
    out = np.empty(length)
    for time in range(length):
        source = middle + (time - shift - middle) / stretch
        taps = np.arange(int(source - reach) - 2, int(source + reach) + 3)
        weights = np.maximum(0, 1 - np.abs(taps - source) / reach)
        out[time] = weights @ wide[taps + before] / weights.sum()
    return out


@pytest.mark.parametrize("padding", PADDINGS)
def test_warping_is_one_resampling_by_the_triangle(signals, padding):
    out = warp_signal(signals, SHIFTS, STRETCHES, padding)
    rows = zip(signals.numpy(), SHIFTS.tolist(), STRETCHES.tolist(), strict=True)
    expected = np.stack(
        [[warped(c, shift, stretch, padding) for c in signal] for signal, shift, stretch in rows]
    )
    assert out.numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("padding", PADDINGS)
def test_stretching_interpolates_as_numpy_and_scipy_do(signals, padding):
    stretches = torch.tensor([1.0, 1.01, 1.7, 9.0])
    out = warp_signal(signals, SHIFTS, stretches, padding).numpy()
    times, positions = np.arange(101), np.arange(-500, 601)
    for signal, result, shift, stretch in zip(
        signals.numpy(), out, SHIFTS.tolist(), stretches.tolist(), strict=True
    ):
        sources = 50 + (times - 50 - shift) / stretch
        for before, after in zip(signal, result, strict=True):
            expected = np.interp(sources, positions, padded(before, padding, 500))
            assert after == pytest.approx(expected, abs=1e-5)
            mode = {"zeros": "grid-constant", "replicate": "nearest", "reflect": "mirror"}[padding]
            by_scipy = map_coordinates(before.astype(np.float64), sources[None], order=1, mode=mode)
            assert after == pytest.approx(by_scipy, abs=1e-5)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shift", [0, 1, -40, 100, 101, -300])
def test_whole_shifts_are_exact(signals, padding, shift):
    out = warp_signal(signals, torch.full((4,), float(shift)), torch.ones(4), padding)
    for signal, result in zip(signals.numpy(), out.numpy(), strict=True):
        for before, after in zip(signal, result, strict=True):
            assert np.array_equal(after, padded(before, padding, 300)[300 - shift : 401 - shift])


def test_compression_does_not_alias():
    """A tone above the new limit of frequencies all but vanishes; one below stays."""
    times = torch.arange(4000.0)
    high, low = (torch.sin(2 * torch.pi * frequency * times).expand(1, 1, -1) for frequency in (0.36, 0.01))
    third = torch.tensor([1 / 3])
    middle = slice(1500, 2500)
    assert warp_signal(high, torch.zeros(1), third)[..., middle].std() < 0.05
    assert warp_signal(low, torch.zeros(1), third)[..., middle].std() == pytest.approx(0.5**0.5, rel=0.02)


def test_long_signals_are_placed_precisely():
    ramp = torch.arange(200_000, dtype=torch.float32).expand(1, 1, -1)
    out = warp_signal(ramp, torch.tensor([0.5]), torch.ones(1), "replicate")
    assert torch.equal(out[0, 0, 1:], ramp[0, 0, 1:] - 0.5)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stretch", [0.02, 1e-3, 1e-5])
def test_a_triangle_reaches_no_farther_than_a_signal_is_long(signals, padding, stretch):
    short = signals[:, :, :31]
    shifts, stretches = torch.tensor([0.0, 0.002, -0.001, 4.0]), torch.full((4,), stretch)
    start = perf_counter()
    out = warp_signal(short, shifts, stretches, padding)
    assert perf_counter() - start < 1
    for signal, result, shift in zip(short.numpy(), out.numpy(), shifts.double().numpy(), strict=True):
        step = 1 / stretches[0].double().item()
        for at in (0, 14, 15, 16, 30):
            source = 15 + (at - 15 - shift) * step
            taps = np.arange(np.floor(source - 31) + 1, np.floor(source - 31) + 63)
            weights = np.maximum(0, 1 - np.abs(taps - source) / 31)
            places = taps.astype(np.int64)
            inside = (places >= 0) & (places < 31)
            if padding == "reflect":
                places = np.where(places % 60 > 30, 60 - places % 60, places % 60)
            values = signal[:, places.clip(0, 30)].astype(np.float64) * (inside | (padding != "zeros"))
            assert result[:, at] == pytest.approx(values @ weights / weights.sum(), abs=1e-5)


@pytest.mark.parametrize("padding", PADDINGS)
def test_many_stretches_are_done_soon_and_stay_finite(padding):
    signals = torch.randn(4, 1, 200, generator=torch.Generator().manual_seed(7))
    start = perf_counter()
    for count in (5, 100):
        done = [TimeStretch(factor=(0.1, 0.1))] * count
        assert Augment(Recipe(done, padding=padding))(signals)[0].isfinite().all()
    assert perf_counter() - start < 2


def test_gain(signals):
    factors = torch.tensor([1.0, 0.0, 2.5, -1.0])
    assert torch.equal(gain(signals, factors), signals * factors[:, None, None])


def test_noise_is_a_share_of_each_channels_deviation():
    signals = torch.randn(4, 2, 20_000) * torch.tensor([1.0, 50.0])[:, None] + 7
    stds = torch.tensor([0.0, 0.1, 1.0, 0.5])
    noise = (add_noise(signals, stds, KEYS) - signals).double()
    assert (noise[0] == 0).all()
    expected = stds[1:, None] * signals[1:].double().std(2, correction=0)
    assert noise[1:].std(2).numpy() == pytest.approx(expected.numpy(), rel=5 / 40_000**0.5)
    assert (noise[1:].mean(2).abs() < 5 * expected / 20_000**0.5).all()


@pytest.mark.parametrize("fill", ["zero", "mean"])
def test_spans_are_masked(signals, fill):
    spans = torch.tensor([[0, 0], [10, 30], [90, 50], [-5, 20]])
    expected = signals.clone()
    for index, (first, count) in enumerate(spans.tolist()):
        value = signals[index].double().mean(1, keepdim=True).float() if fill == "mean" else torch.zeros(1)
        span = slice(max(first, 0), max(first + count, 0))
        expected[index, :, span] = value
    assert mask(signals, spans, fill).numpy() == pytest.approx(expected.numpy(), abs=1e-6)
    assert torch.equal(mask(signals, spans, fill)[0], signals[0])


FUNCTIONS = {
    "add_noise": lambda s, i: add_noise(s, torch.tensor([0.0, 0.1, 2.0, 1.0])[i], KEYS[i]),
    "gain": lambda s, i: gain(s, torch.tensor([1.0, 0.1, 2.0, 1.5])[i]),
    "mask": lambda s, i: mask(s, torch.tensor([[0, 0], [1, 2], [5, 40], [90, 40]])[i], "mean"),
    **{
        f"warp-{padding}": lambda s, i, p=padding: warp_signal(s, SHIFTS[i], STRETCHES[i], p)
        for padding in PADDINGS
    },
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("length", [1, 2, 101, 1500])
def test_a_signal_is_treated_the_same_alone_and_the_input_is_kept(name, length):
    signals = torch.randn(4, 2, length, generator=torch.Generator().manual_seed(7))
    kept = signals.clone()
    together = FUNCTIONS[name](signals, [0, 1, 2, 3])
    assert together.shape == signals.shape
    assert together.isfinite().all()
    for index in range(4):
        assert torch.equal(FUNCTIONS[name](signals[[index]], [index])[0], together[index])
    assert torch.equal(signals, kept)
    assert torch.equal(together[0], signals[0])
