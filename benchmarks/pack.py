"""How fast data sets are packed and packs are read, against Pillow in a loop, a DataLoader, and copying memory.

    STRIATE_DATA=../shared/data python benchmarks/pack.py
    STRIATE_DATA=../shared/data python benchmarks/pack.py --tolerance

1. The flowers, repeated to 2,600 files, to 160×160: packing (with hashing all files twice, checksums, and the disk's
   confirmation; the code that resizes is compiled before) against a loop of Pillow and a DataLoader of 2 workers that
   do the same to each image and write nothing; reading the pack in random batches of 128, per image, against the loop.
   With one thread, and where JPEG files may be decoded at half their size (``--jpeg fast``), too. 2. Fashion-MNIST:
   from the command to the first batch, each a process of its own; random batches of 128 against copying as many bytes.
   Batches are gathered and bytes copied by one thread. Fails if a figure misses its bound.
   ``--tolerance`` prints instead how far pixels change where JPEG files are decoded at a part of their size.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image
from timing import interleaved, machine, ratio, report
from torch.utils.data import DataLoader

import striate
from striate.data import Batches, FolderSource, load_split, open_source
from striate.data.pack.format import Settings
from striate.data.pack.packing import pack_source
from striate.data.pack.reader import PackSource
from striate.data.pixels import to_pixels

SIDE = 160
COPIES = 4
BATCH = 128
EPOCHS = 5
MIN_OVER_LOOP = 2.0
MIN_OVER_LOADER = 1.3
MIN_READING = 200.0
MAX_FIRST_BATCH = 1.0  # seconds, without importing torch
MIN_READ = 5e9  # bytes a second, or half of what copying reaches, whichever is less
FIRST = """
import sys, time
import torch
start = time.perf_counter()
from striate.data import Batches, load_split, open_source
source = open_source(sys.argv[1])
Batches(load_split(source, "train", (1, 28, 28)), 128, 0)[0]
print(time.perf_counter() - start)
"""


def pillow(file: Path) -> np.ndarray:
    """Return a file as Pillow gives it, uint8 ``(3, SIDE, SIDE)``."""
    with Image.open(file) as image:
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small).transpose(2, 0, 1)


class Files:
    """A data set of files, as PyTorch's examples write them."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(pillow(self.files[index])))


def flowers(data: Path, folder: Path) -> bool:
    """Pack and read the flowers; return whether all is as fast as wanted."""
    for copy in range(COPIES):
        for file in sorted((data / "flowers").rglob("*.jpg")):
            target = folder / "set" / file.parent.relative_to(data / "flowers") / f"{copy}-{file.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    files = sorted((folder / "set").rglob("*.jpg"))
    loader = DataLoader(Files(files), batch_size=BATCH, num_workers=2)
    out = np.empty((len(files), 3, SIDE, SIDE), np.uint8)

    def loop() -> None:
        for index, file in enumerate(files):
            out[index] = pillow(file)

    def pack(**options: object) -> None:
        (folder / "x.pack").unlink(missing_ok=True)
        workers = options.pop("workers", None)
        settings = Settings(**options)
        source = FolderSource(folder / "set")
        pack_source(source, folder / "x.pack", (3, SIDE, SIDE), settings, workers=workers)

    pack()
    shutil.copy(folder / "x.pack", folder / "read.pack")
    batches = Batches(load_split(PackSource(folder / "read.pack"), "train", (3, SIDE, SIDE)), BATCH, seed=0)
    steps = batches.steps(EPOCHS)
    times = interleaved(
        {
            "Pillow in a loop": loop,
            "DataLoader, 2 workers": lambda: sum(len(batch) for batch in loader),
            "striate data pack": pack,
            "striate data pack --workers 1": lambda: pack(workers=1),
            "striate data pack --jpeg fast": lambda: pack(jpeg="fast"),
            f"reading the pack, {EPOCHS} epochs": lambda: sum(len(batches[k].images) for k in range(steps)),
        },
        rounds=5,
    )
    report(times)
    read = steps * BATCH / len(files)
    over_loop = ratio(times, "Pillow in a loop", "striate data pack")
    over_loader = ratio(times, "DataLoader, 2 workers", "striate data pack")
    reading = read * ratio(times, "Pillow in a loop", f"reading the pack, {EPOCHS} epochs")
    print(
        f"  {len(files):,} files; packing is {over_loop:.2f} × as fast as the loop (wanted: {MIN_OVER_LOOP})"
    )
    print(f"  {over_loader:.2f} × as fast as the DataLoader (wanted: {MIN_OVER_LOADER})")
    for other in ("--workers 1", "--jpeg fast"):
        speeds = [ratio(times, peer, f"striate data pack {other}") for peer in list(times)[:2]]
        print(f"  with {other}: {speeds[0]:.2f} × the loop, {speeds[1]:.2f} × the DataLoader")
    print(f"  reading, per image, is {reading:.0f} × as fast as the loop (wanted: {MIN_READING:.0f})")
    return over_loop >= MIN_OVER_LOOP and over_loader >= MIN_OVER_LOADER and reading >= MIN_READING


def fashion(data: Path, folder: Path) -> bool:
    """Start and read Fashion-MNIST; return whether all is as fast as wanted."""
    source = open_source(f"idx:{data / 'fashion-mnist'}")
    path = folder / "fashion.pack"
    pack_source(source, path, (1, 28, 28))
    inner: dict[str, list[float]] = {"pack": [], "idx": []}

    def first(kind: str, name: str) -> None:
        done = subprocess.run([sys.executable, "-c", FIRST, name], capture_output=True, text=True, check=True)
        inner[kind].append(float(done.stdout))

    times = interleaved(
        {
            "first batch of the pack, whole process": lambda: first("pack", str(path)),
            "first batch of the IDX files": lambda: first("idx", source.name),
            'python -c "import torch"': lambda: subprocess.run(
                [sys.executable, "-c", "import torch"], check=True
            ),
        },
        rounds=5,
    )
    report(times)
    start = statistics.median(inner["pack"])
    print(
        f"  after importing torch: pack {start:.3f} s (wanted: {MAX_FIRST_BATCH}), "
        f"IDX {statistics.median(inner['idx']):.3f} s   n={len(inner['pack'])}"
    )
    batches = Batches(load_split(PackSource(path), "train", (1, 28, 28)), BATCH, seed=0)
    images = batches.dataset.images
    orders = torch.randperm(len(images)).split(BATCH)
    size = images.numel()
    target = torch.empty_like(images)
    reading = interleaved(
        {
            "random batches, gathered": lambda: sum(len(images.index_select(0, order)) for order in orders),
            "random batches, Batches[k]": lambda: sum(len(batches[k].images) for k in range(len(orders))),
            "copying the same bytes": lambda: target.copy_(images),
        },
        rounds=15,
    )
    report(reading)
    speeds = {name: size / statistics.median(values) for name, values in reading.items()}
    wanted = min(MIN_READ, speeds["copying the same bytes"] / 2)
    shown = ", ".join(f"{name} {speed / 1e9:.1f} GB/s" for name, speed in speeds.items())
    print(f"  {shown} (wanted of Batches[k]: {wanted / 1e9:.1f})")
    return start <= MAX_FIRST_BATCH and speeds["random batches, Batches[k]"] >= wanted


def tolerance(data: Path) -> None:
    """Print how far every fifth flower to train on, decoded at a part of its size, is from itself."""
    source = FolderSource(data / "flowers")
    records = [source.record("train", index) for index in range(0, len(source.targets["train"]), 5)]
    for jpeg, side in (("fine", 160), ("fine", 80), ("fine", 60), ("fast", 160), ("fast", 80)):
        shape = (3, side, side)
        least = Settings(jpeg=jpeg).least(side, side)
        gaps = [
            np.abs(to_pixels(record.open(least), shape).astype(int) - to_pixels(record.open(), shape)).mean()
            for record in records
        ]
        other = [gap for gap in gaps if gap]
        figures = f"{np.mean(other):.2f} | {max(other):.2f}" if other else "0 | 0"
        print(f"| `--jpeg {jpeg} --size {side}` | {len(other)} of {len(gaps)} | {figures} |")


def main() -> None:
    """Measure, print, and fail if a bound is missed."""
    data = Path(os.environ["STRIATE_DATA"])
    if "--tolerance" in sys.argv:
        tolerance(data)
        return
    torch.set_num_threads(1)
    print(machine(torch=torch.__version__, pillow=PIL.__version__, striate=striate.__version__))
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for title, job in (("flowers, 160×160", flowers), ("Fashion-MNIST", fashion)):
            print(f"\n{title}")
            good &= job(data, Path(folder))
    sys.exit(not good)


if __name__ == "__main__":
    main()
