"""The layers PyTorch lacks or does otherwise. They are ordinary modules and know nothing of descriptions."""

from striate.nn.layers.compose import AuxHead, Concat, Residual, aux_losses
from striate.nn.layers.padded import (
    PaddedAvgPool,
    PaddedConv1d,
    PaddedConv2d,
    PaddedConv3d,
    PaddedMaxPool1d,
    PaddedMaxPool2d,
    PaddedMaxPool3d,
    PadFirst,
    PadRule,
    Pads,
)
from striate.nn.layers.pooling import GlobalAvgPool

__all__ = [
    "AuxHead",
    "Concat",
    "GlobalAvgPool",
    "PadFirst",
    "PadRule",
    "PaddedAvgPool",
    "PaddedConv1d",
    "PaddedConv2d",
    "PaddedConv3d",
    "PaddedMaxPool1d",
    "PaddedMaxPool2d",
    "PaddedMaxPool3d",
    "Pads",
    "Residual",
    "aux_losses",
]
