"""Recurrent layers equal their equations, step by step in float64.

Legend: T steps, C values per step, H hidden units.
"""

import itertools

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers

from striate.nn import build
from striate.spec import GRU, LSTM, RNN, Embedding, LastStep, Linear, Network, Softmax


def logistic(x):
    return 1 / (1 + np.exp(-x))


def elman(act):
    def step(x, state, w, u, b, c):
        (h,) = state
        return (act(w[0] @ x + b[0] + u[0] @ h + c[0]),)

    return step


def lstm(x, state, w, u, b, c):
    """Input, forget, cell and output gate, in the order of torch (Gers et al. 1999)."""
    h, cell = state
    i, f, g, o = (w[n] @ x + b[n] + u[n] @ h + c[n] for n in range(4))
    cell = logistic(f) * cell + logistic(i) * np.tanh(g)
    return logistic(o) * np.tanh(cell), cell


def gru(x, state, w, u, b, c):
    """Reset, update and new gate; the reset gate stands behind the product, as in torch and cuDNN."""
    (h,) = state
    r = logistic(w[0] @ x + b[0] + u[0] @ h + c[0])
    z = logistic(w[1] @ x + b[1] + u[1] @ h + c[1])
    new = np.tanh(w[2] @ x + b[2] + r * (u[2] @ h + c[2]))
    return ((1 - z) * new + z * h,)


# gates, values of the state, the step
STEPS = {
    "RNN": (1, 1, elman(np.tanh)),
    "relu": (1, 1, elman(lambda x: np.maximum(x, 0))),
    "LSTM": (4, 2, lstm),
    "GRU": (3, 1, gru),
}


def stack(layer, parameters, x):
    """Return the outputs (T, ways·H) of a recurrent layer for one sequence (T, C)."""
    relu = getattr(layer, "activation", "") == "relu"
    gates, held, step = STEPS["relu" if relu else layer.kind]
    none = np.zeros((gates, layer.hidden_size))
    for number in range(layer.num_layers):
        ways = []
        for suffix in ("", "_reverse")[: 1 + layer.bidirectional]:
            at = f"l{number}{suffix}"
            w, u = (parameters[f"weight_{part}_{at}"] for part in ("ih", "hh"))
            w, u = (matrix.reshape(gates, layer.hidden_size, -1) for matrix in (w, u))
            b, c = (parameters.get(f"bias_{part}_{at}", none).reshape(gates, -1) for part in ("ih", "hh"))
            state = (np.zeros(layer.hidden_size),) * held
            outputs = []
            for value in x[::-1] if suffix else x:
                state = step(value, state, w, u, b, c)
                outputs.append(state[0])
            ways.append(outputs[::-1] if suffix else outputs)
        x = np.concatenate(ways, axis=1)
    return x


VARIANTS = [
    {},
    {"bias": False},
    {"num_layers": 3},
    {"bidirectional": True},
    {"bidirectional": True, "num_layers": 2, "bias": False},
]
LAYERS = [
    *(kind(3, **options) for kind, options in itertools.product((RNN, LSTM, GRU), VARIANTS)),
    RNN(3, activation="relu"),
    RNN(2, activation="relu", num_layers=2, bidirectional=True),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("shape", [(1, 4), (6, 2), (5, 1)], ids=str)
def test_steps_equal_their_equations(shape, layer):
    module, x = module_of(layer, shape), drawn(3, *shape)
    (parameters,) = ({name: numbers(p) for name, p in part.named_parameters()} for part in module)
    by_hand = [stack(layer, parameters, sequence) for sequence in x.numpy()]
    np.testing.assert_allclose(numbers(module(x)), by_hand, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(numbers(module.eval()(x)), by_hand, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_step_sees_no_later_one_unless_it_reads_both_ways(kind):
    for both in (False, True):
        module, x = module_of(kind(3, num_layers=2, bidirectional=both), (6, 2)), drawn(1, 6, 2)
        x.requires_grad_()
        module(x)[0, 3].sum().backward()
        seen = x.grad[0].abs().sum(1) > 0
        assert seen.tolist() == [True] * 4 + [both] * 2


def test_an_lstm_whose_gates_say_so_keeps_what_it_got_forever():
    # The constant error carousel (Hochreiter and Schmidhuber 1997): 1000 steps on, value and gradient are as given.
    module = module_of(LSTM(1), (1000, 1))
    part = module.lstm1
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.zero_()
        part.weight_ih_l0[0] = 100.0  # the input gate opens at a one,
        part.bias_ih_l0[:] = torch.tensor(
            [-50.0, 50.0, 1.0, 50.0]
        )  # else is shut; forget and output are open
    x = torch.zeros(1, 1000, 1, dtype=torch.float64)
    x[0, 0] = 1
    part.bias_ih_l0.requires_grad_()
    end = module(x)[0, -1, 0]
    assert end.item() == pytest.approx(np.tanh(np.tanh(1.0)), rel=1e-12)
    end.backward()
    slope = (1 - np.tanh(np.tanh(1.0)) ** 2) * (1 - np.tanh(1.0) ** 2)  # of tanh(tanh(g)) at the first step
    assert part.bias_ih_l0.grad[2].item() == pytest.approx(slope, rel=1e-9)


def test_the_gradient_of_an_elman_layer_vanishes_or_explodes():
    # Bengio et al. 1994: with h = u·h' + x the gradient of step T to step 1 is u^(T − 1), here by a ReLU left open.
    for u in (0.5, 1.0, 1.5):
        module = module_of(RNN(1, bias=False, activation="relu"), (50, 1))
        with torch.no_grad():
            module.rnn1.weight_ih_l0.fill_(1)
            module.rnn1.weight_hh_l0.fill_(u)
        x = torch.ones(1, 50, 1, dtype=torch.float64, requires_grad=True)
        module(x)[0, -1].backward()
        by_hand = [u**steps for steps in range(49, -1, -1)]
        assert x.grad.flatten().tolist() == pytest.approx(by_hand, rel=1e-12)


def test_a_tagger_gives_a_distribution_at_each_step():
    # Tokens, vectors, states, scores, probabilities: each step alone, by NumPy.
    layers = [Embedding(4, 3), GRU(2), Linear(5, per_step=True), Softmax(per_step=True)]
    module, tokens = module_of(layers, (7,)), torch.tensor([[0, 3, 1, 1, 2, 0, 3]])
    held = {name: numbers(p) for name, p in module.named_parameters()}
    vectors = np.array([held["embedding1.weight"][token] for token in tokens[0].tolist()])
    own = {name.removeprefix("gru1."): value for name, value in held.items()}
    states = stack(layers[1], own, vectors)
    scores = np.array([held["linear1.weight"] @ state + held["linear1.bias"] for state in states])
    shares = np.exp(scores)
    by_hand = np.array([row / row.sum() for row in shares])
    np.testing.assert_allclose(numbers(module(tokens))[0], by_hand, rtol=1e-9)


def test_networks_of_one_description_take_any_number_of_steps():
    module = build(Network("n", (6, 2), [LSTM(3), LastStep(), Linear(2)]), 0).double()
    x = drawn(2, 11, 2)
    by_hand = module.linear1(module.lstm1(x)[:, 10])
    assert torch.equal(module(x), by_hand)
