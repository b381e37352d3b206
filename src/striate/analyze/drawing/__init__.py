"""Draws the plan of `striate.analyze.plot`: boxes to scale, and their receptive fields on the input. Loads matplotlib.

All lengths are in points, from the upper left corner of the page; the page grows as it is drawn. No state is left in
matplotlib, and the same network gives the same bytes.
"""

from striate.analyze.drawing.picture import draw

__all__ = ["draw"]
