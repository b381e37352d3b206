"""Networks found by name and by alias."""

import pytest

from striate.errors import DescriptionError
from striate.zoo import ALIASES, NETWORKS, find


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("vgg_a", "vgg11"),
        ("vgg_a_lrn", "vgg11_lrn"),
        ("vgg_b", "vgg13"),
        ("vgg_c", "vgg16_c"),
        ("vgg_d", "vgg16"),
        ("vgg_e", "vgg19"),
    ],
)
def test_the_letters_of_vgg(alias, name):
    assert find(alias) == find(name)
    assert find(alias, num_classes=3) == find(name, num_classes=3)
    assert alias in NETWORKS[name].aliases


def test_no_alias_hides_a_name():
    assert not ALIASES.keys() & NETWORKS.keys()
    assert set(ALIASES.values()) <= NETWORKS.keys()
    assert sum(len(entry.aliases) for entry in NETWORKS.values()) == len(ALIASES)


@pytest.mark.parametrize(
    ("name", "near"), [("vgg_f", "'vgg_e'"), ("resnet19", "'resnet18'"), ("VGG16", "'vgg16'")]
)
def test_an_unknown_name_suggests_the_nearest_names_and_aliases(name, near):
    with pytest.raises(DescriptionError) as caught:
        find(name)
    text = str(caught.value)
    assert text.startswith(f"unknown network {name!r}. Did you mean ")
    assert near in text
    assert text.endswith("striate zoo lists all of them. Or give a .yaml or .json file, or module:function.")


def test_a_folder_is_no_network(tmp_path):
    with pytest.raises(DescriptionError) as caught:
        find(str(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path} is a folder; give a zoo name, a .yaml or .json file, or module:function."
    )
