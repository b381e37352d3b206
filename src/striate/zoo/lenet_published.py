"""The LeNets as LeCun's papers have them: trainable subsampling, tables of connections, scaled tanh.

Tables number maps from 0, where the papers begin with 1.
"""

from striate.spec import (
    RBF,
    Concat,
    Conv,
    Flatten,
    Linear,
    Network,
    ScaledTanh,
    Sequential,
    Subsample,
    TableConv,
)
from striate.zoo.registry import Paper, named

__all__ = ["lenet1", "lenet4", "lenet5_1998"]

_Table = tuple[tuple[int, ...], ...]


def _cyclic(count: int, width: int, maps: int) -> _Table:
    """Return ``count`` rows, the i-th naming ``width`` neighbors of ``maps`` from the i-th on, cyclically."""
    return tuple(tuple(sorted((i + j) % maps for j in range(width))) for i in range(count))


@named(
    Paper(
        "LeCun, Boser, Denker, Henderson, Howard, Hubbard, Jackel",
        "Handwritten Digit Recognition with a Back-Propagation Network",
        1990,
    )
)
def lenet1(num_classes: int = 10) -> Network:
    """LeNet-1, the first network of alternating convolutions and subsampling; 2,578 parameters.

    Its table of H3 is the paper's; 98,442 connections.
    """
    half: _Table = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1))
    h3 = half + tuple(tuple(i + 2 for i in row) for row in half)
    return Network(
        "lenet1",
        (1, 28, 28),
        Sequential(
            Conv(4, 5, name="h1"),
            ScaledTanh(),
            Subsample(2, name="h2"),
            ScaledTanh(),
            TableConv(h3, 5, name="h3"),
            ScaledTanh(),
            Subsample(2, name="h4"),
            ScaledTanh(),
            Flatten(),
            Linear(num_classes, name="output"),
        ),
    )


@named(
    Paper(
        "LeCun, Jackel, Bottou, Brunot, Cortes, Denker, Drucker, Guyon, Müller, Säckinger, Simard, Vapnik",
        "Comparison of Learning Algorithms for Handwritten Digit Recognition",
        1995,
    )
)
def lenet4(num_classes: int = 10) -> Network:
    """LeNet-4, which the paper gives "about 17,000" parameters; 16,998 with tables of our choice.

    The paper has the layers, two subsampling maps to each map of C1, and "about 260,000" connections; how C3 and C5
    are connected it does not print. With these tables, of 60 and 560 pairs of maps, there are 258,306.
    """
    c3 = _cyclic(8, 3, maps=8) + _cyclic(7, 4, maps=8) + (tuple(range(8)),)
    c5 = _cyclic(80, 5, maps=16) + _cyclic(40, 4, maps=16)
    return Network(
        "lenet4",
        (1, 32, 32),
        Sequential(
            Conv(4, 5, name="c1"),
            ScaledTanh(),
            Concat(Subsample(2), Subsample(2), name="s2"),
            ScaledTanh(),
            TableConv(c3, 5, name="c3"),
            ScaledTanh(),
            Subsample(2, name="s4"),
            ScaledTanh(),
            TableConv(c5, 5, name="c5"),
            ScaledTanh(),
            Flatten(),
            Linear(num_classes, name="output"),
        ),
    )


@named(
    Paper("LeCun, Bottou, Bengio, Haffner", "Gradient-Based Learning Applied to Document Recognition", 1998)
)
def lenet5_1998(num_classes: int = 10) -> Network:
    """LeNet-5 exactly as published, with the paper's table of C3 and distances to codes; 60,000 parameters.

    340,908 connections, 840 of them to the codes of the classes, which are fixed.
    """
    c3 = (
        *_cyclic(6, 3, maps=6),
        *_cyclic(6, 4, maps=6),
        *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
        tuple(range(6)),
    )
    return Network(
        "lenet5_1998",
        (1, 32, 32),
        Sequential(
            Conv(6, 5, name="c1"),
            ScaledTanh(),
            Subsample(2, name="s2"),
            ScaledTanh(),
            TableConv(c3, 5, name="c3"),
            ScaledTanh(),
            Subsample(2, name="s4"),
            ScaledTanh(),
            Conv(120, 5, name="c5"),
            ScaledTanh(),
            Flatten(),
            Linear(84, name="f6"),
            ScaledTanh(),
            RBF(num_classes, name="output"),
        ),
    )
