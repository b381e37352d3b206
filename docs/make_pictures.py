"""Make every picture and generated page of the docs, from the library itself.

python docs/make_pictures.py
"""

import io
import json
import subprocess
import sys
from pathlib import Path

import augmentation
import catalog
import equivariance
import flowers
import initialization
import methods
import photographs
import preprocessing_pictures
import recipes
import scaling
from lecture_numbers import LECTURES
from lecture_numbers.page import page
from rich.console import Console

from striate import zoo
from striate.analyze import Analysis, analyze, compare, work_text
from striate.cli.app import COMMANDS, PARTS
from striate.data import digits
from striate.spec import json_schema

DOCS = Path(__file__).parent
PICTURES = DOCS / "pictures"
EXAMPLES = DOCS.parent / "examples"
CELL = 14  # pixels of the picture per pixel of the digit
COLORS = ("#d62728", "#ff7f0e", "#2ca02c", "#1f77b4", "#9467bd", "#8c564b")


def terminal(name: str, title: str, what: object, width: int) -> None:
    """Write what a terminal would show as an SVG."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(what)
    svg = console.export_svg(title=title, unique_id=name)
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")


def work_page(analysis: Analysis, path: str) -> str:
    """Return the worked arithmetic of one layer as text."""
    return "\n".join(f"{figure:<20}{formula}" for figure, formula in work_text(analysis.row(path)))


def receptive_fields(analysis: Analysis, paths: tuple[str, ...]) -> str:
    """Draw, over a digit, what the middle unit of each layer sees."""
    height, width = analysis.input[1:]
    image = digits().image("test", 3).resize((width, height))
    margin = 8
    side = width * CELL
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side + 2 * margin + 250} {side + 2 * margin}" '
        'font-family="sans-serif" font-size="15">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<g transform="translate({margin} {margin})">',
    ]
    for y in range(height):
        for x in range(width):
            grey = 255 - image.getpixel((x, y))
            parts.append(
                f'<rect x="{x * CELL}" y="{y * CELL}" width="{CELL}" height="{CELL}" fill="rgb({grey},{grey},{grey})"/>'
            )
    for color, (i, path) in zip(COLORS, enumerate(paths), strict=False):
        row = analysis.row(path)
        units = row.output_shape[1:] or (1, 1)
        (y, y_size), (x, x_size) = (
            (f.offset + n // 2 * f.stride, f.size) for f, n in zip(row.receptive_field, units, strict=True)
        )
        parts.append(
            f'<rect x="{x * CELL}" y="{y * CELL}" width="{x_size * CELL}" height="{y_size * CELL}" '
            f'fill="none" stroke="{color}" stroke-width="4"/>'
            f'<text x="{side + 20}" y="{24 + 26 * i}" fill="{color}">{path} {row.kind}: {y_size}×{x_size}</text>'
        )
    return "\n".join([*parts, "</g></svg>"])


def help_text(command: str) -> str:
    """Return what ``striate COMMAND --help`` prints."""
    run = [sys.executable, "-c", "from striate.cli import main; main()", *command.split(), "--help"]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout.rstrip()


def commands_page() -> str:
    """Return the page of every command's help."""
    parts = ["# Command line", "", "Made from `striate COMMAND --help`. Exit status: 0 done, 1 a failure", ""]
    parts[2] += " explained in one message, 2 bad usage, 130 ended by Ctrl-C. `--debug` anywhere shows the"
    parts[2] += " traceback of an error."
    for command, about in COMMANDS.items():
        parts += [f"## striate {command}", "", about, "", "```text", help_text(command), "```", ""]
        for part in (part for part in PARTS if part.startswith(f"{command} ")):
            parts += [f"### striate {part}", "", "```text", help_text(part), "```", ""]
    return "\n".join(parts)


def main() -> None:
    """Write everything."""
    PICTURES.mkdir(exist_ok=True)
    lenet = analyze(zoo.lenet5())
    terminal("inspect-lenet5", "striate inspect lenet5", lenet, 100)
    work = work_page(analyze(zoo.alexnet()), "conv1")
    terminal("work-alexnet-conv1", "striate inspect alexnet --work conv1", work, 78)
    for name in ("lenet5", "resnet152"):
        analyze(zoo.find(name)).plot(PICTURES / f"plot-{name}.svg")
    terminal("compare-lenet5-c1", "striate compare lenet5 c1", compare(zoo.lenet5(), "c1"), 72)
    fields = receptive_fields(lenet, ("c1", "s2", "c3", "s4", "c5"))
    (PICTURES / "receptive-fields.svg").write_text(fields, encoding="utf-8")
    equivariance.write_pictures(PICTURES)
    drumbeat = [sys.executable, str(EXAMPLES / "drumbeat.py"), "--plot", str(PICTURES / "drumbeat.svg")]
    subprocess.run(drumbeat, capture_output=True, check=True)
    (DOCS / "commands.md").write_text(commands_page(), encoding="utf-8")
    (DOCS / "layers.md").write_text(catalog.layers_page(), encoding="utf-8")
    (DOCS / "networks.md").write_text(catalog.networks_page(), encoding="utf-8")
    (DOCS / "textbook.md").write_text(page(LECTURES), encoding="utf-8")
    (DOCS / "effects.md").write_text(augmentation.effects_page(), encoding="utf-8")
    (DOCS / "recipes.md").write_text(recipes.recipes_page(), encoding="utf-8")
    scaling.write_page(DOCS / "scaling.md")
    augmentation.write_pictures(PICTURES)
    photographs.write_page(DOCS / "photographs.md")
    flowers.write_page(DOCS / "flowers.md", PICTURES)
    preprocessing_pictures.write_pictures(PICTURES)
    initialization.write_page(DOCS / "initialization.md", PICTURES)
    methods.write_page(DOCS / "methods.md", PICTURES)
    schema = json.dumps(json_schema(), indent=1)
    (DOCS / "network.schema.json").write_text(schema + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
