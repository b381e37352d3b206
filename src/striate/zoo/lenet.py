"""LeNet-5 as it is usually drawn, and its modern readings.

LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document Recognition, 1998. The networks
exactly as LeCun's papers have them are in `striate.zoo.lenet_published`.
"""

from striate.spec import AvgPool, Conv, Flatten, Linear, MaxPool, Network, ReLU, Sequential, Tanh
from striate.zoo.registry import Paper, named

__all__ = ["lenet5", "lenet5_lecture", "lenet5_relu"]

PAPER = Paper(
    "LeCun, Bottou, Bengio, Haffner", "Gradient-Based Learning Applied to Document Recognition", 1998
)


@named(PAPER)
def lenet5(num_classes: int = 10) -> Network:
    """LeNet-5 as it is usually drawn: 32×32, average pooling, tanh, C3 reading all of S2; 61,706 parameters."""
    return Network(
        "lenet5",
        (1, 32, 32),
        Sequential(
            Conv(6, 5, name="c1"),
            Tanh(),
            AvgPool(2, name="s2"),
            Conv(16, 5, name="c3"),
            Tanh(),
            AvgPool(2, name="s4"),
            Conv(120, 5, name="c5"),
            Tanh(),
            Flatten(),
            Linear(84, name="f6"),
            Tanh(),
            Linear(num_classes, name="output"),
        ),
    )


@named(PAPER)
def lenet5_relu(num_classes: int = 10) -> Network:
    """LeNet-5 for 28×28 images with ReLU and max pooling, as frameworks' tutorials have it; 61,706 parameters."""
    first = Conv(6, 5, padding=2, name="conv1")
    return Network("lenet5_relu", (1, 28, 28), _with_relu(first, num_classes))


@named(PAPER)
def lenet5_lecture(num_classes: int = 10) -> Network:
    """LeNet-5 as lectures draw it for color images: 3×32×32, 8 and 16 maps, max pooling; 62,958 parameters."""
    return Network("lenet5_lecture", (3, 32, 32), _with_relu(Conv(8, 5, name="conv1"), num_classes))


def _with_relu(first: Conv, num_classes: int) -> Sequential:
    return Sequential(
        first,
        ReLU(),
        MaxPool(2),
        Conv(16, 5, name="conv2"),
        ReLU(),
        MaxPool(2),
        Flatten(),
        Linear(120, name="fc1"),
        ReLU(),
        Linear(84, name="fc2"),
        ReLU(),
        Linear(num_classes, name="output"),
    )
