"""Arithmetic before existence: shapes, parameters, MACs, memory, receptive fields, with their working."""

from striate.analyze.analysis import Analysis, Row, Totals
from striate.analyze.axes import Axis, TransposedAxis
from striate.analyze.compare import Compared, Comparison, Way, compare
from striate.analyze.plot import PICTURE_FORMATS, Volume, volumes
from striate.analyze.rules import (
    Arithmetic,
    Misfit,
    arithmetic,
    around,
    conv_axes,
    pool_axes,
    same_padding,
    subsample_axes,
    transposed_axes,
)
from striate.analyze.scaling import Cluster, Scaled, predict_scaling, ring_seconds, tree_seconds
from striate.analyze.table import bytes_text, macs_text, shape_text, work_text
from striate.analyze.terms import Field, Sum
from striate.analyze.walk import analyze

__all__ = [
    "PICTURE_FORMATS",
    "Analysis",
    "Arithmetic",
    "Axis",
    "Cluster",
    "Compared",
    "Comparison",
    "Field",
    "Misfit",
    "Row",
    "Scaled",
    "Sum",
    "Totals",
    "TransposedAxis",
    "Volume",
    "Way",
    "analyze",
    "arithmetic",
    "around",
    "bytes_text",
    "compare",
    "conv_axes",
    "macs_text",
    "pool_axes",
    "predict_scaling",
    "ring_seconds",
    "same_padding",
    "shape_text",
    "subsample_axes",
    "transposed_axes",
    "tree_seconds",
    "volumes",
    "work_text",
]
