"""Which column of a table is what: by its usual names, or as the user says after the location."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from striate.errors import DataError, did_you_mean, listed

__all__ = ["columns_of", "shown"]


def columns_of(
    where: str,
    columns: Sequence[str],
    usual: Mapping[str, Sequence[str]],
    options: Mapping[str, str],
    needed: Iterable[str],
) -> dict[str, str]:
    """Return for each role the column that has it.

    Args:
        where: What messages begin with.
        columns: All there are.
        usual: For each role the names it usually has, in letters large or small.
        options: For each role the column that the user says has it.
        needed: The roles that must be had.

    Raises:
        DataError: if a column is not there, a needed role has none, or two columns could have one role.
    """
    roles = {}
    for role, names in usual.items():
        if role in options:
            wanted = options[role]
            if wanted not in columns:
                raise DataError(
                    f"{where}: has no column {wanted!r}; it has {shown(columns)}.{did_you_mean(wanted, columns)}"
                )
            roles[role] = wanted
            continue
        found = [column for column in columns if column.lower() in names and column not in options.values()]
        if len(found) > 1:
            raise DataError(
                f"{where}: {shown(found)} may each be the {role}; say which by ?{role}={found[0]} after the name."
            )
        if found:
            roles[role] = found[0]
    for role in needed:
        if role not in roles:
            near = next((hint for name in usual[role] if (hint := did_you_mean(name, columns))), "")
            raise DataError(
                f"{where}: has no column for the {role} ({', '.join(usual[role])}); it has {shown(columns)}. "
                f"Say which it is by ?{role}=COLUMN after the name.{near}"
            )
    return roles


def shown(columns: Iterable[str]) -> str:
    """Join names of columns for a message."""
    return listed(repr(column[:80]) for column in columns)
