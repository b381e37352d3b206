"""The all convolutional net.

Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for Simplicity: The All Convolutional Net, 2014.
"""

from striate.spec import Conv, Dropout, GlobalAvgPool, Network, ReLU, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["all_convolutional"]

PAPER = Paper(
    "Springenberg, Dosovitskiy, Brox, Riedmiller", "Striving for Simplicity: The All Convolutional Net", 2014
)


@named(PAPER)
def all_convolutional(num_classes: int = 10) -> Network:
    """All-CNN-C for CIFAR-10: convolutions of stride 2 in the place of pooling; 1,369,738 parameters.

    Dropout is that of the paper: 20 % of the input, half of the maps behind each layer of stride 2.
    """
    return Network(
        "all_convolutional",
        (3, 32, 32),
        Sequential(
            Dropout(0.2),
            Conv(96, 3, padding=1),
            ReLU(),
            Conv(96, 3, padding=1),
            ReLU(),
            Conv(96, 3, stride=2, padding=1),
            ReLU(),
            Dropout(0.5),
            Conv(192, 3, padding=1),
            ReLU(),
            Conv(192, 3, padding=1),
            ReLU(),
            Conv(192, 3, stride=2, padding=1),
            ReLU(),
            Dropout(0.5),
            Conv(192, 3),
            ReLU(),
            Conv(192, 1),
            ReLU(),
            Conv(num_classes, 1),
            ReLU(),
            GlobalAvgPool(),
        ),
    )
