"""Parts of a summary's page: panels, legends, tables, lists of names and values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from striate.data.check.page_parts import escaped
from striate.train.config import TrainConfig
from striate.train.settings import changed_settings, settings

__all__ = ["bar", "legend", "number", "pairs", "panel", "rows", "settings_panel", "shown"]


def panel(title: str, legend: str, content: str) -> str:
    """Draw a card with a title, a legend or none, and what it holds."""
    return f'<section class="panel scroll"><h3>{escaped(title)}</h3>{legend}{content}</section>'


def legend(*items: tuple[str, str]) -> str:
    """Draw a legend of looks and the words for each."""
    told = (f'<span><i class="{look}"></i>{escaped(words)}</span>' for look, words in items)
    return f'<div class="legend">{"".join(told)}</div>'


def rows(caption: str, heads: Iterable[str], lines: Iterable[str], texts: int = 1) -> str:
    """Draw a table; its first columns, as many as ``texts``, are of words."""
    cells = "".join(
        f'<th scope="col"{" class=t" if i < texts else ""}>{head}</th>' if head else "<td></td>"
        for i, head in enumerate(heads)
    )
    return (
        f'<table class="rows" aria-label="{escaped(caption)}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def pairs(values: Mapping[str, Any], look: str = "") -> str:
    """Draw a list of names and values."""
    items = (f"<dt>{escaped(name)}</dt><dd>{_lines(shown(value))}</dd>" for name, value in values.items())
    return f'<dl class="{look}">{"".join(items)}</dl>'


def _lines(text: str) -> str:
    return "\n".join(map(escaped, text.splitlines()))


def shown(value: Any) -> str:
    """Return the value of a setting as a user reads it."""
    if value is None:
        return "off"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def settings_panel(config: TrainConfig, *, without: Iterable[str] = ()) -> str:
    """List what differs from its default, and all that there is; but for the settings ``without``."""
    left = set(without)
    changed, every = (
        {name: value for name, value in held.items() if name not in left}
        for held in (changed_settings(config), settings(config))
    )
    first = (
        pairs(changed, "settings")
        if changed
        else '<p class="quiet">None: everything is as it is by default.</p>'
    )
    rest = f"<details><summary>All {len(every)} settings</summary>{pairs(every, 'settings')}</details>"
    return panel("Settings that differ from their defaults", "", first + rest)


def bar(share: float | None) -> str:
    """Draw a share as a bar."""
    return f'<i style="width:{100 * (share or 0):.1f}%"></i>'


def number(value: float) -> str:
    """Write a value as it stands at an axis."""
    return f"{value:.3g}"
