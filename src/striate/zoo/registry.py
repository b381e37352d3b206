"""Where named networks are entered: `named` puts a function into `NETWORKS`, with the paper it comes from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from striate.spec import Network

__all__ = ["ALIASES", "NETWORKS", "Entry", "Paper", "named"]

_Make = TypeVar("_Make", bound=Callable[..., Network])


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a network was published."""

    authors: str
    title: str
    year: int

    @property
    def authors_short(self) -> str:
        """The authors as they are cited: ``Simonyan and Zisserman``, ``LeCun et al.``."""
        first, *others = self.authors.split(", ")
        return f"{first} and {others[0]}" if len(others) == 1 else f"{first} et al." if others else first

    def __str__(self) -> str:
        return f"{self.authors}: {self.title}, {self.year}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A named network.

    Attributes:
        make: The function that returns it.
        paper: Where it was published.
        aliases: Other names that `striate.zoo.find` understands, such as the letters of a paper's table.
    """

    make: Callable[..., Network]
    paper: Paper
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called by."""
        return self.make.__name__

    @property
    def about(self) -> str:
        """The first line of its function's docstring, as plain text."""
        return (inspect.getdoc(self.make) or "").partition("\n")[0].replace("``", "")

    @property
    def takes_num_classes(self) -> bool:
        """Whether it can be asked for as many outputs as there are classes; autoencoders have none."""
        return "num_classes" in inspect.signature(self.make).parameters


_networks: dict[str, Entry] = {}
NETWORKS: Mapping[str, Entry] = MappingProxyType(_networks)
"""Every named network by its name, in the order in which `striate.zoo` imports their modules."""

_aliases: dict[str, str] = {}
ALIASES: Mapping[str, str] = MappingProxyType(_aliases)
"""The name behind every alias: ``"vgg_d"`` is ``"vgg16"``."""


def named(paper: Paper, aliases: tuple[str, ...] = ()) -> Callable[[_Make], _Make]:
    """Enter a function that returns a `Network` under its own name, and under its aliases."""

    def enter(make: _Make) -> _Make:
        _networks[make.__name__] = Entry(make, paper, aliases)
        _aliases.update(dict.fromkeys(aliases, make.__name__))
        return make

    return enter
