"""Multilayer perceptrons."""

from striate.spec import Flatten, Linear, Network, ReLU, Sequential

__all__ = ["mlp"]


def mlp(
    num_classes: int = 10, input: tuple[int, ...] = (1, 28, 28), hidden: tuple[int, ...] = (300, 100)
) -> Network:
    """Fully connected layers alone, with ReLU between (LeCun et al. 1998's 28×28-300-100-10, modernized).

    Args:
        num_classes: Number of outputs.
        input: Shape of one image.
        hidden: Width of each hidden layer.
    """
    widths = [layer for width in hidden for layer in (Linear(width), ReLU())]
    return Network("mlp", input, Sequential(Flatten(), *widths, Linear(num_classes)))
