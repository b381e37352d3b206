"""Arithmetic before existence: shapes, parameters, MACs, memory, receptive fields, with their working."""

from striate.analyze.analysis import Analysis, Row, Totals
from striate.analyze.rules import Arithmetic, Misfit, arithmetic, conv_axes, pool_axes, same_padding
from striate.analyze.table import bytes_text, macs_text, shape_text, work_text
from striate.analyze.terms import Axis, Field, Sum
from striate.analyze.walk import analyze

__all__ = [
    "Analysis",
    "Arithmetic",
    "Axis",
    "Field",
    "Misfit",
    "Row",
    "Sum",
    "Totals",
    "analyze",
    "arithmetic",
    "bytes_text",
    "conv_axes",
    "macs_text",
    "pool_axes",
    "same_padding",
    "shape_text",
    "work_text",
]
