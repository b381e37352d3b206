"""How the pictures of the page about methods look: colors that everyone can tell apart, axes with names."""

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

__all__ = ["BLUE", "FAINT", "GREEN", "INK", "ORANGE", "PINK", "label", "show_as"]

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
"""Of Okabe and Ito."""
INK, FAINT = "#1c1f23", "#7f8790"


def show_as(axes: Iterable[Axes], across: str, up: str, *, across_count: int) -> None:
    """Name the axes of a grid of panels, ``across_count`` to the row, at its left and its lower edge."""
    panels = [ax for ax in axes if ax.axison]
    for number, ax in enumerate(panels):
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        if number % across_count == 0:
            ax.set_ylabel(up, fontsize=9)
        if number + across_count >= len(panels):
            ax.set_xlabel(across, fontsize=9)
            ax.tick_params(labelbottom=True)


def label(ax: Axes, at: Sequence[float], text: str, color: str, **style: object) -> None:
    """Write ``text`` in the color of its line, a little right of a point of it."""
    ax.annotate(
        text,
        (at[0], at[1]),
        xytext=(4, 0),
        textcoords="offset points",
        color=color,
        fontsize=8.5,
        va="center",
        **style,
    )
