"""A description as runs of layers, each of which reads just what the one before it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from striate.analyze import Analysis, Row
from striate.spec import AuxHead, Concat, Network, Placed, Repeat, Residual, Sequential
from striate.spec.layers import Layer

__all__ = ["ACTIVATIONS", "NORMS", "PASSES", "WEIGHTED", "Run", "Step", "runs"]

WEIGHTED = frozenset(
    "Conv ConvTranspose DepthwiseConv SeparableConv LocallyConnected TiledConv TableConv Linear DropConnect".split()
)
"""Kinds that are linear but for a bias, with weights."""

ACTIVATIONS = frozenset(
    "ReLU LeakyReLU ELU GELU SiLU ReLU6 RReLU PReLU SELU Mish HardSigmoid ScaledTanh Softplus Tanh Sigmoid "
    "Softmax Maxout".split()
)
NORMS = frozenset("BatchNorm LayerNorm GroupNorm InstanceNorm LocalResponseNorm LocalContrastNorm".split())
PASSES = frozenset("Identity Dropout SpatialDropout GaussianNoise StochasticDepth SparsityPenalty".split())
"""Kinds that do nothing in evaluation."""


@dataclass(frozen=True, slots=True)
class Step:
    """A layer in a run, with its figures."""

    path: str
    node: Layer
    row: Row

    @property
    def kind(self) -> str:
        """The name of its kind."""
        return self.node.kind

    @property
    def named(self) -> str:
        """Path and kind, as messages call it."""
        return f"{self.path} ({self.kind})"


@dataclass(frozen=True, slots=True)
class Run:
    """Layers one after another, with nothing that branches off or joins between them.

    Attributes:
        shortcut: Whether it is that of a `Residual`.
        last: Whether its end is that of the network.
    """

    steps: tuple[Step, ...]
    shortcut: bool = False
    last: bool = False


def runs(network: Network, analysis: Analysis) -> tuple[Run, ...]:
    """Return every run of ``network``, those of auxiliary heads among them."""
    rows = {row.path: row for row in analysis.layers}
    found = list(_cut(network.placed, rows, shortcut=False, last=True))
    heads = [part for top in network.placed for part in top.walk() if isinstance(part.node, AuxHead)]
    for head in heads:
        found += _cut(head.chains[0], rows, shortcut=False, last=False)
    return tuple(run for run in found if run.steps)


def _cut(chain: tuple[Placed, ...], rows: dict[str, Row], *, shortcut: bool, last: bool) -> Iterator[Run]:
    steps: list[Step] = []
    for part in _spliced(chain):
        match part.node:
            case Layer():
                steps.append(Step(part.path, part.node, rows[part.path]))
            case Residual() | Concat():
                yield Run(tuple(steps), shortcut)
                steps = []
                for number, inner in enumerate(part.chains):
                    aside = isinstance(part.node, Residual) and number == 1
                    yield from _cut(inner, rows, shortcut=shortcut or aside, last=False)
    yield Run(tuple(steps), shortcut, last)


def _spliced(chain: tuple[Placed, ...]) -> Iterator[Placed]:
    """Yield the parts of a chain with what Sequential and Repeat hold in their place, without auxiliary heads."""
    for part in chain:
        if isinstance(part.node, Sequential | Repeat):
            yield from _spliced(part.chains[0])
        elif not isinstance(part.node, AuxHead):
            yield part
