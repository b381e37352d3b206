"""VGG.

Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014.
"""

from striate.spec import Conv, Dropout, Flatten, Linear, MaxPool, Network, ReLU, Sequential

__all__ = ["vgg16"]

_STAGES_D = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # configuration D: (maps, convolutions)


def vgg16(num_classes: int = 1000) -> Network:
    """VGG-16, the paper's configuration D: 3×3 windows throughout; 138,357,544 parameters."""
    return Network("vgg16", (3, 224, 224), _vgg(_STAGES_D, num_classes))


def _vgg(stages: tuple[tuple[int, int], ...], num_classes: int) -> Sequential:
    features = [_stage(i, maps, depth) for i, (maps, depth) in enumerate(stages, 1)]
    return Sequential(
        *features,
        Flatten(),
        Linear(4096, name="fc1"),
        ReLU(),
        Dropout(0.5),
        Linear(4096, name="fc2"),
        ReLU(),
        Dropout(0.5),
        Linear(num_classes, name="fc3"),
    )


def _stage(number: int, maps: int, depth: int) -> Sequential:
    layers = [layer for _ in range(depth) for layer in (Conv(maps, 3, padding=1), ReLU())]
    return Sequential(*layers, MaxPool(2), name=f"stage{number}")
