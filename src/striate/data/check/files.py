"""What files tell before their pixels do: unreadable ones, odd formats, files that no class holds, sizes."""

from __future__ import annotations

import numpy as np

from striate.data.check.report import Finding, Verdict
from striate.data.check.seeing import Seen
from striate.data.check.words import Yield, about, images, percent, plural

__all__ = ["odd_files", "odd_sizes", "stray_files", "unread"]

_FAILURES = {
    "missing": (
        "without a file",
        "Links to nothing, or files removed meanwhile. Restore or remove them.",
    ),
    "empty-file": ("of zero bytes", "A copy or a download that stopped. Fetch them again or remove them."),
    "not-an-image": (
        "of no known format",
        "Not images, or damaged from the first byte on. Move other files out of the class folders; "
        "fetch damaged ones again.",
    ),
    "truncated": ("cut short", "The file ends before the image does. Fetch them again or remove them."),
    "zero-area": ("without area", "Nothing is left of the image. Mend the box or remove the record."),
    "unreadable": ("beyond decoding", "The decoder gave up. Fetch them again or remove them."),
}

_ODDITIES: dict[str, tuple[Verdict, str, str]] = {
    "misnamed": (
        "warning",
        "whose ending tells another format",
        "They are read by what they hold; other programs may go by the name. Rename them.",
    ),
    "cmyk": (
        "warning",
        "in the colors of print (CMYK)",
        "Their conversion to RGB is rough, so that they look unlike the rest. Convert them with a color profile.",
    ),
    "animated": ("note", "with several frames", "Only the first frame is read."),
    "rotated": (
        "note",
        "turned by EXIF",
        "Striate turns them upright; programs that ignore EXIF will see them lying. "
        "Save them upright if others read them.",
    ),
    "deep": ("note", "of more than 8 bits", "They are scaled to 8 bits, which loses the finest differences."),
    "transparent": ("note", "with transparent parts", "What is transparent is seen on white."),
}


def unread(seen: Seen) -> Yield:
    """Images that cannot be read: training stops at them unless told to leave them out."""
    for kind, (title, text) in _FAILURES.items():
        rows = [row for row, failure in seen.failures.items() if failure.kind == kind]
        if rows:
            reasons = [seen.failures[row].reason for row in rows]
            yield about(seen, "error", kind, f"{images(rows)} {title}", text, rows, reasons)


def odd_files(seen: Seen) -> Yield:
    """Images that are read, but that other programs may read otherwise."""
    for kind, (verdict, title, text) in _ODDITIES.items():
        rows = [row for row, oddities in enumerate(seen.oddities) if kind in oddities]
        if rows:
            yield about(seen, verdict, kind, f"{images(rows)} {title}", text, rows)


def stray_files(seen: Seen) -> Yield:
    """Files in no class folder, and folders that cannot be read: training does not see them."""
    tree = seen.listing.tree
    if tree is None:
        return
    if tree.closed:
        names = tuple(str(path.relative_to(tree.root)) for path in tree.closed)
        title = f"{plural(len(names), 'folder')} that cannot be read"
        text = "What they hold is not seen. Change their permissions."
        yield Finding(verdict="error", kind="closed-folder", title=title, text=text, records=names)
    if tree.strays:
        names = tuple(str(path.relative_to(tree.root)) for path in tree.strays)
        title = f"{plural(len(names), 'file')} in no class"
        text = "They lie beside the class folders, so training does not see them. Move or remove them."
        yield Finding(verdict="warning", kind="stray-files", title=title, text=text, records=names)


_TINY = 4  # times smaller than usual; less than a network can see when it is stretched
_HUGE = 8
_NARROW = 4.0  # times longer than wide, where the usual image is not
_LEAST = 4  # pixels; the smallest known data sets have 8


def odd_sizes(seen: Seen) -> Yield:
    """Images much smaller, larger or narrower than the others."""
    rows = np.flatnonzero(seen.read)
    if not len(rows):
        return
    sizes = seen.size[rows]
    short, long = sizes.min(1), sizes.max(1)
    usual = float(np.median(short))
    said = [f"{width}×{height}" for width, height in sizes]
    narrow = long / short
    rules = (
        (
            "tiny-image",
            short * _TINY < max(usual, _TINY * _LEAST),
            f"far smaller than the usual {usual:.0f} pixels",
            "Stretched to the network's input they are a blur. Often thumbnails or placeholders; remove them.",
        ),
        (
            "huge-image",
            long > _HUGE * float(np.median(long)),
            f"more than {_HUGE} times as large as the usual {np.median(long):.0f} pixels",
            "They are slow to decode, and what they show ends up small. Crop them, or pack the data once.",
        ),
        (
            "extreme-shape",
            narrow > _NARROW * float(np.median(narrow)),
            f"more than {_NARROW:.0f} times as narrow as usual",
            "Stretched to the network's input they are distorted beyond recognition. Crop or remove them.",
        ),
    )
    for kind, odd, title, text in rules:
        where = np.flatnonzero(odd)
        if len(where):
            words = [said[i] for i in where]
            yield about(seen, "warning", kind, f"{images(where)} {title}", text, rows[where].tolist(), words)
    yield from _telling(seen, rows)


_TELLS = 0.9


def _telling(seen: Seen, rows: np.ndarray) -> Yield:
    """Warn where the class can be told without looking: by size, format or mode."""
    targets = seen.target[rows]
    if not len(rows) or targets.min() < 0 or len(rows) < 20:
        return
    base = np.bincount(targets).max() / len(rows)
    told = {
        "size": [tuple(size) for size in seen.size[rows].tolist()],
        "file format": [seen.format[row] for row in rows],
        "color mode": [seen.mode[row] for row in rows],
    }
    for what, values in told.items():
        groups: dict[object, list[int]] = {}
        for value, target in zip(values, targets.tolist(), strict=True):
            groups.setdefault(value, []).append(target)
        # An image is told by the others of its group, so that a group of one tells nothing.
        right = sum(max(np.bincount(group)) - 1 for group in groups.values() if len(group) > 1)
        share = right / len(rows)
        if share > _TELLS and share > (1 + base) / 2:
            yield Finding(
                verdict="warning",
                kind="shortcut",
                title=f"the {what} gives away the class of {percent(share)} of the images",
                text=f"The classes seem to come from different places: a network may learn the {what}, or the traces "
                "of it, in the place of what is shown. Bring all images to one form before training.",
            )
