"""`Network`: one small immutable value that says what a network is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from striate.errors import DescriptionError, bad_argument, did_you_mean, listed
from striate.spec import files
from striate.spec.compose import AuxHead, Concat, Repeat, Residual, Sequential
from striate.spec.layers import Layer
from striate.spec.node import Node, fields_of
from striate.spec.outputs import last_with_outputs
from striate.spec.place import Placed, place
from striate.spec.values import check_shape

__all__ = ["Network"]


@dataclasses.dataclass(frozen=True, repr=False)
class Network:
    """A network, described: frozen, comparable, hashable.

    Attributes:
        name: What it is called in tables and run folders.
        input: Shape of one input: ``(C, H, W)`` for an image, ``(C, L)`` for a signal, ``(C, D, H, W)``
            for a volume, ``(C,)`` for a vector, ``(T,)`` for tokens, ``(T, C)`` for a sequence of T steps.
        body: The layers; a list means `Sequential`.

    Raises:
        DescriptionError: if a part is malformed or two layers would have one path.

    Examples:
        >>> from striate.spec import Conv, Flatten, Linear, ReLU, Sequential
        >>> net = Network("tiny", (1, 8, 8), Sequential(Conv(4, 3), ReLU(), Flatten(), Linear(10)))
        >>> [path for path, layer in net.walk()]
        ['conv1', 'relu1', 'flatten1', 'linear1']
        >>> net == Network.from_yaml(net.to_yaml())
        True
    """

    name: str
    input: tuple[int, ...]
    body: Node

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or len(self.name) > 100:
            raise DescriptionError(bad_argument("name", self.name, "a text of 1 to 100 characters"))
        if not self.name.isprintable():  # it stands in tables, files and pages
            allowed = "printable, without line breaks or control characters"
            raise DescriptionError(bad_argument("name", self.name, allowed))
        try:
            object.__setattr__(self, "input", check_shape(self.input))
        except ValueError as error:
            raise DescriptionError(f"input={self.input!r}: {error}.") from None
        if isinstance(self.body, list):
            object.__setattr__(self, "body", Sequential(*self.body))
        if not isinstance(self.body, Node):
            raise DescriptionError(bad_argument("body", self.body, "a layer or a composition of layers"))
        object.__setattr__(self, "placed", place(self.body))

    placed: tuple[Placed, ...] = dataclasses.field(init=False, repr=False, compare=False, default=())
    """Every node at its path, repetitions written out, one after another."""

    def walk(self) -> Iterator[tuple[str, Layer]]:
        """Yield ``(path, layer)`` for every layer in the order they run, repetitions written out."""
        for top in self.placed:
            for part in top.walk():
                if isinstance(part.node, Layer):
                    yield part.path, part.node

    def replace(self, path: str, layer: Node) -> Network:
        """Return the network with ``layer`` in the place of the node at ``path``.

        The new layer takes the old one's name unless it has its own; every other path stays. A
        `Repeat` around it is written out.

        Raises:
            DescriptionError: if nothing stands at ``path``.
        """
        known = [part.path for top in self.placed for part in top.walk()]
        if path not in known:
            raise DescriptionError(
                f"no layer at {path!r} in {self.name!r}.{did_you_mean(path, known)} Paths: {listed(known)}."
            )
        return dataclasses.replace(self, body=_rebuilt(self.placed, path, layer))

    def with_num_classes(self, num_classes: int) -> Network:
        """Return the network with as many outputs: its last `Linear` or `Conv`, and that of each `AuxHead`.

        It may be any layer with ``out_features`` or ``out_channels``, if what stands behind it passes their number on,
        as activations, normalization and pooling do.

        Raises:
            DescriptionError: if it does not end so, but, for instance, with a `Maxout`, an `LSTM`, a `Residual` or a
                `Concat`.
        """
        network = self
        for chain in (self.placed, *_aux_chains(self.placed)):
            last = last_with_outputs(chain)
            if last is None:
                raise DescriptionError(
                    f"{self.name!r} does not end with a Linear or Conv whose outputs could be changed; "
                    f"add one, such as Linear({num_classes})."
                )
            path, node, field = last
            changed: dict[str, Any] = {field: num_classes}
            network = network.replace(path, dataclasses.replace(node, **changed))
        return network

    def with_input(self, shape: tuple[int, ...]) -> Network:
        """Return the network for another input shape."""
        return dataclasses.replace(self, input=shape)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network's meaning: input, paths and layers, not its name nor how it is written."""
        meaning = [list(self.input), [_meaning(part) for part in self.placed]]
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()

    def to_data(self) -> dict[str, Any]:
        """Return the description as plain lists, dicts and numbers, as in a file."""
        return files.network_to_data(self.name, self.input, self.body)

    @classmethod
    def from_data(cls, data: Any) -> Network:
        """Read what `to_data` gave.

        Raises:
            DescriptionError: naming the place, what stands there and what is allowed.
        """
        return cls(*files.network_from_data(data))

    def to_yaml(self) -> str:
        """Return the description as YAML."""
        return files.to_yaml(self.to_data())

    @classmethod
    def from_yaml(cls, text: str) -> Network:
        """Read a YAML description; see `from_data`."""
        return cls.from_data(files.parse_yaml(text))

    def to_json(self) -> str:
        """Return the description as JSON."""
        return json.dumps(self.to_data(), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Network:
        """Read a JSON description; see `from_data`."""
        return cls.from_data(files.parse_json(text))

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read a ``.yaml``, ``.yml`` or ``.json`` file.

        Raises:
            DescriptionError: if the file is missing, too large, or not a description.
        """
        path = Path(path)
        try:
            return cls.from_data(files.read(path))
        except DescriptionError as error:
            raise DescriptionError(f"{path}: {error}") from None

    def save(self, path: str | Path) -> None:
        """Write a ``.yaml``, ``.yml`` or ``.json`` file.

        Raises:
            DescriptionError: if it cannot be written; what stood there before is kept.
        """
        path = Path(path)
        if path.suffix.lower() not in (".yaml", ".yml", ".json"):
            raise DescriptionError(
                f"{path}: must end with .yaml, .yml or .json, which say how it is written."
            )
        files.write(path, self.to_json() if files.is_json(path) else self.to_yaml())

    def __repr__(self) -> str:
        layers = list(self.walk())
        width = max(len(path) for path, _ in layers)
        head = f"Network {self.name!r}, input {'×'.join(map(str, self.input))}, {len(layers)} layers"
        return "\n".join([head, *(f"  {path:<{width}}  {layer!r}" for path, layer in layers)])

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(self.to_yaml())}</pre>"


def _rebuilt(chain: tuple[Placed, ...], path: str, new: Node) -> Sequential:
    """Write ``chain`` out again with every name pinned and ``new`` at ``path``."""
    return Sequential(*(_rebuilt_part(part, path, new) for part in chain))


def _rebuilt_part(part: Placed, path: str, new: Node) -> Node:
    if part.path == path:
        return new if new.name else dataclasses.replace(new, name=part.name)
    node = part.node
    if path.startswith(part.path + "."):
        chains = [_rebuilt(chain, path, new) for chain in part.chains if chain]
        match node:
            case Residual():
                shortcut = chains[1].layers[0] if node.shortcut else None
                node = dataclasses.replace(node, body=chains[0], shortcut=shortcut)
            case Concat():
                node = Concat([branch.layers[0] for branch in chains])
            case Repeat() | Sequential():
                node = chains[0]
            case AuxHead():
                node = dataclasses.replace(node, body=chains[0])
    return node if node.name == part.name else dataclasses.replace(node, name=part.name)


def _aux_chains(chain: tuple[Placed, ...]) -> Iterator[tuple[Placed, ...]]:
    for top in chain:
        for part in top.walk():
            if isinstance(part.node, AuxHead):
                yield part.chains[0]


def _meaning(part: Placed) -> list[Any]:
    options = {
        f.name: getattr(part.node, f.name)
        if f.name in part.node.lists
        else _plain(getattr(part.node, f.name))
        for f in fields_of(type(part.node))
        if f.name not in ("name", "n", *part.node.holds)
    }
    if "stride" in options and options["stride"] is None:
        options["stride"] = options["kernel_size"]
    # A named Repeat means what the same layers in a Sequential mean.
    kind = "Sequential" if isinstance(part.node, Repeat) else part.node.kind
    return [part.path, kind, options, [[_meaning(p) for p in chain] for chain in part.chains]]


def _plain(value: Any) -> Any:
    """Write ``(3, 3)`` as 3, the pair ``(1, 1)`` as 1 and ``"valid"`` as 0: one meaning, one form."""
    if isinstance(value, tuple):
        # A pair on one axis is marked, so that ((0, 1), (0, 1)) does not read as (0, 1), one per axis.
        items = [_plain_pair(v) if isinstance(v, tuple) else v for v in value]
        return items[0] if all(v == items[0] for v in items) else items
    return 0 if value == "valid" else value


def _plain_pair(pair: tuple[int, int]) -> int | dict[str, int]:
    before, after = pair
    return before if before == after else {"before": before, "after": after}
