"""The plan of a picture of a network: which volumes are drawn, what is written at each, what its middle unit sees.

Plain values; `striate.analyze.drawing` puts them on paper. The rules:

- activations, normalization and dropout belong to the layer before them, `Flatten` to the layer behind it;
- a `Residual` or a `Concat` is one block, and a named `Sequential` within which maps shrink or grow at most once;
  a pooling at its end stands by itself;
- neighbors of one sort and one shape are one volume. If that gives more than `MOST` volumes, poolings stay in their
  containers; or neighbors of one sort and one map size are one; or both; or neighbors of one map size and any sort; or
  the neighbors most alike are joined until they are few enough.
"""

from striate.analyze.plot.runs import MOST
from striate.analyze.plot.volume import Volume, volumes

__all__ = ["MOST", "PICTURE_FORMATS", "Volume", "volumes"]

PICTURE_FORMATS = (".svg", ".png")
"""How the name of a picture may end."""
