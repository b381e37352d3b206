"""``striate data``: what is done with data sets before training. Each part parses, calls one function below, prints."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from striate.analyze import shape_text
from striate.cli import data_check_command, data_fetch_command, data_show_command
from striate.cli.arguments import UsageError, parse_sides
from striate.cli.console import say
from striate.cli.loading import quickly
from striate.errors import DataError, listed

__all__ = ["command"]

_MIB = 2**20
_HELD = ("entries", "copies", "indexes")

command = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What is done with data sets before training: fetch, check, show and pack them; list and clear the cache.",
)


@command.callback()
def _data() -> None:
    """Do nothing by itself: a part is named after it."""


command.command("check")(data_check_command.command)
command.command("fetch")(data_fetch_command.command)
command.command("show")(data_show_command.command)


@command.command()
def pack(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Data, as for striate train; with --verify a pack.")
    ],
    size: Annotated[
        str | None,
        typer.Option(metavar="N|HxW", help="Height and width of every image; others are stretched to them."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The file to make, NAME.pack.")] = None,
    channels: Annotated[int, typer.Option(help="1 for grey, 3 for RGB.")] = 3,
    jpeg: Annotated[
        str,
        typer.Option(
            help="When JPEG files are decoded at 1/2, 1/4 or 1/8 of their size: never; fine, where twice the wanted "
            "size is left; fast, where the wanted size is left."
        ),
    ] = "fine",
    max_pixels: Annotated[
        int | None,
        typer.Option(help="Refuse images of more pixels.  [default: STRIATE_MAX_PIXELS, else 178,956,970]"),
    ] = None,
    skip_bad_images: Annotated[
        bool, typer.Option("--skip-bad-images", help="Leave out images that cannot be read.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Threads that decode.  [default: one per core]")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check every block of a pack instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decode a data set, once, into one file.

    Training maps the file into memory, and so starts at once. Images are stretched to the size, with antialiasing, just
    as training does it; --jpeg never gives its very numbers.

    \b
    Examples:
      striate data pack flowers/ --size 160 --out flowers.pack
      striate train resnet18 --data flowers.pack
      striate data pack flowers.pack --verify
    """
    if verify:
        _verify(source, as_json)
        return
    if size is None or out is None:
        raise UsageError("striate data pack needs --size and --out, or --verify with the file of a pack.")
    if out.suffix.lower() != ".pack":
        raise UsageError(f"--out {out}: must end in .pack, by which data are found to be a pack.")
    shape = (channels, *parse_sides(size))
    if channels not in (1, 3):
        raise UsageError(f"--channels {channels}: must be 1 (grey) or 3 (RGB).")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: must be 1 or more.")
    with quickly():
        from striate.data import open_source
        from striate.data.pack.format import Settings
        from striate.data.pack.packing import pack_source

    try:
        settings = Settings(jpeg=jpeg, max_pixels=max_pixels)  # type: ignore[arg-type]  # it checks
    except DataError as error:
        raise UsageError(f"--{str(error).replace('_', '-')}") from None
    start = time.perf_counter()
    opened = open_source(source)
    header = pack_source(opened, out, shape, settings, skip_bad_images=skip_bad_images, workers=workers)
    figures: dict[str, Any] = {
        "file": str(out),
        "bytes": out.stat().st_size,
        "shape": list(shape),
        "sizes": {name: split.count for name, split in header.splits.items()},
        "skipped": list(header.skipped),
        "seconds": round(time.perf_counter() - start, 3),
    }
    if as_json:
        print(json.dumps(figures, indent=1, ensure_ascii=False))
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in figures["sizes"].items())
    say(f"{counts} images of {shape_text(shape)}: {figures['bytes'] / _MIB:,.1f} MiB")
    if header.skipped:
        say(f"left out {len(header.skipped):,} that cannot be read: {listed(header.skipped)}")
    say(f"pack: {out}, in {figures['seconds']:.1f} s")


@command.command()
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove all of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what the cache holds, or clear it.

    Training keeps here, as packs, what it decoded, up to 1 GiB of each split and 8 GiB in all. Beside them lie copies
    of data on other machines, and indexes of what took long to read. STRIATE_CACHE names another folder;
    STRIATE_CACHE=off keeps nothing.

    \b
    Examples:
      striate data cache
      striate data cache --clear
    """
    from striate.data.check.words import plural
    from striate.data.pack.cache import cache_folder, clear_cache, list_cache
    from striate.data.remembering import forget_all, held
    from striate.data.remote import clear_mirrors, list_mirrors

    folder = cache_folder()
    where = None if folder is None else str(folder)
    if clear:
        counts, sizes = zip(clear_cache(), clear_mirrors(), forget_all(), strict=True)
        cleared = {"folder": where, "removed": dict(zip(_HELD, counts, strict=True)), "bytes": sum(sizes)}
        if as_json:
            print(json.dumps(cleared, indent=1, ensure_ascii=False))
        else:
            say(f"removed {_told(counts, sum(sizes))}")
        return
    packs, mirrors, (count, size) = list_cache(), list_mirrors(), held()
    if as_json:
        print(
            json.dumps(
                {
                    "folder": where,
                    "entries": [
                        {"file": str(e.path), "bytes": e.bytes, "source": e.source, "split": e.split}
                        | {"count": e.count, "shape": list(e.shape)}
                        for e in packs
                    ],
                    "copies": [
                        {"folder": str(e.path), "bytes": e.bytes, "source": e.source, "files": e.count}
                        for e in mirrors
                    ],
                    "indexes": {"count": count, "bytes": size},
                },
                indent=1,
                ensure_ascii=False,
            )
        )
        return
    for pack in packs:
        of = f"  {pack.split}, {pack.count:,} of {shape_text(pack.shape)}" if pack.shape else ""
        say(f"{pack.bytes / _MIB:8.1f} MiB  {pack.source}{of}")
    for copy in mirrors:
        say(f"{copy.bytes / _MIB:8.1f} MiB  {copy.source}  {plural(copy.count, 'file')}, copied")
    if count:
        say(f"{size / _MIB:8.1f} MiB  {plural(count, 'index', 'indexes')} of data")
    total = size + sum(entry.bytes for entry in [*packs, *mirrors])
    say(f"{where or 'off'}: {_told((len(packs), len(mirrors), count), total)}")


def _told(counts: Iterable[int], size: int) -> str:
    """Return how many of each the cache holds: ``1 pack, 0 copies, 2 indexes, 3.0 MiB``."""
    from striate.data.check.words import plural

    held = map(plural, counts, ("pack", "copy", "index"), ("packs", "copies", "indexes"))
    return ", ".join([*held, f"{size / _MIB:,.1f} MiB"])


def _verify(file: str, as_json: bool) -> None:
    from striate.data.pack.reader import PackSource

    pack = PackSource(Path(file.removeprefix("pack:")))
    pack.verify()
    sizes = {name: split.count for name, split in pack.header.splits.items()}
    if as_json:
        print(json.dumps({"file": str(pack.path), "sizes": sizes, "sound": True}, indent=1))
    else:
        say(f"{pack.path}: sound, {sum(sizes.values()):,} images.")
