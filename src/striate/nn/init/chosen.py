"""`INITS`: the initializations of a whole network that a user can name, and which filler each gives a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from striate.errors import ConfigError, bad_argument, did_you_mean
from striate.nn.init.activations import RECTIFIERS, SQUASHERS, activation_by_path
from striate.nn.init.schemes import SCHEMES, Dirac, Filler, Orthogonal
from striate.spec import Network

__all__ = ["INITS", "Init", "find_init", "scheme_by_path"]


@dataclass(frozen=True, slots=True)
class Init:
    """How the weights of a whole network begin.

    Attributes:
        otherwise: What fills a layer.
        by_activation: What fills those before an activation of a kind named here.
        needs_images: Whether `unit_variance` is to follow.
    """

    otherwise: Filler
    by_activation: Mapping[str, Filler] = field(default_factory=dict)
    needs_images: bool = False

    def filler(self, activation: str | None) -> Filler:
        """Return what fills a layer before ``activation``; None if none follows."""
        return self.by_activation.get(activation or "", self.otherwise)


_DEFAULT = {
    **dict.fromkeys(RECTIFIERS, "he-normal"),
    **dict.fromkeys(SQUASHERS, "xavier-uniform"),
}
_DEFAULT_OTHERWISE = "lecun-normal"


def _table(distribution: str) -> Init:
    """Return the table of Géron 2017; layers before no activation of it have its first row."""
    relu, tanh = (SCHEMES[f"xavier-{distribution}-{activation}"] for activation in ("relu", "tanh"))
    rows = {**dict.fromkeys(RECTIFIERS, relu), "Tanh": tanh}
    return Init(SCHEMES[f"xavier-{distribution}"], rows)


def _dirac() -> Init:
    fillers = {kind: Dirac(SCHEMES[name]) for kind, name in _DEFAULT.items()}
    return Init(Dirac(SCHEMES[_DEFAULT_OTHERWISE]), fillers)


_GAINS = {**dict.fromkeys(RECTIFIERS, math.sqrt(2)), "Tanh": 5 / 3, "SELU": 3 / 4}
"""As `torch.nn.init.calculate_gain` has them, but that every rectifier counts as a ReLU."""

INITS: Mapping[str, Init] = MappingProxyType(
    {
        "default": Init(
            SCHEMES[_DEFAULT_OTHERWISE], {kind: SCHEMES[name] for kind, name in _DEFAULT.items()}
        ),
        **{name: Init(scheme) for name, scheme in SCHEMES.items()},
        "table-normal": _table("normal"),
        "table-uniform": _table("uniform"),
        "orthogonal": Init(Orthogonal(1.0), {kind: Orthogonal(gain) for kind, gain in _GAINS.items()}),
        "dirac": _dirac(),
        "lsuv": Init(Orthogonal(1.0), needs_images=True),
    }
)
"""Every initialization of a whole network, by its name. Biases begin at 0, norms as the identity."""

_SYNONYMS = {"glorot": "xavier", "kaiming": "he", "identity": "dirac", "_": "-"}


def find_init(name: str) -> Init:
    """Return the initialization called ``name``.

    Raises:
        ConfigError: if there is none; with the nearest name.
    """
    if not isinstance(name, str):
        raise ConfigError(bad_argument("init", name, "the name of an initialization, such as 'he-normal'"))
    if name not in INITS:
        usual = name.lower()
        for other, ours in _SYNONYMS.items():
            usual = usual.replace(other, ours)
        begins = [known for known in INITS if f"{known}-".startswith(f"{usual}-")]
        hint = f" Did you mean {begins[0]!r}?" if begins else did_you_mean(usual, INITS)
        raise ConfigError(f"unknown initialization {name!r}.{hint} Known: {', '.join(INITS)}.")
    return INITS[name]


def scheme_by_path(network: Network) -> dict[str, str]:
    """Return the name of the default scheme of every layer with weights, by the activation that follows it.

    He for the ReLU family, Glorot for tanh and logistic, LeCun where no activation follows.
    """
    return {
        path: _DEFAULT.get(activation or "", _DEFAULT_OTHERWISE)
        for path, activation in activation_by_path(network).items()
    }
