"""Network in network.

Lin, Chen, Yan: Network In Network, 2013; the widths are those of the Caffe model for CIFAR-10 that its authors
published.
"""

from striate.spec import AvgPool, Conv, Dropout, GlobalAvgPool, MaxPool, Network, ReLU, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["nin"]

PAPER = Paper("Lin, Chen, Yan", "Network In Network", 2013)


@named(PAPER)
def nin(num_classes: int = 10) -> Network:
    """Network in network for CIFAR-10: 1×1 convolutions as perceptrons at each position; 966,986 parameters."""
    return Network(
        "nin",
        (3, 32, 32),
        Sequential(
            _mlpconv("mlpconv1", 5, (192, 160, 96)),
            MaxPool(3, stride=2, ceil_mode=True),
            Dropout(0.5),
            _mlpconv("mlpconv2", 5, (192, 192, 192)),
            AvgPool(3, stride=2, ceil_mode=True),
            Dropout(0.5),
            _mlpconv("mlpconv3", 3, (192, 192, num_classes)),
            GlobalAvgPool(),
        ),
    )


def _mlpconv(name: str, kernel_size: int, maps: tuple[int, int, int]) -> Sequential:
    """Return a convolution and two layers of a perceptron that slides along with it."""
    return Sequential(
        Conv(maps[0], kernel_size, padding=kernel_size // 2),
        ReLU(),
        Conv(maps[1], 1),
        ReLU(),
        Conv(maps[2], 1),
        ReLU(),
        name=name,
    )
