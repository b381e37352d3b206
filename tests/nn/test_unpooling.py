"""Unpooling puts every value back where its maximum was, adds what meets there, and follows its own pool."""

import copy
import math

import naive
import numpy as np
import pytest
import torch
from made import drawn, module_of, per_axis

from striate.errors import ShapeError
from striate.nn import build
from striate.spec import AuxHead, AvgPool, Conv, MaxPool, MaxUnpool, Network, ReLU, Residual, Sequential

CASES = [
    ((2, 8), MaxPool(2)),
    ((2, 9), MaxPool(4, stride=3)),  # one position is in no window
    ((2, 9), MaxPool(3, stride=1)),
    ((2, 9), MaxPool(3, stride=2, padding="same")),
    ((2, 8), MaxPool(3, stride=3, ceil_mode=True)),
    ((2, 6, 7), MaxPool(2)),
    ((2, 6, 7), MaxPool(3, stride=2, padding=1)),
    ((2, 6, 7), MaxPool((2, 3), stride=(1, 2), padding=((1, 0), (0, 2)))),
    ((2, 6, 7), MaxPool(3, stride=2, padding=1, ceil_mode=True)),
    ((2, 4, 3, 4), MaxPool(2, stride=(2, 1, 2), padding="same")),
]
IDS = [f"{len(shape) - 1}d-{i}" for i, (shape, _) in enumerate(CASES)]


def autoencoder(shape, pool):
    """Return the module of a pool and the unpooling of it."""
    named = MaxPool(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, name="pool")
    return module_of([named, MaxUnpool("pool")], shape)


def pooled_places(image, pool):
    """Return the index, in the flat image, of the maximum of every window; found by its value, all differ."""
    rank = image.ndim - 1
    kernel = per_axis(pool.kernel_size, rank)
    stride = kernel if pool.stride is None else per_axis(pool.stride, rank)
    maxima = naive.pool(image, kernel, stride, pool.padding, ceil_mode=pool.ceil_mode, reduce=max)
    where = {value: i for i, value in enumerate(image.ravel().tolist())}
    assert len(where) == image.size
    return np.vectorize(where.get)(maxima)


@pytest.mark.parametrize(("shape", "pool"), CASES, ids=IDS)
def test_values_go_back_to_where_the_maxima_were(shape, pool):
    module, x = autoencoder(shape, pool), drawn(2, *shape)
    module.pool(x)
    answers = []
    values = drawn(*module.pool(x).shape, seed=1)
    for image, given in zip(x.numpy(), values.numpy(), strict=True):
        expected = np.zeros(image.size)
        places = pooled_places(image, pool)
        assert places.shape == given.shape
        for place, value in zip(places.ravel(), given.ravel(), strict=True):
            expected[place] += value  # overlapping windows may have one maximum
        answers.append(expected.reshape(shape))
    np.testing.assert_allclose(module.unpool1(values).numpy(), answers, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("shape", "pool"), CASES, ids=IDS)
def test_it_is_the_transpose_of_the_selection(shape, pool):
    # ⟨select(u), v⟩ = ⟨u, unpool(v)⟩, where select reads any u at the maxima of x: the pool's derivative at x.
    module, x = autoencoder(shape, pool), drawn(1, *shape).requires_grad_()
    pooled = module.pool(x)
    v, u = drawn(*pooled.shape, seed=1), drawn(1, *shape, seed=2)
    places = pooled_places(x[0].detach().numpy(), pool)
    selected = u.flatten()[torch.from_numpy(places)]
    back = module.unpool1(v)
    assert math.isclose((selected * v[0]).sum().item(), (u * back).sum().item(), rel_tol=1e-12)
    (gradient,) = torch.autograd.grad(pooled, x, v)
    torch.testing.assert_close(gradient, back, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_unpooling_reads_at_the_switches():
    module, x = autoencoder((2, 6, 7), MaxPool(3, 2, 1)), drawn(1, 2, 6, 7)
    pooled = module.pool(x).requires_grad_()
    weight = drawn(1, 2, 6, 7, seed=1)
    (gradient,) = torch.autograd.grad((module.unpool1(pooled) * weight).sum(), pooled)
    places = pooled_places(x[0].numpy(), MaxPool(3, 2, 1))
    assert torch.equal(gradient[0], weight.flatten()[torch.from_numpy(places)])


def test_pool_and_unpool_keep_the_maxima_of_windows_side_by_side():
    x = torch.tensor([[[[1.0, 2, 0, 1], [3, 0, 5, 1], [0, 0, 2, 2.5], [0, 4, 1, 1]]]])
    kept = torch.tensor([[[[0.0, 0, 0, 0], [3, 0, 5, 0], [0, 0, 0, 2.5], [0, 4, 0, 0]]]])
    module = build(Network("n", (1, 4, 4), [MaxPool(2), MaxUnpool("pool1")]), 0)
    assert torch.equal(module(x), kept)


def test_two_pools_are_undone_each_by_its_own_unpooling():
    network = Network("n", (1, 8), [MaxPool(2), MaxPool(2), MaxUnpool("pool2"), MaxUnpool("pool1")])
    x = torch.tensor([[[1.0, 2, 4, 3, 5, 8, 7, 6]]])
    assert build(network, 0)(x).tolist() == [[[0, 0, 4, 0, 0, 8, 0, 0]]]


def test_one_pool_may_serve_two_unpoolings():
    network = Network("n", (1, 4), [MaxPool(2), MaxUnpool("pool1"), MaxPool(2), MaxUnpool("pool1")])
    assert build(network, 0)(torch.tensor([[[1.0, 2, 4, 3]]])).tolist() == [[[0, 2, 4, 0]]]


def test_pools_are_found_within_compositions():
    block = Residual([MaxPool(2, name="down"), ReLU(), MaxUnpool("stage.residual1.down")])
    module = build(Network("n", (1, 4), Sequential(Conv(1, 1), block, name="stage")), 0)
    x = torch.tensor([[[1.0, 2, 4, 3]]])
    with torch.no_grad():
        module.stage.conv1.weight.fill_(1)
    assert module(x).tolist() == [[[1, 4, 8, 3]]]


def test_a_copy_follows_its_own_pool():
    module = build(Network("n", (1, 4), [MaxPool(2), MaxUnpool("pool1")]), 0)
    clone = copy.deepcopy(module)
    rising, falling = torch.tensor([[[1.0, 2, 3, 4]]]), torch.tensor([[[2.0, 1, 4, 3]]])
    module.pool1(rising)
    clone.pool1(falling)
    values = torch.tensor([[[7.0, 9.0]]])
    assert module.unpool1(values).tolist() == [[[0, 7, 0, 9]]]
    assert clone.unpool1(values).tolist() == [[[7, 0, 9, 0]]]


def test_the_pool_belongs_to_one_place_alone():
    module = build(Network("n", (1, 4), [MaxPool(2), MaxUnpool("pool1"), Conv(1, 1)]), 0)
    assert [path for path, _ in module.named_modules()] == ["", "pool1", "unpool1", "conv1"]
    assert list(module.state_dict()) == ["conv1.weight", "conv1.bias"]


def test_within_an_auxiliary_head_a_pool_may_be_undone():
    head = AuxHead([MaxPool(2, name="pool"), MaxUnpool("side.pool")], name="side")
    module = build(Network("n", (1, 4), [head, Conv(1, 1)]), 0).train()
    module(torch.tensor([[[1.0, 2, 4, 3]]]))
    assert module.side.take().tolist() == [[[0, 2, 4, 0]]]


@pytest.mark.parametrize("values", [(1, 1, 3), (2, 1, 2), (1, 2, 2)])
def test_switches_fit_one_shape_alone(values):
    module = build(Network("n", (1, 4), [MaxPool(2), MaxUnpool("pool1")]), 0)
    with pytest.raises(RuntimeError, match="cannot be unpooled") as caught:
        module.unpool1(torch.zeros(1, 1, 2))
    assert str(caught.value) == (
        "values of shape (1, 1, 2) cannot be unpooled: the MaxPool that MaxUnpool names has not run yet. Call the "
        "pool on an input first; its output has the shape that fits."
    )
    module.pool1(torch.zeros(1, 1, 4))
    with pytest.raises(RuntimeError, match="cannot be unpooled") as caught:
        module.unpool1(torch.zeros(values))
    assert str(caught.value) == (
        f"values of shape {values} cannot be unpooled: the MaxPool that MaxUnpool names last gave (1, 1, 2). Give "
        f"values of that shape, or call the pool on the input that they belong to."
    )


def refusal(*layers):
    with pytest.raises(ShapeError) as caught:
        build(Network("n", (2, 8, 8), list(layers)), 0)
    return str(caught.value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [MaxPool(2, name="down"), MaxUnpool("dwon")],
            "unpool1 (MaxUnpool) cannot take (2, 4, 4): pool='dwon' is no MaxPool. Did you mean 'down'? "
            "MaxPool layers before it: down.",
        ),
        (
            [AvgPool(2, name="down"), MaxUnpool("down")],
            "unpool1 (MaxUnpool) cannot take (2, 4, 4): pool='down' is no MaxPool; there is none before it.",
        ),
        (
            [MaxPool(2), MaxUnpool("pool2"), MaxPool(2)],
            "unpool1 (MaxUnpool) cannot take (2, 4, 4): pool='pool2' is no MaxPool. Did you mean 'pool1'? "
            "MaxPool layers before it: pool1.",
        ),
        (  # in evaluation the head does not run
            [AuxHead(MaxPool(2, name="pool")), MaxPool(2), MaxUnpool("aux1.pool")],
            "unpool1 (MaxUnpool) cannot take (2, 4, 4): pool='aux1.pool' is no MaxPool. Did you mean 'pool1'? "
            "MaxPool layers before it: pool1.",
        ),
        (
            [MaxPool(2), Conv(3, 1), MaxUnpool("pool1")],
            "unpool1 (MaxUnpool) cannot take (3, 4, 4): the switches of its pool are for (2, 4, 4); let what "
            "comes before give that shape.",
        ),
        (
            [MaxPool(2), MaxPool(2), MaxUnpool("pool1")],
            "unpool1 (MaxUnpool) cannot take (2, 2, 2): the switches of its pool are for (2, 4, 4); let what "
            "comes before give that shape.",
        ),
    ],
)
def test_a_pool_that_cannot_be_undone_is_refused(layers, message):
    assert refusal(*layers) == message
