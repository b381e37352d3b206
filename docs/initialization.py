"""The page of initialization: what variance becomes through depth, measured and drawn by the library itself.

All networks here see noise of N(0, 1), have one width and no head: what is seen is the work of the weights alone.
"""

from pathlib import Path

from striate.spec import BatchNorm, Conv, Network, Node, ReLU, Residual, Sequential, Sigmoid, Tanh
from striate.train import TrainConfig
from striate.train.check import Passage, Propagation, propagate

DEPTH, CHANNELS, SIDE = 20, 48, 16
CONFIG = TrainConfig(batch_size=32)
HERE = Path(__file__).parent


def _network(name: str, *body: Node) -> Network:
    return Network(name, (CHANNELS, SIDE, SIDE), Sequential(*body))


def _conv() -> Node:
    return Conv(CHANNELS, 3, padding=1)


def plain(activation: Node, *between: Node) -> Network:
    """Return convolutions one after another, with an activation between each and the next."""
    name = f"{DEPTH} convolutions, {'BatchNorm, ' if between else ''}{activation.kind}"
    parts = (part for _ in range(DEPTH - 1) for part in (_conv(), *between, activation))
    return _network(name, *parts, _conv())


def residual(*behind: Node) -> Network:
    """Return as many convolutions, all but the first and the last two to a block with a shortcut."""
    name = f"{DEPTH} convolutions in residual blocks{' with BatchNorm' if behind else ''}"
    block = Residual(Sequential(ReLU(), _conv(), *behind, ReLU(), _conv(), *behind))
    return _network(name, _conv(), *[block] * (DEPTH // 2 - 1), _conv())


def measured() -> dict[str, Propagation]:
    """Return what is seen in each network of the page."""
    both = ("he-normal", "xavier-normal")
    asked = {
        "plain": (plain(ReLU()), (*both, "orthogonal", "lsuv", "xavier-normal-tanh")),
        "normed": (plain(ReLU(), BatchNorm()), both),
        "residual": (residual(), both),
        "both": (residual(BatchNorm()), both),
        "tanh": (plain(Tanh()), ("xavier-normal", "table-normal")),
        "logistic": (plain(Sigmoid()), ("xavier-normal", "xavier-normal-tanh")),
    }
    return {key: propagate(network, inits, config=CONFIG) for key, (network, inits) in asked.items()}


def _cells(passage: Passage) -> str:
    return f"×{passage.per_layer:.2f} | {passage.outcome}"


def outcomes(seen: dict[str, Propagation]) -> str:
    """Return a row for each network and initialization."""
    lines = [
        "| network | weights | activations, each layer | | gradients, each layer | |",
        "|---|---|---|---|---|---|",
    ]
    for found in seen.values():
        for trace in found.traces:
            cells = f"{_cells(trace.activations)} | {_cells(trace.gradients)}"
            lines.append(f"| {found.network} | `{trace.init}` | {cells} |")
    return "\n".join(lines)


def write_page(path: Path, pictures: Path) -> None:
    """Write the pictures, and the table into the page between its two marks."""
    seen = measured()
    for key in ("plain", "normed", "residual", "both"):
        seen[key].plot(pictures / f"initialization-{key}.svg")
    start, end = "<!-- outcomes -->", "<!-- end -->"
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{start}\n\n{outcomes(seen)}\n\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    write_page(HERE / "initialization.md", HERE / "pictures")
