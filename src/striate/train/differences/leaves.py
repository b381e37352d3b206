"""Where two pieces of plain data differ, leaf by leaf, and two descriptions, layer by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from striate.data import Preprocess
from striate.spec import Layer, Network, Node, Repeat
from striate.train.differences.report import Difference
from striate.train.folder import RunRecord

__all__ = ["leaves", "network_leaves", "preprocess_leaves"]


def leaves(first: Any, second: Any, path: str = "") -> Iterator[Difference]:
    """Yield every leaf that differs; mappings of other keys and lists of other lengths differ as a whole."""
    if isinstance(first, dict) and isinstance(second, dict) and first.keys() == second.keys():
        for key in first:
            yield from leaves(first[key], second[key], f"{path}.{key}" if path else str(key))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, pair in enumerate(zip(first, second, strict=True)):
            yield from leaves(*pair, f"{path}[{number}]")
    elif first != second:
        yield Difference(path, first, second)


def preprocess_leaves(first: Preprocess, second: Preprocess) -> Iterator[Difference]:
    """Yield what differs in two preprocessings; of tensors, whose values are many, how far they are apart."""
    yield from leaves(first.to_data(), second.to_data())
    ours, theirs = first.tensors(), second.tensors()
    for key in ours:
        number, _, name = key.partition(".")
        if key in theirs and not torch.equal(ours[key], theirs[key]):
            a, b = ours[key], theirs[key]
            path = f"steps[{number}].{first.steps[int(number)].name}.{name}"
            yield Difference(path, _tensor_words(a, b), _tensor_words(b, a))


def _tensor_words(tensor: Tensor, other: Tensor) -> str:
    shape = "×".join(map(str, tensor.shape))
    if tensor.shape != other.shape:
        return f"{shape} values"
    values = tensor.double()
    at = int((values - other.double()).abs().argmax())
    return f"{shape} values, number {at} is {values.flatten()[at].item():g}"


def network_leaves(first: RunRecord, second: RunRecord) -> Iterator[Difference]:
    """Yield what differs in the networks of two runs; None stands for a layer that one has not.

    Modules of the user's own are known by their class alone.
    """
    if first.network is None or second.network is None:
        a, b = (r.network.name if r.network else r.module for r in (first, second))
        if a != b or (first.network is None) != (second.network is None):
            yield Difference("module", a, b)
        return
    yield from leaves(first.network.name, second.network.name, "name")
    if first.network.digest == second.network.digest:
        return
    yield Difference("digest", first.network.digest, second.network.digest)
    if first.network.input != second.network.input:
        yield Difference("input", list(first.network.input), list(second.network.input))
    ours, theirs = _parts(first.network), _parts(second.network)
    for path in dict.fromkeys((*ours, *theirs)):
        mine, other = ours.get(path), theirs.get(path)
        if mine is None or other is None or _meaning(mine) != _meaning(other):
            yield Difference(path, _node_words(mine), _node_words(other))
    if list(ours) != list(theirs) and ours.keys() == theirs.keys():
        yield Difference("order", list(ours), list(theirs))


def _parts(network: Network) -> Mapping[str, Node]:
    return {part.path: part.node for top in network.placed for part in top.walk()}


def _meaning(node: Node) -> object:
    """Return what the node means apart from its name, what it holds and how that is written."""
    if isinstance(node, Layer):  # in its digest (3, 3) and 3 are one kernel size
        return Network("alone", (1,), dataclasses.replace(node, name="alone")).digest
    kind = "Sequential" if isinstance(node, Repeat) else node.kind
    return kind, _own_options(node)


def _node_words(node: Node | None) -> str | None:
    if node is None:
        return None
    return f"{node.kind}({', '.join(f'{key}={value!r}' for key, value in _own_options(node).items())})"


def _own_options(node: Node) -> dict[str, Any]:
    apart = ("name", "n", *node.holds)
    return {key: value for key, value in node.options().items() if key not in apart}
