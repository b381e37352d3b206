"""The named networks, each a function that returns a `Network`.

Every function takes ``num_classes``; `find` finds one by name.
"""

from striate.zoo.alexnet import alexnet
from striate.zoo.find import NETWORKS, find
from striate.zoo.googlenet import googlenet, googlenet_aux
from striate.zoo.lenet import lenet5, lenet5_relu
from striate.zoo.mlp import mlp
from striate.zoo.resnet import resnet18
from striate.zoo.vgg import vgg16

__all__ = [
    "NETWORKS",
    "alexnet",
    "find",
    "googlenet",
    "googlenet_aux",
    "lenet5",
    "lenet5_relu",
    "mlp",
    "resnet18",
    "vgg16",
]
