"""``striate zoo``: the named networks. Loads no torch."""

from __future__ import annotations

import inspect
import json
from typing import Annotated

import typer

from striate import zoo
from striate.analyze import analyze, macs_text, shape_text

__all__ = ["command"]


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the named networks with their figures.

    \b
    Example:
      striate zoo
    """
    rows = []
    for name, make in zoo.NETWORKS.items():
        analysis = analyze(make())
        about = (inspect.getdoc(make) or "").partition("\n")[0]
        rows.append((name, analysis.input, analysis.totals, about))
    if as_json:
        data = [
            {
                "name": name,
                "input": list(shape),
                "params": t.params,
                "macs": t.macs,
                "depth": t.depth,
                "about": about,
            }
            for name, shape, t, about in rows
        ]
        print(json.dumps(data, indent=1, ensure_ascii=False))
        return
    for name, shape, t, about in rows:
        figures = f"{shape_text(shape):>9}  {t.params:>11,} params  {macs_text(t.macs):>10}"
        print(f"{name:<14}{figures}  {about}")
