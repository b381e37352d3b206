"""No layer may be called what its container's module has an attribute for."""

import pytest
from torch import nn

from striate.errors import DescriptionError
from striate.nn import layers
from striate.spec import ReLU
from striate.spec.values import RESERVED_NAMES

CONTAINERS = [
    nn.Module(),
    nn.Sequential(),
    layers.Residual({}, {}),
    layers.Concat({}),
    layers.AuxHead({}, 0.3),
]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: type(container).__name__)
def test_every_public_attribute_of_a_container_is_reserved(container):
    annotated = {name for base in type(container).__mro__ for name in getattr(base, "__annotations__", {})}
    public = {name for name in {*dir(container), *annotated} if not name.startswith("_")}
    assert public - RESERVED_NAMES == set()


def test_nothing_else_is_reserved():
    known = {name for container in CONTAINERS for name in dir(container)} | {
        "call_super_init",
        "T_destination",
    }
    assert RESERVED_NAMES - known == set()


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_reserved_name_is_refused(name):
    with pytest.raises(DescriptionError) as caught:
        ReLU(name=name)
    assert str(caught.value) == (
        f"ReLU: name={name!r} is an attribute of torch modules; choose another name."
    )
