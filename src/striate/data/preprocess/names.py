"""What users call the steps of preprocessing: ``standardize``, ``gcn+zca:256``."""

from __future__ import annotations

from striate.errors import did_you_mean

__all__ = ["NUMBERED", "STEP_NAMES", "parsed_steps"]

STEP_NAMES = (
    "standardize",
    "unit",
    "symmetric",
    "per-pixel",
    "gcn",
    "lcn",
    "pca",
    "zca",
    "quantize",
)
NUMBERED = {"pca": "components", "zca": "components", "quantize": "bits"}
"""The steps that take a number, as in ``zca:256``, and what it counts."""


def parsed_steps(text: str) -> tuple[tuple[str, int | None], ...]:
    """Read the steps of ``text``, such as ``gcn+zca:256``: the name of each, and its number if it has one.

    Raises:
        ValueError: saying what ``text`` must be, if it is not that.
    """
    steps = []
    for part in text.split("+"):
        name, colon, number = part.partition(":")
        if name not in STEP_NAMES:
            nearest = did_you_mean(name, STEP_NAMES).strip().lower()
            hint = f" ({nearest})" if nearest else ""
            raise ValueError(
                f"must be one of {', '.join(STEP_NAMES)}, or several joined by + as in gcn+zca; {name!r} is none{hint}"
            )
        whole = number.isascii() and number.isdigit() and len(number) <= 9 and int(number) > 0
        if colon and name not in NUMBERED:
            raise ValueError(f"must be without a number after {name}; {' and '.join(NUMBERED)} take one")
        if colon and not whole:
            raise ValueError(f"must be with a whole number above 0 after {name}:, how many {NUMBERED[name]}")
        if name == "quantize" and not (colon and int(number) <= 8):
            raise ValueError("must be with 1 to 8 bits after quantize, as in quantize:4")
        steps.append((name, int(number) if colon else None))
    return tuple(steps)
