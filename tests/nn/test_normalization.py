"""Layer, group, instance and local response normalization equal their definitions, value by value."""

import collections
import itertools
import math
import statistics

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers
from torch.autograd import gradcheck
from torch.nn import functional as F

from striate.nn import build
from striate.spec import GroupNorm, InstanceNorm, LayerNorm, LocalResponseNorm, Network

SIGNAL, IMAGE, VOLUME, VECTOR = (4, 5), (4, 3, 6), (4, 2, 3, 2), (6,)


def normalized(x, shares, eps):
    """Return ``x`` of one image, each value by the mean and variance of those for which ``shares`` says the same."""
    groups = collections.defaultdict(list)
    for at in np.ndindex(x.shape):
        groups[shares(*at)].append(float(x[at]))
    mean = {key: statistics.fmean(values) for key, values in groups.items()}
    variance = {key: statistics.pvariance(values) for key, values in groups.items()}
    answer = np.empty_like(x)
    for at in np.ndindex(x.shape):
        key = shares(*at)
        answer[at] = (x[at] - mean[key]) / math.sqrt(variance[key] + eps)
    return answer


# Which values share a mean, and which share a scale and a shift: functions of channel and position.
NORMS = {
    "image": (lambda **options: LayerNorm("image", **options), lambda c, *at: (), lambda c, *at: (c, *at)),
    "channels": (lambda **options: LayerNorm("channels", **options), lambda c, *at: at, lambda c, *at: c),
    "step": (lambda **options: LayerNorm("step", **options), lambda t, c: t, lambda t, c: c),
    "groups": (lambda **options: GroupNorm(2, **options), lambda c, *at: c // 2, lambda c, *at: c),
    "one group": (lambda **options: GroupNorm(1, **options), lambda c, *at: (), lambda c, *at: c),
    "instance": (lambda **options: InstanceNorm(**options), lambda c, *at: c, lambda c, *at: c),
}
CASES = [
    *itertools.product(["image", "channels", "groups", "one group", "instance"], [SIGNAL, IMAGE, VOLUME]),
    *itertools.product(["image", "channels", "one group"], [VECTOR]),
    ("step", (7, 3)),
]


@pytest.mark.parametrize(
    "options", [{"affine": True}, {"affine": False}, {"affine": True, "eps": 0.5}], ids=str
)
@pytest.mark.parametrize(("name", "shape"), CASES, ids=str)
def test_values_that_share_a_mean_are_normalized_together(name, shape, options):
    make, shares, learns = NORMS[name]
    layer = make(**options)
    module, x = module_of(layer, shape), 2 + 3 * drawn(3, *shape)
    answers = [normalized(image, shares, layer.eps) for image in x.numpy()]
    if layer.affine:
        weight, bias = (numbers(p) for p in module.norm1.parameters())
        for answer, at in itertools.product(answers, np.ndindex(shape)):
            answer[at] = weight[learns(*at)] * answer[at] + bias[learns(*at)]
    assert layer.affine == bool(list(module.parameters()))
    np.testing.assert_allclose(numbers(module(x)), answers, rtol=1e-9, atol=1e-12)
    # Nothing is remembered from image to image: evaluation is the same, image by image.
    module.eval()
    alone = [numbers(module(image[None]))[0] for image in x]
    np.testing.assert_allclose(alone, answers, rtol=1e-9, atol=1e-12)


def test_a_module_begins_without_scale_or_shift():
    x = drawn(2, *IMAGE)
    for make, *_ in (NORMS["image"], NORMS["channels"], NORMS["groups"], NORMS["instance"]):
        learned, plain = (build(Network("n", IMAGE, make(affine=a)), 0).double() for a in (True, False))
        torch.testing.assert_close(learned(x), plain(x), rtol=1e-12, atol=1e-12)


def test_where_all_values_are_equal_the_shift_is_left():
    for name in ("image", "channels", "groups"):
        module = module_of(NORMS[name][0](), IMAGE)
        shift = module.norm1.bias if name == "image" else module.norm1.bias.view(4, 1, 1).expand(IMAGE)
        answer = module(torch.full((1, *IMAGE), 7.0, dtype=torch.float64))
        torch.testing.assert_close(answer[0], shift, rtol=0, atol=1e-9)


def within(x, norm):
    """Return the local response normalization of ``x`` (C, *size) over positions of the same map."""
    answer, n = np.empty_like(x), norm.size ** (x.ndim - 1)
    for c, *at in np.ndindex(x.shape):
        spans = [
            range(max(p - (norm.size - 1) // 2, 0), min(p + norm.size // 2 + 1, end))
            for p, end in zip(at, x.shape[1:], strict=True)
        ]
        squares = math.fsum(x[(c, *spot)] ** 2 for spot in itertools.product(*spans))
        answer[(c, *at)] = x[(c, *at)] / (norm.k + norm.alpha / n * squares) ** norm.beta
    return answer


def across(x, norm):
    """Return the local response normalization of ``x`` (C, *size) over neighboring channels."""
    answer = np.empty_like(x)
    for c, *at in np.ndindex(x.shape):
        near = range(max(c - norm.size // 2, 0), min(c + (norm.size - 1) // 2 + 1, len(x)))
        squares = math.fsum(x[(i, *at)] ** 2 for i in near)
        answer[(c, *at)] = x[(c, *at)] / (norm.k + norm.alpha / norm.size * squares) ** norm.beta
    return answer


WITHIN = [
    LocalResponseNorm(3, 2.0, region="within"),
    LocalResponseNorm(2, 1.0, 0.5, 2.0, region="within"),  # one more neighbor behind than before
    LocalResponseNorm(5, 0.5, 1.0, 0.25, region="within"),
    LocalResponseNorm(1, 3.0, region="within"),
]


@pytest.mark.parametrize("norm", WITHIN, ids=lambda norm: f"size{norm.size}")
@pytest.mark.parametrize("shape", [SIGNAL, IMAGE, VOLUME], ids=str)
def test_local_response_within_a_map(shape, norm):
    module, x = module_of(norm, shape), drawn(2, *shape)
    by_hand = [within(image, norm) for image in x.numpy()]
    np.testing.assert_allclose(numbers(module(x)), by_hand, rtol=1e-12)
    np.testing.assert_allclose(numbers(module.eval()(x)), by_hand, rtol=1e-12)


def test_local_response_within_a_map_of_ones():
    # n = 9: the middle has nine neighbors, an edge six, a corner four: 1/(1 + 9), 1/(1 + 6), 1/(1 + 4).
    module = module_of(LocalResponseNorm(3, 9.0, 1.0, region="within"), (1, 3, 3))
    answer = module(torch.ones(1, 1, 3, 3, dtype=torch.float64)).flatten().tolist()
    corner, edge, middle = 1 / 5, 1 / 7, 1 / 10
    assert answer == pytest.approx([corner, edge, corner, edge, middle, edge, corner, edge, corner])


@pytest.mark.parametrize(
    "layer", [LayerNorm("channels"), WITHIN[0], WITHIN[1], LocalResponseNorm(3, 2.0)], ids=repr
)
def test_gradients_equal_differences(layer):
    module = module_of(layer, IMAGE)
    assert gradcheck(module, drawn(2, *IMAGE, seed=3).requires_grad_())


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("dtype", "bits"), [(torch.float16, 11), (torch.bfloat16, 8)], ids=str)
@pytest.mark.parametrize("region", ["across", "within"])
@pytest.mark.parametrize("shape", [SIGNAL, IMAGE, VOLUME], ids=str)
def test_local_response_of_values_whose_squares_are_infinite_in_float16(shape, region, dtype, bits, autocast):
    # GoogLeNet's first maps reach 2871. Only the answer is rounded, to half a unit of its last bit.
    norm = LocalResponseNorm(3, 1e-4, 0.75, region=region)
    module = build(Network("n", shape, norm), 0)
    x = (1500 * drawn(2, *shape)).to(dtype)
    assert x.abs().max() > 2000
    with torch.autocast("cpu", dtype, enabled=autocast):
        answer = module(x)
    assert answer.dtype == dtype
    naive = {"across": across, "within": within}[region]
    by_hand = [naive(image, norm) for image in x.double().numpy()]
    np.testing.assert_allclose(numbers(answer.double()), by_hand, rtol=1.01 * 2.0**-bits, atol=1e-7)


@pytest.mark.parametrize("size", [1, 2, 4, 5])
@pytest.mark.parametrize("shape", [SIGNAL, IMAGE, VOLUME], ids=str)
def test_local_response_across_channels_is_torchs_in_float32(shape, size):
    module = build(Network("n", shape, LocalResponseNorm(size, 0.5, 0.75, 2.0)), 0)
    x = drawn(2, *shape).float()
    torch.testing.assert_close(
        module(x), F.local_response_norm(x, size, 0.5, 0.75, 2.0), rtol=1e-6, atol=1e-7
    )


def test_local_response_takes_signals_in_any_layout():
    # torch's own takes no view of channels last.
    module = build(Network("n", SIGNAL, LocalResponseNorm(3, 2.0)), 0)
    x = drawn(2, *SIGNAL)
    torch.testing.assert_close(module(x.transpose(1, 2).contiguous().transpose(1, 2)), module(x))
