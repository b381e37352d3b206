"""The pages that list what there is: every layer kind, and every named network with its figures."""

import dataclasses
import importlib
import inspect

from striate import zoo
from striate.analyze import analyze, macs_text, shape_text
from striate.spec import KINDS
from striate.spec.node import fields_of

__all__ = ["layers_page", "networks_page"]

LAYERS = """# The layers

<!-- Made by `make docs` from the docstrings; do not edit. -->

Every kind of layer, with what it takes; each can also have a `name`. A size, stride, padding or dilation is a number
for all axes, or a tuple of one for each. The [reference](api/spec.md) has shapes, formulas and papers in full.
"""

FAMILIES = {
    "convolution": "Convolution, and windows that share less",
    "pooling": "Pooling, and the way back",
    "activation": "Activations",
    "normalization": "Normalization",
    "regularization": "Regularization",
    "dense": "Fully connected, and shapes",
    "sequence": "Sequences",
}

NETWORKS = """---
hide: [toc]
---

# The named networks

<!-- Made by `make docs` from striate.zoo; do not edit. -->

`striate zoo` lists them, `striate zoo TEXT` those with the text in their name, description or paper, and
`striate inspect NAME` shows one. The first name of each is that of a function of `striate.zoo`, which takes
`num_classes` where the network has classes; other names are for the command line and `striate.zoo.find`.
*Depth* counts layers with weights on the longest way from input to output. Where the paper, torchvision or timm gives
the number of parameters, it is this one exactly. [How MACs are counted](arithmetic.md#how-macs-are-counted).

| name | year | parameters | MACs | depth | input | what it is |
|---|---|---:|---:|---:|---|---|
"""


def layers_page() -> str:
    """Return the page of every layer kind, a table for each family."""
    parts = [LAYERS]
    for family, title in FAMILIES.items():
        kinds = importlib.import_module(f"striate.spec.layers.{family}").__all__
        rows = [f"| `{_call(kind)}` | {_first_paragraph(kind)} |" for kind in kinds if kind in KINDS]
        parts += [f"## {title}", "", "| | what it computes |", "|---|---|", *sorted(rows, key=str.lower), ""]
    return "\n".join(parts)


def networks_page() -> str:
    """Return the page of every named network, oldest first."""
    rows = []
    for entry in sorted(zoo.NETWORKS.values(), key=lambda entry: (entry.paper.year, entry.name)):
        analysis = analyze(entry.make())
        totals = analysis.totals
        cells = (
            ", ".join(f"`{name}`" for name in (entry.name, *entry.aliases)),
            entry.paper.year,
            f"{totals.params:,}",
            macs_text(totals.macs).removesuffix("MACs"),
            totals.depth,
            shape_text(analysis.input),
            f"{entry.about.partition(';')[0]} ({entry.paper.authors_short})",
        )
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return NETWORKS + "\n".join(rows) + "\n"


def _call(kind: str) -> str:
    fields = [field for field in fields_of(KINDS[kind]) if field.name != "name"]
    return f"{kind}({', '.join(map(_argument, fields))})"


def _argument(field: dataclasses.Field[object]) -> str:
    if field.default is dataclasses.MISSING:
        return field.name
    default = f"{field.default:.4g}" if isinstance(field.default, float) else repr(field.default)
    return f"{field.name}={default}"


def _first_paragraph(kind: str) -> str:
    text = inspect.getdoc(KINDS[kind]) or ""
    return " ".join(text.partition("\n\n")[0].split()).replace("``", "`")
