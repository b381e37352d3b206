"""Sequences ``(T, C)``: T steps of C values each; and of tokens, ``(T,)`` whole numbers from 0.

A signal ``(C, L)`` has its channels first, as convolutions want them; `Transpose` turns one into the other.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from striate.spec.layers.base import Layer
from striate.spec.node import layer_kind
from striate.spec.values import Count

__all__ = ["GRU", "LSTM", "RNN", "Embedding", "LastStep", "LinearChainCRF", "OneHot", "Transpose"]


@layer_kind
class Embedding(Layer):
    """A learned vector for each token: ``(T,) -> (T, dim)``, tokens from 0 to ``num_embeddings - 1``.

    Weights: ``(num_embeddings, dim)``.
    """

    stem: ClassVar[str] = "embedding"

    num_embeddings: Count
    dim: Count


@layer_kind
class OneHot(Layer):
    """Each token as a row of the identity matrix: ``(T,) -> (T, num_tokens)``, tokens from 0."""

    stem: ClassVar[str] = "onehot"

    num_tokens: Count


@layer_kind
class RNN(Layer):
    """Elman's recurrent layer (1990): ``(T, C) -> (T, hidden_size)``, ``h = act(W x + b + U h' + c)``.

    Each layer of a stack reads the one below at the same step. The first state is zero.

    Attributes:
        num_layers: Layers on top of each other.
        bidirectional: Whether a second stack reads from the end; the outputs then have twice the size.
        activation: ``"tanh"`` or ``"relu"``.
    """

    stem: ClassVar[str] = "rnn"

    hidden_size: Count
    num_layers: Count = 1
    bidirectional: bool = False
    bias: bool = True
    activation: Literal["tanh", "relu"] = "tanh"


@layer_kind
class LSTM(Layer):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates): ``(T, C) -> (T, hidden_size)``.

    Attributes:
        num_layers: Layers on top of each other.
        bidirectional: Whether a second stack reads from the end; the outputs then have twice the size.
    """

    stem: ClassVar[str] = "lstm"

    hidden_size: Count
    num_layers: Count = 1
    bidirectional: bool = False
    bias: bool = True


@layer_kind
class GRU(Layer):
    """Gated recurrent units (Cho et al. 2014): ``(T, C) -> (T, hidden_size)``.

    Attributes:
        num_layers: Layers on top of each other.
        bidirectional: Whether a second stack reads from the end; the outputs then have twice the size.
    """

    stem: ClassVar[str] = "gru"

    hidden_size: Count
    num_layers: Count = 1
    bidirectional: bool = False
    bias: bool = True


@layer_kind
class LastStep(Layer):
    """The last step of a sequence: ``(T, C) -> (C,)``."""

    stem: ClassVar[str] = "last"


@layer_kind
class Transpose(Layer):
    """A sequence as a signal or a signal as a sequence: ``(T, C) -> (C, T)``, ``(C, L) -> (L, C)``."""

    stem: ClassVar[str] = "transpose"


@layer_kind
class LinearChainCRF(Layer):
    """A linear-chain conditional random field over K labels (Lafferty et al. 2001): ``(T, K) -> (T, K)``.

    It reads a score for each label at each step and gives the logarithm of the label's probability there, all label
    sequences considered. The module also gives the likelihood of a label sequence (``log_likelihood``) and the most
    likely one (``viterbi``). Weights: transitions ``(K, K)``, from row to column, and scores ``(K,)`` of a label at
    the start and at the end.
    """

    stem: ClassVar[str] = "crf"
