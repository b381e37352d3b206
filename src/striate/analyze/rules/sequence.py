"""The arithmetic of sequences. Legend: T steps, C values per step, H hidden units, K labels."""

from __future__ import annotations

from striate.analyze.rules.base import Arithmetic, Misfit, Shape, arithmetic, need_steps
from striate.analyze.terms import NOTHING, Sum, product
from striate.spec.layers import GRU, LSTM, RNN, Embedding, LastStep, LinearChainCRF, OneHot, Transpose

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@arithmetic.register
def _(layer: Embedding, shape: Shape) -> Arithmetic:
    _need_tokens(shape)
    return Arithmetic((*shape, layer.dim), weights=product(layer.num_embeddings, layer.dim), tokens=True)


@arithmetic.register
def _(layer: OneHot, shape: Shape) -> Arithmetic:
    _need_tokens(shape)
    return Arithmetic((*shape, layer.num_tokens), tokens=True)


@arithmetic.register(RNN)
@arithmetic.register(LSTM)
@arithmetic.register(GRU)
def _(layer: RNN | LSTM | GRU, shape: Shape) -> Arithmetic:
    need_steps(shape)
    steps, features = shape
    gates, hidden, ways = _GATES[layer.kind], layer.hidden_size, 1 + layer.bidirectional
    matrices = [(ways, gates * hidden, features + hidden)]
    if (above := layer.num_layers - 1) > 0:  # they read the outputs of the one below
        times = (above,) if above > 1 else ()
        matrices.append((*times, ways, gates * hidden, ways * hidden + hidden))
    output = (steps, ways * hidden)
    each = Sum(tuple((steps, *matrix) for matrix in matrices))
    return Arithmetic(
        output,
        weights=Sum(tuple(matrices)),
        # torch keeps one bias for the input and one for the state.
        biases=product(layer.num_layers, ways, 2, gates * hidden) if layer.bias else NOTHING,
        macs=each,
        neurons=product(layer.num_layers, *output),
        dense=product(*shape, *output),
        local=each,
        seen=(steps,),
        along=0,
        stacked=layer.num_layers,
    )


@arithmetic.register
def _(layer: LastStep, shape: Shape) -> Arithmetic:
    need_steps(shape)
    return Arithmetic(shape[1:], seen=shape[:1], along=0)


@arithmetic.register
def _(layer: Transpose, shape: Shape) -> Arithmetic:
    if len(shape) != 2:
        raise Misfit("it needs a sequence (T, C) or a signal (C, L), which others become by Reshape")
    return Arithmetic(shape[::-1])


@arithmetic.register
def _(layer: LinearChainCRF, shape: Shape) -> Arithmetic:
    need_steps(shape)
    labels = shape[1]
    weights = Sum(((labels, labels), (2, labels)))
    return Arithmetic(shape, weights=weights, seen=shape[:1], along=0)


def _need_tokens(shape: Shape) -> None:
    if len(shape) != 1:
        raise Misfit("it needs tokens (T,), whole numbers, as the network's input")
