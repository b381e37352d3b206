"""The page that predicts how many GPUs train together, from the arithmetic, and sets what was measured beside it."""

import json
import sys
from pathlib import Path

from striate import zoo
from striate.analyze import Cluster, analyze, predict_scaling

__all__ = ["scaling_page", "write_page"]

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent / "benchmarks"
GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

CLUSTERS = {
    "NVLink, eight 400 Gb/s cards a node": Cluster(
        flops=75e12, inside=450e9, between=8 * 50e9, latency=5e-6, far_latency=10e-6
    ),
    "PCIe, one 25 Gb/s card a node": Cluster(
        flops=75e12, inside=20e9, between=25e9 / 8, latency=10e-6, far_latency=30e-6
    ),
}
SUBJECTS = (("resnet50", 256), ("vgg16", 64))

FORMULAS = (
    ("", "formula", "source"),
    ("---", "---", "---"),
    (
        "computing",
        "3 · 2 · MACs · images / FLOPs a second: a forward pass, and a backward pass of twice that",
        "[arithmetic](arithmetic.md)",
    ),
    ("gradients", "4 bytes a parameter, 2 in bfloat16", ""),
    ("a ring that sums B bytes", "2(n − 1)/n · B/bandwidth + 2(n − 1) · latency", "Patarasuk and Yuan 2009"),
    (
        "two trees",
        "2 · B/bandwidth + 2⌈log2 n⌉ · latency; the quicker way counts",
        "Sanders, Speck and Träff 2009",
    ),
    (
        "overlap",
        "buckets of 25 MiB, the last layers' first, each as soon as its gradients are there and the one before is "
        "done; what is left after the backward pass is waited for",
        "Li et al. 2020, DistributedDataParallel",
    ),
)

PAGE = """# Scaling on paper

<!-- Made by `make docs` from docs/scaling.py and docs/scaling.json; do not edit. -->

How many images a second n GPUs train, and what share of n times one GPU that is, from the arithmetic of the network
alone: no GPU was used for the first two tables. What lies behind each number:

{formulas}

```python
from striate import zoo
from striate.analyze import Cluster, analyze, predict_scaling

cluster = Cluster(flops=75e12, inside=450e9, between=400e9, latency=5e-6, far_latency=10e-6)
for scaled in predict_scaling(analyze(zoo.resnet50(), batch_size=256), cluster, (8, 64, 1024)):
    print(scaled.gpus, round(scaled.images_per_second), f"{{scaled.efficiency:.1%}}")
```

`flops` is what a GPU comes to in a step, not what its data sheet says: take it from images a second that you measured
on one, 6 · MACs · images/s. The tables assume 75 TFLOP/s, 3,060 images a second of ResNet-50, eight GPUs a node, and
each GPU the same number of images however many there are.

{tables}
What the tables say: the many parameters of VGG-16 sit in its last layers, whose gradients are there first, so that a
fast network hides nearly all of them; a slow one hides nothing. ResNet-50 has a fifth of the bytes for a like amount of
computing. Two ways to mend what is slow: more images a GPU, as the bytes stay the same; or gradients of 2 bytes
(`gradient_bytes=2` here), which Striate does not send.

What they leave out: images that cannot be read and decoded so fast; the slowest of many GPUs, for which all wait;
statistics of BatchNorm, of which `--sync-batchnorm` sends two more messages a layer and pass that nothing hides; other
traffic. Real clusters stay below these figures.

## The small end, measured

Two processes of one thread each, where gradients pass through the loopback device: {machine}, {date}, by
`python benchmarks/two_processes.py --write`. *Alone* is one process while the other waits; *at once*, two that have
nothing to do with each other; *together*, two that train one batch of twice the images. *On paper* is what the formulas
make of *alone*, of {bandwidth:.2f} GB/s and of {latency:.2f} ms a turn, both of which were measured apart.

| network | parameters | images each | alone | at once | on paper | together | off by | efficiency on paper | measured |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
{measured}

{verdict} Where that is much, it is not the bytes. On a CPU the cores that compute the network also send and sum the
gradients, so that nothing is hidden behind the backward pass; each step sums its loss too, so that all know when it is
no number, and every message wakes threads that those of the network make room for, which a small network feels most;
and the two wait for the slower one, on a machine that others used at the time. The formulas know none of this: they say
what no network beats, and are near where bytes or computing decide.
"""


def _table(network: str, batch: int) -> str:
    analysis = analyze(zoo.find(network), batch_size=batch)
    columns = [predict_scaling(analysis, cluster, GPUS) for cluster in CLUSTERS.values()]
    params, macs = analysis.totals.params, analysis.totals.macs
    lines = [
        f"## {network}",
        "",
        f"{params:,} parameters, {4 * params / 1e6:,.0f} MB of gradients; {macs:,} MACs an image; "
        f"{batch} images a GPU, {columns[0][0].compute * 1e3:.1f} ms of computing a step.",
        "",
        "| GPUs |" + "".join(f" {name}: images/s | waits | efficiency |" for name in CLUSTERS),
        "|---:|" + "---:|---:|---:|" * len(CLUSTERS),
    ]
    for row in zip(*columns, strict=True):
        cells = "".join(
            f" {s.images_per_second:,.0f} | {s.exposed * 1e3:,.1f} ms | {s.efficiency:.1%} |" for s in row
        )
        lines.append(f"| {row[0].gpus:,} |{cells}")
    return "\n".join(lines) + "\n"


def _networks():
    if str(BENCHMARKS) not in sys.path:
        sys.path.insert(0, str(BENCHMARKS))
    from two_processes import networks

    return {network.name: network for network, _ in networks()}


def _measured(kept: dict) -> tuple[str, str]:
    networks, lines, off = _networks(), [], []
    for row in kept["rows"]:
        analysis = analyze(networks[row["network"]], batch_size=row["batch"])
        flops = 6 * analysis.totals.macs * row["batch"] / row["alone"]
        link = kept["bandwidth"]
        cluster = Cluster(flops=flops, inside=link, between=link, latency=kept["latency"])
        (scaled,) = predict_scaling(analysis, cluster, [2])
        paper = scaled.compute + scaled.exposed
        off.append(row["together"] / paper)
        lines.append(
            f"| {row['network']} | {analysis.totals.params:,} | {row['batch']} | {row['alone'] * 1e3:.1f} ms | "
            f"{row['at_once'] * 1e3:.1f} ms | {paper * 1e3:.1f} ms | {row['together'] * 1e3:.1f} ms | "
            f"{row['together'] / paper - 1:+.0%} | {scaled.efficiency:.0%} | {row['alone'] / row['together']:.0%} |"
        )
    verdict = f"Steps took {min(off):.2f} to {max(off):.2f} times what stands on paper."
    return "\n".join(lines), verdict


def scaling_page() -> str:
    """Return the page."""
    kept = json.loads((HERE / "scaling.json").read_text(encoding="utf-8"))
    measured, verdict = _measured(kept)
    return PAGE.format(
        formulas="\n".join("| " + " | ".join(row) + " |" for row in FORMULAS),
        tables="\n".join(_table(*subject) for subject in SUBJECTS),
        machine=kept["machine"],
        date=kept["date"],
        bandwidth=kept["bandwidth"] / 1e9,
        latency=kept["latency"] * 1e3,
        measured=measured,
        verdict=verdict,
    )


def write_page(path: Path) -> None:
    """Write it."""
    path.write_text(scaling_page(), encoding="utf-8")
