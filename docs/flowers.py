"""The page of the flowers: from a folder of photographs to a classifier, by the commands that a user types.

The page and its charts are kept with the project. The photographs, and what is made of them, are not: without
STRIATE_DATA the page stays as it is, and grey pictures stand in their place.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from PIL import Image, ImageDraw

import striate as st

SIDE = 96
PER_CLASS = 9
MISTAKES = 8
NETWORK = Path(__file__).parent.parent / "examples" / "flowers.yaml"
PHOTOGRAPHS = ("flowers-sheet.jpg", "flowers-near.jpg", "flowers-mistakes.jpg")
REPORT = "flowers-check.html"
TRAIN = "--batch-size 25 --epochs 30 --lr 0.006 --label-smoothing 0.1"
ENVIRONMENT = {"COLUMNS": "100", "OMP_NUM_THREADS": "1"}  # sums in one order, on however many cores
MAIN = "from striate.cli import main; main()"
NOISE = r"(?m)^  (memory|time) .*\n(?: {19}.*\n)*|, (?:in )?[\d.]+ s\b"  # which no two runs have alike


def write_page(page: Path, pictures: Path) -> None:
    """Write the page and its pictures, or, without the photographs, grey ones."""
    root = Path(os.environ.get("STRIATE_DATA", ""), "flowers")
    if "STRIATE_DATA" not in os.environ or not root.is_dir():
        print(f"{page.name} is left as it is: STRIATE_DATA names no folder with flowers/", file=sys.stderr)
        for name in PHOTOGRAPHS:
            if not (pictures / name).exists():
                Image.new("RGB", (400, 60), "lightgrey").save(pictures / name)
        if not (pictures / REPORT).exists():
            (pictures / REPORT).write_text("Made where the photographs are.", encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder).resolve()
        shutil.copytree(root, work / "flowers", ignore=shutil.ignore_patterns("LICENSE.txt"))
        shutil.copy(NETWORK, work)
        _write(page, pictures, work, _credits(root / "LICENSE.txt"))


def _write(page: Path, pictures: Path, work: Path, authors: dict[str, str]) -> None:
    check = _run(work, "data check flowers --report check.html")
    shutil.copy(work / "check.html", pictures / REPORT)
    pack = _run(work, "data pack flowers --size 64 --out flowers.pack")
    foresee = _run(work, "check flowers.yaml --data flowers.pack --batch-size 25")
    train = _run(work, f"train flowers.yaml --data flowers.pack --out run {TRAIN}")
    measured = _run(work, "eval run --split val")
    shown = _sheet(work / "flowers", pictures / PHOTOGRAPHS[0])
    pair = re.search(r"\[near-leak\].*?(train/\S+) = (val/\S+)", check, re.S)
    assert pair is not None
    near = [work / "flowers" / name for name in pair.groups()]
    _row(near, pictures / PHOTOGRAPHS[1])
    mistakes = _mistakes(work, pictures / PHOTOGRAPHS[2])
    _curves(work / "run" / "events.jsonl", pictures / "flowers-curves.svg")
    evaluation = json.loads(_run(work, "eval run --split val --json"))
    _confusion(evaluation, pictures / "flowers-confusion.svg")
    credited = sorted({authors[file.name] for file in [*shown, *near, *(file for file, _, _ in mistakes)]})
    page.write_text(
        TEXT.format(
            check=check,
            report=f"pictures/{REPORT}",
            pack=pack,
            network=NETWORK.read_text(encoding="utf-8").rstrip(),
            foresee=_kinds(foresee, ("more-weights-than-images",)),
            train=_few_epochs(train),
            options=TRAIN,
            measured=measured,
            accuracy=f"{evaluation['accuracy']:.0%}",
            mistakes=textwrap.fill(", ".join(f"{true} called {called}" for _, true, called in mistakes), 118),
            authors=textwrap.fill(", ".join(credited), 118),
        ),
        encoding="utf-8",
    )


def _run(work: Path, command: str) -> str:
    """Return what a command prints, without the paths and times of this machine."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *command.split()],
        cwd=work,
        env={**os.environ, **ENVIRONMENT, "STRIATE_CACHE": str(work / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(NOISE, "", done.stdout.replace(f"{work}/", "")).rstrip()


def _kinds(text: str, kinds: tuple[str, ...]) -> str:
    """Return the head, the end, and of the findings those of ``kinds``."""
    parts = text.split("\n\n")
    kept = [part for part in parts[2:-1] if any(f"[{kind}]" in part for kind in kinds)]
    return "\n\n".join([*parts[:2], "…", *kept, "…", parts[-1]])


def _few_epochs(text: str) -> str:
    """Return what training prints, without most of its epochs."""
    lines = text.splitlines()
    return "\n".join([*lines[:4], "…", *lines[-5:]])


def _credits(file: Path) -> dict[str, str]:
    """Return who took each photograph."""
    lines = re.findall(
        r"(?m)^\w+/(\S+\.jpg) CC[- ]BY(?: 2\.0)? by (.+?) - http", file.read_text(encoding="utf-8")
    )
    return dict(lines)


def _tile(file: Path) -> Image.Image:
    with Image.open(file) as image:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return image.convert("RGB").crop((left, top, left + side, top + side)).resize((SIDE, SIDE))


def _row(files: list[Path], path: Path) -> None:
    sheet = Image.new("RGB", (len(files) * SIDE, SIDE))
    for place, file in enumerate(files):
        sheet.paste(_tile(file), (place * SIDE, 0))
    sheet.save(path, quality=85)


def _sheet(root: Path, path: Path) -> list[Path]:
    """Draw the first photographs of each class; return which."""
    classes = sorted(folder for folder in (root / "train").iterdir() if folder.is_dir())
    files = [sorted(folder.iterdir())[:PER_CLASS] for folder in classes]
    label = 80
    sheet = Image.new("RGB", (label + PER_CLASS * SIDE, len(classes) * SIDE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (folder, chosen) in enumerate(zip(classes, files, strict=True)):
        draw.text((4, row * SIDE + SIDE // 2 - 6), folder.name, "black")
        for column, file in enumerate(chosen):
            sheet.paste(_tile(file), (label + column * SIDE, row * SIDE))
    sheet.save(path, quality=80)
    return [file for chosen in files for file in chosen]


def _mistakes(work: Path, path: Path) -> list[tuple[Path, str, str]]:
    """Draw the surest of the wrong answers; return file, class and answer of each."""
    files = sorted((work / "flowers" / "val").rglob("*.jpg"))
    answers = zip(files, st.Run(work / "run").predict(files), strict=True)
    wrong = [
        (file, answer.top[0]) for file, answer in answers if answer.top[0].class_name != file.parent.name
    ]
    wrong = sorted(wrong, key=lambda pair: -pair[1].probability)[:MISTAKES]
    _row([file for file, _ in wrong], path)
    return [(file, file.parent.name, top.class_name) for file, top in wrong]


def _curves(events: Path, path: Path) -> None:
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    steps = [(line["epoch"], line["loss"]) for line in lines if line["event"] == "StepDone"]
    tests = [
        (line["epoch"], line["loss"], line["accuracy"]) for line in lines if line["event"] == "Validated"
    ]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
    left.plot(*zip(*steps, strict=True), linewidth=0.5, label="training, each step")
    left.plot([t[0] for t in tests], [t[1] for t in tests], label="validation")
    left.set(xlabel="epoch", ylabel="loss")
    left.legend(frameon=False)
    right.plot([t[0] for t in tests], [t[2] for t in tests], color="tab:orange")
    right.set(xlabel="epoch", ylabel="validation accuracy", ylim=(0, 1))
    _save(figure, path)


def _confusion(evaluation: dict, path: Path) -> None:
    names = [row["name"] for row in evaluation["classes"]]
    figure, axes = plt.subplots(figsize=(4, 3.4), layout="constrained")
    axes.imshow(evaluation["confusion"], cmap="Blues")
    for row, counts in enumerate(evaluation["confusion"]):
        for column, count in enumerate(counts):
            color = "white" if count > max(counts) / 2 else "black"
            axes.text(column, row, count or "", ha="center", va="center", color=color)
    axes.set(xlabel="called", ylabel="is")
    axes.set_xticks(range(len(names)), names, rotation=30)
    axes.set_yticks(range(len(names)), names)
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    with matplotlib.rc_context({"svg.hashsalt": path.name}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


TEXT = """# From a folder of photographs to a classifier

Five kinds of flowers, 100 photographs of each to train and 30 to validate, in folders: `flowers/train/daisy/…`. Every
command below was run to make this page; times and amounts of memory are left out.

![nine photographs of each class](pictures/flowers-sheet.jpg)

## Look before you train

```text
$ striate data check flowers --report check.html
{check}
```

The [report]({report}) shows the images concerned. Nothing spoils training, but some photographs stand twice
in a class, and one in `train` is nearly one in `val`:

![the near copies](pictures/flowers-near.jpg)

## Decode once

```text
$ striate data pack flowers --size 64 --out flowers.pack
{pack}
```

Training, and every further run, maps this file into memory and starts at once.

## Will it work?

A network of four convolutions, `examples/flowers.yaml`:

```yaml
{network}
```

```text
$ striate check flowers.yaml --data flowers.pack --batch-size 25
{foresee}
```

## Train and measure

```text
$ striate train flowers.yaml --data flowers.pack --out run \\
    {options}
{train}
```

![loss and accuracy](pictures/flowers-curves.svg)

```text
$ striate eval run --split val
{measured}
```

![what is called what](pictures/flowers-confusion.svg)

{accuracy} of 150 photographs, of which chance would get 20%. The figure flatters a little: the best epoch was chosen by
these very images, and one of them is the near copy above. The surest mistakes, from left to right:
{mistakes}.

![the surest mistakes](pictures/flowers-mistakes.jpg)

Photographs, cut to squares, under [CC BY 2.0](https://creativecommons.org/licenses/by/2.0/), by
{authors}.
"""
