"""A script that two processes run: trains every case, and writes down what happened in this process."""

import hashlib
import json
import os
import sys
from pathlib import Path

import torch
from together_cases import CASES, NORMED, PLAIN, config, uneven
from torch import nn

from striate.errors import StriateError
from striate.nn import build
from striate.train import Finished, StepDone, Validated, resume, train
from striate.train.distributed.norm import SyncedBatchNorm, synced

RANK = int(os.environ.get("RANK", "0"))


def told(module, events, interrupt_at=None):
    """Take all events; return those that matter, and what the weights and buffers are at the end."""
    seen = {"steps": [], "validated": [], "reason": None}
    event = next(events)
    while event is not None:
        interrupted = isinstance(event, StepDone) and event.step == interrupt_at
        if isinstance(event, StepDone):
            seen["steps"].append([event.step, event.loss, event.lr])
        elif isinstance(event, Validated):
            seen["validated"].append([event.step, event.loss, event.accuracy])
        elif isinstance(event, Finished):
            seen["reason"] = event.reason
        event = events.throw(KeyboardInterrupt()) if interrupted else next(events, None)
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    seen["state"] = digest.hexdigest()
    return seen


def case(name, out):
    network, options = CASES[name]
    module = build(network, 0)
    return told(module, train(module, uneven(), config(options), out / name))


def refused(out, **options):
    """Return the message of what does not train."""
    try:
        list(train(PLAIN, uneven(), config(options), out))
    except StriateError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was wrong"


class Lazy(nn.Module):
    """Has a weight that it does not use."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(64, 3), nn.Linear(2, 2)])

    def forward(self, x):
        return self.layers[0](x.flatten(1))


def lazy(out):
    try:
        list(train(Lazy(), uneven(), config({}), out))
    except StriateError as error:
        return str(error)
    return "nothing was wrong"


def normalized(momentum, affine):
    """Return what a synced norm makes of this process's half of a batch: outputs, gradients, buffers."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, momentum=momentum, affine=affine).double()
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = 5 + 2 * torch.randn(4, 3, 5, 5, dtype=torch.float64)
    wanted = torch.randn(4, 3, 5, 5, dtype=torch.float64)
    half = slice(2 * RANK, 2 * RANK + 2)
    module = synced(nn.Sequential(norm), torch.device("cpu"))
    assert isinstance(module[0], SyncedBatchNorm)
    seen = []
    for _ in range(2):
        mine = x[half].clone().requires_grad_()
        outputs = module(mine)
        (outputs * wanted[half]).sum().backward()
        seen.append([outputs.tolist(), mine.grad.tolist()])
    buffers = {name: value.tolist() for name, value in module.named_buffers()}
    gradients = [p.grad.tolist() for p in module.parameters()]
    return {
        "passes": seen,
        "buffers": buffers,
        "gradients": gradients,
        "answers": module.eval()(x[half]).tolist(),
    }


def main(out):
    seen = {name: case(name, out) for name in CASES}
    module = build(NORMED, 0)
    events = train(module, uneven(), config({"epochs": 20.0}), out / "interrupted")
    seen["interrupted"] = told(module, events, interrupt_at=4 if RANK == 1 else None)
    seen["resumed"] = told(nn.Module(), resume(out / "begun by one", uneven()))
    seen["odd batch"] = refused(out / "odd", batch_size=15)
    seen["taken"] = refused(out / "plain")
    seen["diverged"] = refused(out / "diverged", lr=1e30)
    seen["lazy"] = lazy(out / "lazy")
    seen["norms"] = {
        f"{momentum}/{affine}": normalized(momentum, affine)
        for momentum, affine in ((0.1, True), (None, True), (0.3, False))
    }
    Path(f"seen-{RANK}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
