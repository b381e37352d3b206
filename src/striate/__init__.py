"""Striate designs, trains, explains and ships convolutional networks. A network is data.

    import striate as st

    net = st.zoo.lenet5()
    st.analyze(net)                              # its arithmetic, before it exists
    run = st.fit(net, data="digits", epochs=10)  # a run folder
    run.evaluate("test").accuracy

Names are loaded when they are first used: describing and inspecting never load torch.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from striate import zoo
    from striate.analyze import Analysis, analyze
    from striate.errors import (
        ConfigError,
        DataError,
        DescriptionError,
        RunError,
        ShapeError,
        StriateError,
        TrainingError,
        WeightsError,
    )
    from striate.nn import build, load_weights, save_weights
    from striate.run import Run, fit
    from striate.ship import Prediction
    from striate.spec import (
        ELU,
        GELU,
        AuxHead,
        AvgPool,
        BatchNorm,
        Concat,
        Conv,
        Dropout,
        Flatten,
        GlobalAvgPool,
        Identity,
        LeakyReLU,
        Linear,
        LocalResponseNorm,
        MaxPool,
        Network,
        ReLU,
        Repeat,
        Residual,
        Sequential,
        Sigmoid,
        SiLU,
        Softmax,
        Softplus,
        Tanh,
    )
    from striate.train import Evaluation, TrainConfig, train

_HOMES = {
    "analyze": "Analysis analyze",
    "errors": (
        "ConfigError DataError DescriptionError RunError ShapeError StriateError TrainingError WeightsError"
    ),
    "nn": "build load_weights save_weights",
    "run": "Run fit",
    "ship": "Prediction",
    "spec": (
        "AuxHead AvgPool BatchNorm Concat Conv Dropout ELU Flatten GELU GlobalAvgPool Identity "
        "LeakyReLU Linear LocalResponseNorm MaxPool Network ReLU Repeat Residual Sequential "
        "SiLU Sigmoid Softmax Softplus Tanh"
    ),
    "train": "Evaluation TrainConfig train",
}
_HOME_OF = {name: room for room, names in _HOMES.items() for name in names.split()}
_ROOMS = ("data", "errors", "nn", "ship", "spec", "zoo")

__all__ = [
    "ELU",
    "GELU",
    "Analysis",
    "AuxHead",
    "AvgPool",
    "BatchNorm",
    "Concat",
    "ConfigError",
    "Conv",
    "DataError",
    "DescriptionError",
    "Dropout",
    "Evaluation",
    "Flatten",
    "GlobalAvgPool",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "Network",
    "Prediction",
    "ReLU",
    "Repeat",
    "Residual",
    "Run",
    "RunError",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "StriateError",
    "Tanh",
    "TrainConfig",
    "TrainingError",
    "WeightsError",
    "__version__",
    "analyze",
    "build",
    "fit",
    "load_weights",
    "save_weights",
    "train",
    "zoo",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f"striate.{_HOME_OF[name]}"), name)
    if name in _ROOMS:
        return import_module(f"striate.{name}")
    raise AttributeError(f"module 'striate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _Striate(ModuleType):
    """Keeps ``striate.analyze`` and ``striate.train`` the functions that users mean.

    Python binds each room to its name here when the room is first imported, which would hide them.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Striate
