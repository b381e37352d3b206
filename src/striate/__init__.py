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
    from striate.analyze import Analysis, Comparison, analyze, compare
    from striate.errors import (
        ChangedError,
        ConfigError,
        DataError,
        DescriptionError,
        DistributedError,
        RunError,
        ShapeError,
        StriateError,
        TrainingError,
        WeightsError,
    )
    from striate.fitting import check, fit, plan, resume, sanity, train
    from striate.nn import Optimized, WeightMapping, load_weights, optimize, save_weights
    from striate.nn.build import build
    from striate.run import Run
    from striate.several import Ensemble, cross_validate, find_lr, fit_ensemble
    from striate.ship import Classifier, Prediction
    from striate.ship.pretrained import pretrained
    from striate.spec import (
        ELU,
        GELU,
        GRU,
        LSTM,
        RBF,
        RNN,
        SELU,
        AdaptiveAvgPool,
        AdaptiveMaxPool,
        AuxHead,
        AvgPool,
        BatchNorm,
        ChannelPool,
        Concat,
        Conv,
        ConvTranspose,
        DepthwiseConv,
        DropConnect,
        Dropout,
        Embedding,
        Flatten,
        GaussianNoise,
        GlobalAvgPool,
        GlobalMaxPool,
        GroupNorm,
        HardSigmoid,
        Identity,
        InstanceNorm,
        LastStep,
        LayerNorm,
        LeakyReLU,
        Linear,
        LinearChainCRF,
        LocalContrastNorm,
        LocallyConnected,
        LocalResponseNorm,
        LpPool,
        Maxout,
        MaxPool,
        MaxUnpool,
        Mish,
        Network,
        OneHot,
        PadChannels,
        PReLU,
        ReLU,
        ReLU6,
        Repeat,
        Reshape,
        Residual,
        RReLU,
        ScaledTanh,
        SeparableConv,
        Sequential,
        Sigmoid,
        SiLU,
        SliceChannels,
        Softmax,
        Softplus,
        SparsityPenalty,
        SpatialDropout,
        StochasticDepth,
        StochasticPool,
        Subsample,
        TableConv,
        Tanh,
        TiledConv,
        Transpose,
        Upsample,
    )
    from striate.train import (
        Evaluation,
        NetworkReport,
        Plan,
        PlanTable,
        RunDiff,
        Sanity,
        Summary,
        TrainConfig,
        diff,
    )

_HOMES = {
    "analyze": "Analysis Comparison analyze compare",
    "errors": (
        "ChangedError ConfigError DataError DescriptionError DistributedError RunError ShapeError StriateError "
        "TrainingError WeightsError"
    ),
    "fitting": "check fit plan resume sanity train",
    "nn": "Optimized WeightMapping build load_weights optimize save_weights",
    "run": "Run",
    "several": "Ensemble cross_validate find_lr fit_ensemble",
    "ship": "Classifier Prediction pretrained",
    "spec": (
        "AdaptiveAvgPool AdaptiveMaxPool AuxHead AvgPool BatchNorm ChannelPool Concat Conv "
        "ConvTranspose DepthwiseConv DropConnect Dropout ELU Embedding Flatten GELU GRU "
        "GaussianNoise GlobalAvgPool GlobalMaxPool GroupNorm HardSigmoid Identity InstanceNorm "
        "LSTM LastStep LayerNorm LeakyReLU Linear LinearChainCRF LocalContrastNorm "
        "LocalResponseNorm LocallyConnected LpPool MaxPool MaxUnpool Maxout Mish Network "
        "OneHot PReLU PadChannels RBF RNN RReLU ReLU ReLU6 Repeat Reshape Residual SELU "
        "ScaledTanh SeparableConv Sequential SiLU Sigmoid SliceChannels Softmax Softplus SparsityPenalty "
        "SpatialDropout StochasticDepth StochasticPool Subsample TableConv Tanh TiledConv "
        "Transpose Upsample"
    ),
    "train": "Evaluation NetworkReport Plan PlanTable RunDiff Sanity Summary TrainConfig diff",
}
_HOME_OF = {name: room for room, names in _HOMES.items() for name in names.split()}
_ROOMS = ("data", "errors", "nn", "ship", "spec", "zoo")

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RBF",
    "RNN",
    "SELU",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Analysis",
    "AuxHead",
    "AvgPool",
    "BatchNorm",
    "ChangedError",
    "ChannelPool",
    "Classifier",
    "Comparison",
    "Concat",
    "ConfigError",
    "Conv",
    "ConvTranspose",
    "DataError",
    "DepthwiseConv",
    "DescriptionError",
    "DistributedError",
    "DropConnect",
    "Dropout",
    "Embedding",
    "Ensemble",
    "Evaluation",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSigmoid",
    "Identity",
    "InstanceNorm",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LinearChainCRF",
    "LocalContrastNorm",
    "LocalResponseNorm",
    "LocallyConnected",
    "LpPool",
    "MaxPool",
    "MaxUnpool",
    "Maxout",
    "Mish",
    "Network",
    "NetworkReport",
    "OneHot",
    "Optimized",
    "PReLU",
    "PadChannels",
    "Plan",
    "PlanTable",
    "Prediction",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Repeat",
    "Reshape",
    "Residual",
    "Run",
    "RunDiff",
    "RunError",
    "Sanity",
    "ScaledTanh",
    "SeparableConv",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SliceChannels",
    "Softmax",
    "Softplus",
    "SparsityPenalty",
    "SpatialDropout",
    "StochasticDepth",
    "StochasticPool",
    "StriateError",
    "Subsample",
    "Summary",
    "TableConv",
    "Tanh",
    "TiledConv",
    "TrainConfig",
    "TrainingError",
    "Transpose",
    "Upsample",
    "WeightMapping",
    "WeightsError",
    "__version__",
    "analyze",
    "build",
    "check",
    "compare",
    "cross_validate",
    "diff",
    "find_lr",
    "fit",
    "fit_ensemble",
    "load_weights",
    "optimize",
    "plan",
    "pretrained",
    "resume",
    "sanity",
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
