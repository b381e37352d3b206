"""What `striate.optimize` gains: the module of a network against that of the optimized one, in plain PyTorch.

    python benchmarks/rewrites.py

One thread, eager, float32, with channels before positions (NCHW) and behind them (NHWC). Training: a step of plain SGD,
each rewrite alone and both. Inference: a forward in evaluation. The modules of a network have the same weights, take
turns in one process, and must give the same loss, or answer, to 1e-3 of it. The original is among them twice: how far
its second ratio is from 1 says what the others are worth.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial

import torch
from timing import interleaved, machine, ratio
from torch import nn
from torch.nn import functional as F

import striate
from striate import zoo
from striate.nn import REWRITES, build, optimize
from striate.spec import Network

ROUNDS = 9
TRAINING = (
    ("googlenet", 8, zoo.googlenet(10).with_input((3, 64, 64))),
    ("vgg11", 8, zoo.vgg11(10).with_input((3, 64, 64))),
    ("lenet5_relu", 128, zoo.lenet5_relu()),
)
INFERENCE = (
    ("resnet18", 8, zoo.resnet18(10).with_input((3, 64, 64))),
    ("googlenet_bn", 8, zoo.googlenet_bn(10).with_input((3, 64, 64))),
)
Job = Callable[[Network, int, str, Sequence[str]], Callable[[], float]]
LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


def main() -> int:
    torch.set_num_threads(1)
    print(machine(torch=torch.__version__, striate=striate.__version__))
    print(f"one thread, n = {ROUNDS} rounds, median of the ratios original / optimized")
    for name, batch, network in TRAINING:
        versions = {**{one: [one] for one in REWRITES["training"]}, "all": REWRITES["training"]}
        compared("training", name, batch, network, step, versions)
    for name, batch, network in INFERENCE:
        versions = {"fold": ["fold"], "all": REWRITES["inference"]}
        compared("inference", name, batch, network, forward, versions)
    return 0


def compared(
    what: str, name: str, batch: int, network: Network, job: Job, versions: dict[str, Sequence[str]]
) -> None:
    """Print how often each version of ``network`` fits into the time of the original, which runs ``again``, too."""
    changing = {v: rewrites for v, rewrites in versions.items() if optimize(network, what, rewrites).changes}
    for layout in LAYOUTS:
        print(f"{what}, {name} {network.input}, batch {batch}, {layout}: ", end="", flush=True)
        all_versions = {"none": (), "again": (), **changing}
        measure({v: job(network, batch, layout, rewrites) for v, rewrites in all_versions.items()})


def measure(jobs: dict[str, Callable[[], float]]) -> None:
    answers = {name: job() for name, job in jobs.items()}
    for name, answer in answers.items():
        if abs(answer - answers["none"]) > 1e-3 * abs(answers["none"]):
            sys.exit(f"{name} computes {answer}, and the original {answers['none']}")
    times = interleaved(jobs, ROUNDS)
    middle = sorted(times["none"])[ROUNDS // 2]
    gains = ", ".join(f"{name} {ratio(times, 'none', name):.2f}" for name in jobs if name != "none")
    print(f"{middle * 1e3:.1f} ms; {gains}", flush=True)


def step(network: Network, batch: int, layout: str, rewrites: Sequence[str]) -> Callable[[], float]:
    """Return a training step of the network with these rewrites; it gives the loss."""
    module = made(network, "training", layout, rewrites).train()
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0  # so that losses can be compared
    images, labels = drawn(network, batch, layout)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)

    def run() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(module(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def forward(network: Network, batch: int, layout: str, rewrites: Sequence[str]) -> Callable[[], float]:
    """Return a forward in evaluation of the network with these rewrites; it gives the mean square of the answer."""
    module = made(network, "inference", layout, rewrites).eval()
    images, _ = drawn(network, batch, layout)
    return partial(evaluated, module, images)


@torch.inference_mode()
def evaluated(module: nn.Module, images: torch.Tensor) -> float:
    return module(images).square().mean().item()


def made(network: Network, for_: str, layout: str, rewrites: Sequence[str]) -> nn.Module:
    fast = optimize(network, for_, rewrites)
    module = build(fast.network)
    module.load_state_dict(fast.weights.forward(build(network, seed=0).state_dict()))
    return module.to(memory_format=LAYOUTS[layout])


def drawn(network: Network, batch: int, layout: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, *network.input, generator=generator)
    return images.contiguous(memory_format=LAYOUTS[layout]), torch.arange(batch) % 10


if __name__ == "__main__":
    sys.exit(main())
