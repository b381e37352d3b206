"""ZFNet.

Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, 2013.
"""

from striate.spec import Conv, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool, Network, ReLU, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["zfnet"]

PAPER = Paper("Zeiler, Fergus", "Visualizing and Understanding Convolutional Networks", 2013)


@named(PAPER)
def zfnet(num_classes: int = 1000) -> Network:
    """ZFNet: AlexNet without towers, 7×7 windows at stride 2 in its first layer; 62,357,608 parameters.

    The sizes are those of the paper's figure 3: 110, 55, 26, 13 and 6. Its contrast normalization across maps
    stands behind the first two poolings, with AlexNet's constants.
    """
    norm = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    pool = MaxPool(3, stride=2, padding=1)
    return Network(
        "zfnet",
        (3, 224, 224),
        Sequential(
            Conv(96, 7, stride=2, padding=1, name="conv1"),
            ReLU(),
            pool,
            norm,
            Conv(256, 5, stride=2, name="conv2"),
            ReLU(),
            pool,
            norm,
            Conv(384, 3, padding=1, name="conv3"),
            ReLU(),
            Conv(384, 3, padding=1, name="conv4"),
            ReLU(),
            Conv(256, 3, padding=1, name="conv5"),
            ReLU(),
            MaxPool(3, stride=2),
            Flatten(),
            Linear(4096, name="fc6"),
            ReLU(),
            Dropout(0.5),
            Linear(4096, name="fc7"),
            ReLU(),
            Dropout(0.5),
            Linear(num_classes, name="fc8"),
        ),
    )
