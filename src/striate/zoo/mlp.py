"""Multilayer perceptrons."""

from striate.spec import Flatten, Linear, Network, ReLU, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["mlp"]

PAPER = Paper(
    "LeCun, Bottou, Bengio, Haffner", "Gradient-Based Learning Applied to Document Recognition", 1998
)


@named(PAPER)
def mlp(
    num_classes: int = 10, input: tuple[int, ...] = (1, 28, 28), hidden: tuple[int, ...] = (300, 100)
) -> Network:
    """Fully connected layers and ReLU, as 28×28-300-100-10 of 1998 with another activation; 266,610 parameters.

    Args:
        num_classes: Number of outputs.
        input: Shape of one image.
        hidden: Width of each hidden layer.
    """
    widths = [layer for width in hidden for layer in (Linear(width), ReLU())]
    return Network("mlp", input, Sequential(Flatten(), *widths, Linear(num_classes)))
