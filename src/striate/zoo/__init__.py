"""The named networks, each a function that returns a `Network`.

Every function takes ``num_classes``; `get` finds one by name.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from striate.errors import DescriptionError, unknown_name
from striate.spec import Network
from striate.zoo.alexnet import alexnet
from striate.zoo.googlenet import googlenet, googlenet_aux
from striate.zoo.lenet import lenet5, lenet5_relu
from striate.zoo.mlp import mlp
from striate.zoo.resnet import resnet18
from striate.zoo.vgg import vgg16

__all__ = [
    "NETWORKS",
    "alexnet",
    "get",
    "googlenet",
    "googlenet_aux",
    "lenet5",
    "lenet5_relu",
    "mlp",
    "resnet18",
    "vgg16",
]

NETWORKS: Mapping[str, Callable[..., Network]] = MappingProxyType(
    {
        function.__name__: function
        for function in (mlp, lenet5, lenet5_relu, alexnet, vgg16, googlenet, googlenet_aux, resnet18)
    }
)
"""Every named network's function, oldest first."""


def get(name: str) -> Callable[..., Network]:
    """Return the function of the network called ``name``.

    Raises:
        DescriptionError: if there is none; the message suggests the nearest.
    """
    if name not in NETWORKS:
        raise DescriptionError(unknown_name("network", name, NETWORKS))
    return NETWORKS[name]
