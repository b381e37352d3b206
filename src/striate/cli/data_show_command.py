"""``striate data show``: images of a data set, as they are stored or beside what an augmentation makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from striate.cli.arguments import UsageError, parse_sides
from striate.cli.console import say
from striate.cli.loading import quickly

__all__ = ["command"]


def command(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Data, as for striate train.")],
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Show twelve draws of each image: none, mnist, cifar, alexnet, imagenet, trivial, or a .yaml file.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a sheet of the images, a .png or .html file.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which part of the data: train, val, test.")] = "train",
    count: Annotated[
        int | None,
        typer.Option(help="How many images, of all classes in turn.  [default: 4 with --augment, else 40]"),
    ] = None,
    classes: Annotated[str | None, typer.Option(metavar="A,B", help="Only images of these classes.")] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="N|HxW",
            help="Height and width that images are stretched to.  [default: their own, else 160]",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show images of a data set, as they are stored or beside twelve draws of an augmentation.

    The draws are those of steps 0 to 11; what was done to each is told in words. Without --out the words alone are
    printed.

    \b
    Examples:
      striate data show flowers/ --out flowers.html
      striate data show flowers/ --augment imagenet --out sheet.png
      striate data show digits --augment mnist --count 2
    """
    _check_file(out)
    sides = None if size is None else parse_sides(size)
    with quickly():
        from striate.data.show import show

    wanted = tuple(name.strip() for name in classes.split(",")) if classes else ()
    sheet = show(source, augment=augment, split=split, count=count, seed=seed, size=sides, classes=wanted)
    if out is not None:
        sheet.save(out)
    if as_json:
        print(json.dumps(sheet.to_data(), indent=1, ensure_ascii=False))
    elif out is None:
        say(sheet.text())
    else:
        say(f"sheet: {out}")


def _check_file(file: Path | None) -> None:
    """Raise `UsageError` if no sheet can be written to ``file``."""
    if file is None:
        return
    if file.is_dir() or not file.parent.is_dir():
        what = "is a folder" if file.is_dir() else f"there is no folder {file.parent}"
        raise UsageError(f"--out {file}: {what}; name the file to write, such as sheet.png.")
    if file.suffix.lower() not in (".png", ".html", ".htm"):
        raise UsageError(
            f"--out {file}: a picture or a page is written; give it a name that ends in .png or .html."
        )
