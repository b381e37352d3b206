"""The MACs of every named network beside fvcore's count of the built module.

    python benchmarks/macs.py

fvcore counts a multiplication and an addition as one, as we do, but counts normalization and pooling too. So there
are two columns: its convolutions, linear layers and matrix products alone, which ours must equal within 0.5 %, and all
that it counts. Fails if a network deviates that `REASONS` does not name, or no longer deviates though it is named.
"""

import logging
import sys
from importlib.metadata import version

import torch
from fvcore.nn import FlopCountAnalysis
from timing import machine

import striate
from striate.analyze import analyze
from striate.nn import build
from striate.spec import Network
from striate.zoo import NETWORKS

WITHIN = 0.005
PRODUCTS = ("conv", "linear", "addmm", "matmul", "bmm", "einsum")
TABLE = "a table leaves connections out; the module multiplies their zeros, and fvcore counts them"
RECURRENT = "fvcore does not count recurrent layers"
SUMS = "local response normalization adds up neighbors by a 1×1 convolution of ones, which fvcore counts"
REASONS = {
    "lenet1": TABLE,
    "lenet4": TABLE,
    "lenet5_1998": TABLE,
    "char_rnn": RECURRENT,
    "char_lstm": RECURRENT,
    "char_gru": RECURRENT,
    **dict.fromkeys(("alexnet", "googlenet", "googlenet_aux", "vgg11_lrn", "zfnet"), SUMS),
}


def counted(network: Network) -> tuple[int, int]:
    """Return fvcore's count for one input: convolutions and matrix products, and all."""
    module = build(network, seed=0).eval()
    inputs = torch.zeros(1, *network.input)
    if len(network.input) == 1 and analyze(network).layers[0].arithmetic.tokens:
        inputs = inputs.long()
    count = FlopCountAnalysis(module, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = count.by_operator()
    return int(sum(by_operator[name] for name in PRODUCTS)), int(sum(by_operator.values()))


def without_heads(network: Network) -> int:
    """Return our MACs but for auxiliary heads, which do not run in evaluation."""
    analysis = analyze(network)
    heads = tuple(f"{head}." for head in analysis.heads)
    return sum(row.macs for row in analysis.layers if not row.path.startswith(heads))


def main() -> None:
    """Count, print, and fail if a network deviates without a reason."""
    logging.disable(logging.WARNING)
    print(machine(torch=torch.__version__, fvcore=version("fvcore"), striate=striate.__version__))
    print(f"{'network':<26}{'MACs':>16}{'fvcore, products':>20}{'':>10}{'fvcore, all':>18}")
    good = True
    for name, entry in NETWORKS.items():
        network = entry.make()
        ours, (products, everything) = without_heads(network), counted(network)
        off, off_all = (f"{ours / theirs - 1:+.2%}" if theirs else "" for theirs in (products, everything))
        deviates = abs(ours - products) > WITHIN * products
        good &= deviates == (name in REASONS)
        note = REASONS.get(name, "no reason is known" if deviates else "")
        print(
            f"{name:<26}{ours:>16,}{products:>20,}{off:>10}{everything:>18,}{off_all:>10}  {note}", flush=True
        )
    sys.exit(not good)


if __name__ == "__main__":
    main()
