"""Networks for signals ``(C, L)``.

Zhang, Peng, Li, Chen, Zhang: A New Deep Learning Model for Fault Diagnosis with Good Anti-Noise and Domain Adaptation
Ability on Raw Vibration Signals, 2017.
"""

from striate.spec import BatchNorm, Conv, Flatten, Linear, MaxPool, Network, Node, ReLU, Sequential
from striate.zoo.registry import Paper, named

__all__ = ["cnn1d"]

PAPER = Paper(
    "Zhang, Peng, Li, Chen, Zhang",
    "A New Deep Learning Model for Fault Diagnosis with Good Anti-Noise and Domain Adaptation Ability on Raw "
    "Vibration Signals",
    2017,
)


@named(PAPER, aliases=("wdcnn",))
def cnn1d(num_classes: int = 10) -> Network:
    """WDCNN for vibrations: a wide window first, narrow ones behind it; 52,462 parameters.

    The windows are those of the paper's table 2, its 2 in the third convolution included.
    """
    return Network(
        "cnn1d",
        (1, 2048),
        Sequential(
            *_stage(1, maps=16, kernel_size=64, stride=16),
            *_stage(2, maps=32, kernel_size=3),
            *_stage(3, maps=64, kernel_size=2),
            *_stage(4, maps=64, kernel_size=3),
            *_stage(5, maps=64, kernel_size=3, padding="valid"),
            Flatten(),
            Linear(100, name="fc"),
            BatchNorm(),
            ReLU(),
            Linear(num_classes, name="output"),
        ),
    )


def _stage(
    number: int, *, maps: int, kernel_size: int, stride: int = 1, padding: str = "same"
) -> tuple[Node, ...]:
    return (
        Conv(maps, kernel_size, stride=stride, padding=padding, name=f"conv{number}"),
        BatchNorm(),
        ReLU(),
        MaxPool(2, name=f"pool{number}"),
    )
