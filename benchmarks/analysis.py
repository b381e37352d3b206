"""How fast a description is analyzed, against torchinfo, fvcore and importing torch.

    python benchmarks/analysis.py

1. ``analyze``, describing included, against ``torchinfo.summary`` and fvcore's ``FlopCountAnalysis`` of the built
   model (building not counted), for ten networks, interleaved in one process. 2. The two largest analyses alone.
3. The whole command ``striate inspect vgg16`` against ``python -c "import torch"``, each a process of its own,
   interleaved. 4. The whole command for every named network. Fails if a figure misses its bound.
"""

import logging
import statistics
import subprocess
import sys
import warnings
from importlib.metadata import version

import torch
import torchinfo
from fvcore.nn import FlopCountAnalysis
from timing import interleaved, machine, ratio, report

import striate
from striate import zoo
from striate.analyze import analyze
from striate.nn import build

TEN = (
    "lenet5",
    "alexnet",
    "vgg16",
    "googlenet",
    "inception_v3",
    "squeezenet1_1",
    "resnet50",
    "resnet152",
    "mobilenet_v2",
    "densenet121",
)
MIN_SPEEDUP = 3.0  # against the faster peer, for every network
MIN_SPEEDUP_VGG = 50.0  # against torchinfo
MAX_ANALYSIS = 0.1  # seconds, densenet121 and resnet1202
MAX_SHARE = 0.4  # of the time that importing torch takes
MAX_COMMAND = 0.5  # seconds, any named network
COMMAND = [sys.executable, "-c", "from striate.cli import main; main()", "inspect"]
QUIET = {"stdout": subprocess.DEVNULL, "check": True}


def against_peers() -> bool:
    """Compare analyses of ten networks; return whether all are as fast as wanted."""
    good = True
    for name in TEN:
        network = zoo.NETWORKS[name].make()
        model = build(network, seed=0).eval()
        x = torch.zeros(1, *network.input)
        times = interleaved(
            {
                "striate.analyze": lambda name=name: analyze(zoo.NETWORKS[name].make()),
                "torchinfo": lambda model=model, x=x: torchinfo.summary(model, input_size=x.shape, verbose=0),
                "fvcore": lambda model=model, x=x: FlopCountAnalysis(model, x).total(),
            },
            rounds=7,
        )
        medians = [statistics.median(values) * 1e3 for values in times.values()]
        info, core = (ratio(times, peer, "striate.analyze") for peer in ("torchinfo", "fvcore"))
        print(
            f"  {name:<14} ours {medians[0]:7.2f} ms   torchinfo {medians[1]:8.1f} ms ({info:4.0f}×)   "
            f"fvcore {medians[2]:8.1f} ms ({core:4.0f}×)   n=7"
        )
        good &= min(info, core) >= MIN_SPEEDUP and (name != "vgg16" or info >= MIN_SPEEDUP_VGG)
    return good


def largest() -> bool:
    """Time the largest analyses."""
    names = ("densenet121", "resnet1202")
    networks = {name: zoo.NETWORKS[name].make() for name in names}
    times = interleaved(
        {f"analyze({name})": lambda name=name: analyze(networks[name]) for name in names}, rounds=9
    )
    report(times)
    return all(statistics.median(values) < MAX_ANALYSIS for values in times.values())


def whole_command() -> bool:
    """Time the whole command against importing torch."""
    times = interleaved(
        {
            "striate inspect vgg16": lambda: subprocess.run([*COMMAND, "vgg16"], **QUIET),
            'python -c "import torch"': lambda: subprocess.run(
                [sys.executable, "-c", "import torch"], **QUIET
            ),
        },
        rounds=11,
    )
    report(times)
    share = ratio(times, "striate inspect vgg16", 'python -c "import torch"')
    print(f"  the command takes {share:.2f} of importing torch (wanted: at most {MAX_SHARE})")
    return share <= MAX_SHARE


def every_command() -> bool:
    """Time the whole command for every named network."""
    jobs = {
        name: lambda name=name: subprocess.run([*COMMAND, name], **QUIET)  # type: ignore[misc]
        for name in zoo.NETWORKS
    }
    times = interleaved(jobs, rounds=3)
    medians = sorted((statistics.median(values), name) for name, values in times.items())
    (least, quickest), (most, slowest) = medians[0], medians[-1]
    print(
        f"  {len(jobs)} networks, medians of 3: {least:.3f} s ({quickest}) to {most:.3f} s ({slowest}) "
        f"(wanted: less than {MAX_COMMAND} s each)"
    )
    return most < MAX_COMMAND


def main() -> None:
    """Measure, print, and fail if a bound is missed."""
    warnings.filterwarnings("ignore")
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    print(
        machine(
            torch=torch.__version__,
            torchinfo=version("torchinfo"),
            fvcore=version("fvcore"),
            striate=striate.__version__,
        )
    )
    good = True
    for title, job in (
        ("ten networks against torchinfo and fvcore (built models)", against_peers),
        ("the largest networks", largest),
        ("the whole command against importing torch", whole_command),
        ("the whole command, every named network", every_command),
    ):
        print(f"\n{title}")
        good &= job()
    sys.exit(not good)


if __name__ == "__main__":
    main()
