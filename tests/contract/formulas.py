"""Evaluate the worked formulas of an analysis exactly, with a small parser of its own.

Understands whole and decimal numbers (commas in thousands), ``+ − · / ( )``, ``⌊x⌋`` and ``⌈x⌉``.
"""

import math
import re
from fractions import Fraction

_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|[-+−·/()⌊⌋⌈⌉]")


def evaluate(text):
    """Return the exact value of one side of a formula."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text.replace(" ", ""):
        raise ValueError(f"not a formula: {text!r}")
    value = _sum(tokens)
    if tokens:
        raise ValueError(f"{text!r} goes on with {tokens}")
    return value


def chain_value(text):
    """Check that all sides of ``a = b = c`` agree, and return the value of the last.

    A side ``⌊x⌋`` or ``⌈x⌉`` must round what stands left of it, written to ten digits.
    """
    first, *others = text.split(" = ")
    exact = evaluate(first)
    for side in others:
        if side[0] in "⌊⌈":
            inner, rest = re.fullmatch(r"[⌊⌈](.+)[⌋⌉](.*)", side).groups()
            assert abs(evaluate(inner) - exact) <= abs(exact) * Fraction(1, 10**9), text
            rounded = math.floor(exact) if side[0] == "⌊" else math.ceil(exact)
            exact = evaluate(f"{rounded}{rest}")
        else:
            assert evaluate(side) == exact, text
    return exact


def _sum(tokens):
    value = _product(tokens)
    while tokens and tokens[0] in ("+", "−", "-"):
        sign = 1 if tokens.pop(0) == "+" else -1
        value += sign * _product(tokens)
    return value


def _product(tokens):
    value = _factor(tokens)
    while tokens and tokens[0] in ("·", "/"):
        value = value * _factor(tokens) if tokens.pop(0) == "·" else value / _factor(tokens)
    return value


def _factor(tokens):
    token = tokens.pop(0)
    if token in ("-", "−"):
        return -_factor(tokens)
    if token in ("(", "⌊", "⌈"):
        value = _sum(tokens)
        assert tokens.pop(0) == {"(": ")", "⌊": "⌋", "⌈": "⌉"}[token]
        return {"(": Fraction, "⌊": math.floor, "⌈": math.ceil}[token](value)
    return Fraction(token.replace(",", ""))
