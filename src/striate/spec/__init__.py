"""What a network is: one frozen dataclass per layer kind, the ways to compose them, the file format."""

from striate.spec.compose import AuxHead, Concat, Repeat, Residual, Sequential
from striate.spec.files import SCHEMA_VERSION, json_schema
from striate.spec.layers import (
    ELU,
    GELU,
    AvgPool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    MaxPool,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from striate.spec.network import Network
from striate.spec.node import KINDS, Node
from striate.spec.place import Placed

__all__ = [
    "ELU",
    "GELU",
    "KINDS",
    "SCHEMA_VERSION",
    "AuxHead",
    "AvgPool",
    "BatchNorm",
    "Concat",
    "Conv",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool",
    "Network",
    "Node",
    "Placed",
    "ReLU",
    "Repeat",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "json_schema",
]
