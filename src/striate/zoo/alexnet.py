"""AlexNet, with its two towers and with one.

Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep Convolutional Neural Networks, 2012.
Krizhevsky: One weird trick for parallelizing convolutional neural networks, 2014.
"""

from striate.spec import Conv, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool, Network, ReLU, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["alexnet", "alexnet_single"]

PAPER = Paper(
    "Krizhevsky, Sutskever, Hinton", "ImageNet Classification with Deep Convolutional Neural Networks", 2012
)


@named(PAPER)
def alexnet(num_classes: int = 1000) -> Network:
    """AlexNet with its two towers (``groups=2``) and local response normalization; 60,965,224 parameters.

    The paper's 224×224 with 11×11 windows at stride 4 gives its 55×55 maps with padding 2.
    """
    norm = LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
    return Network(
        "alexnet",
        (3, 224, 224),
        Sequential(
            Conv(96, 11, stride=4, padding=2, name="conv1"),
            ReLU(),
            norm,
            MaxPool(3, stride=2),
            Conv(256, 5, padding=2, groups=2, name="conv2"),
            ReLU(),
            norm,
            MaxPool(3, stride=2),
            Conv(384, 3, padding=1, name="conv3"),
            ReLU(),
            Conv(384, 3, padding=1, groups=2, name="conv4"),
            ReLU(),
            Conv(256, 3, padding=1, groups=2, name="conv5"),
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


@named(Paper("Krizhevsky", "One weird trick for parallelizing convolutional neural networks", 2014))
def alexnet_single(num_classes: int = 1000) -> Network:
    """AlexNet with one tower and without normalization, as torchvision has it; 61,100,840 parameters."""
    return Network(
        "alexnet_single",
        (3, 224, 224),
        Sequential(
            Conv(64, 11, stride=4, padding=2, name="conv1"),
            ReLU(),
            MaxPool(3, stride=2),
            Conv(192, 5, padding=2, name="conv2"),
            ReLU(),
            MaxPool(3, stride=2),
            Conv(384, 3, padding=1, name="conv3"),
            ReLU(),
            Conv(256, 3, padding=1, name="conv4"),
            ReLU(),
            Conv(256, 3, padding=1, name="conv5"),
            ReLU(),
            MaxPool(3, stride=2),
            Flatten(),
            Dropout(0.5),
            Linear(4096, name="fc6"),
            ReLU(),
            Dropout(0.5),
            Linear(4096, name="fc7"),
            ReLU(),
            Linear(num_classes, name="fc8"),
        ),
    )
