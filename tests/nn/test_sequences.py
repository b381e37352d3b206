"""Tokens, steps and their rearrangement: every value is where a loop over images, steps and channels puts it."""

import math

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers

from striate.nn import build
from striate.spec import Conv, Embedding, LastStep, Linear, Network, OneHot, Reshape, Softmax, Transpose

TOKENS = torch.tensor([[0, 4, 2, 2], [3, 0, 0, 1]])


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_an_embedding_is_a_row_for_each_token(dtype):
    module = module_of(Embedding(5, 3), (4,))
    rows = module.embedding1.weight.tolist()
    assert module(TOKENS.to(dtype)).tolist() == [[rows[t] for t in line] for line in TOKENS.tolist()]


def test_the_gradient_of_an_embedding_counts_each_token():
    module = module_of(Embedding(5, 3), (4,))
    module(TOKENS).sum().backward()
    counts = [TOKENS.flatten().tolist().count(token) for token in range(5)]
    assert module.embedding1.weight.grad.tolist() == [[count] * 3 for count in counts]


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.float32])
def test_one_hot_rows(dtype):
    module = build(Network("n", (4,), OneHot(5)), 0)
    by_hand = [[[float(t == k) for k in range(5)] for t in line] for line in TOKENS.tolist()]
    answer = module(TOKENS.to(dtype))
    assert answer.tolist() == by_hand
    assert answer.dtype == torch.float32
    assert module.double()(TOKENS).dtype == torch.float64


def test_one_hot_before_a_linear_layer_is_an_embedding():
    embedding = module_of(Embedding(5, 3), (4,))
    both = module_of([OneHot(5), Linear(3, bias=False, per_step=True)], (4,))
    with torch.no_grad():
        both.linear1.weight.copy_(embedding.embedding1.weight.T)
    assert torch.equal(both(TOKENS), embedding(TOKENS))


@pytest.mark.parametrize("token", [5, -1])
def test_a_token_that_is_none_is_refused(token):
    for layer in (Embedding(5, 3), OneHot(5)):
        with pytest.raises((IndexError, RuntimeError), match=r"range|negative|smaller"):
            module_of(layer, (4,))(torch.tensor([[0, 1, 2, token]]))


def test_the_last_step():
    x = drawn(3, 5, 2)
    assert module_of(LastStep(), (5, 2))(x).tolist() == [sequence[4] for sequence in x.tolist()]


def test_transposing_makes_a_sequence_a_signal_and_back():
    x = drawn(3, 5, 2)
    answer = module_of(Transpose(), (5, 2))(x).tolist()
    assert answer == [[[row[c] for row in sequence] for c in range(2)] for sequence in x.tolist()]
    assert torch.equal(module_of([Transpose(), Transpose()], (5, 2))(x), x)


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layer_per_step(bias):
    module, x = module_of(Linear(4, bias=bias, per_step=True), (5, 3)), drawn(2, 5, 3)
    weight = module.linear1.weight.tolist()
    biases = module.linear1.bias.tolist() if bias else [0.0] * 4
    by_hand = [
        [
            [
                math.fsum(w * v for w, v in zip(row, step, strict=True)) + b
                for row, b in zip(weight, biases, strict=True)
            ]
            for step in sequence
        ]
        for sequence in x.tolist()
    ]
    np.testing.assert_allclose(numbers(module(x)), by_hand, rtol=1e-12, atol=1e-12)


def test_a_linear_layer_per_step_is_a_convolution_of_size_one():
    linear = module_of(Linear(4, per_step=True), (5, 3))
    conv = module_of([Transpose(), Conv(4, 1), Transpose()], (5, 3))
    with torch.no_grad():
        conv.conv1.weight.copy_(linear.linear1.weight.unsqueeze(2))
        conv.conv1.bias.copy_(linear.linear1.bias)
    x = drawn(2, 5, 3)
    torch.testing.assert_close(linear(x), conv(x), rtol=1e-12, atol=1e-12)


def test_softmax_per_step():
    x = 5 * drawn(2, 5, 3)
    by_hand = [
        [[math.exp(v) / sum(map(math.exp, step)) for v in step] for step in sequence]
        for sequence in x.tolist()
    ]
    answer = numbers(module_of(Softmax(per_step=True), (5, 3))(x))
    np.testing.assert_allclose(answer, by_hand, rtol=1e-12)
    # Scores that would overflow are no trouble.
    large = module_of(Softmax(per_step=True), (1, 2))(torch.tensor([[[1000.0, 0.0]]], dtype=torch.float64))
    assert large.tolist() == [[[1, 0]]]


def test_a_reshape_lays_values_out_in_their_order():
    x = drawn(2, 3, 4)
    answer = module_of(Reshape((2, 2, 3)), (3, 4))(x)
    for sample, values in zip(answer.tolist(), x.tolist(), strict=True):
        flat = [value for row in values for value in row]
        assert sample == [[flat[6 * c + 3 * y : 6 * c + 3 * y + 3] for y in range(2)] for c in range(2)]
    again = module_of([Reshape((12,)), Reshape((3, 4))], (3, 4))
    assert torch.equal(again(x), x)
