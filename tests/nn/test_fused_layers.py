"""`fuse_for_training`: what runs as one, that it is the same network, and when its layers run one by one."""

from __future__ import annotations

import copy
import io
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from striate import zoo
from striate.nn import build
from striate.nn.fused import FusedSequential, chain, fuse_for_training
from striate.nn.layers import Concat

BOTH = (("conv1", "relu1", "pool1"), ("conv2", "relu2", "pool2"))


def _images(count: int = 3, *size: int) -> Tensor:
    return torch.randn(count, *(size or (1, 28, 28)), generator=torch.Generator().manual_seed(0))


def _pair() -> tuple[nn.Module, nn.Module]:
    """Return LeNet-5, and the same fused."""
    plain = build(zoo.lenet5_relu(), 0)
    fused = copy.deepcopy(plain)
    assert fuse_for_training(fused, _images()) == BOTH
    return plain, fused


def _steps(module: nn.Module, images: Tensor, steps: int = 5) -> list[Tensor]:
    """Return the losses of a few steps of SGD and the weights behind them."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    targets = torch.arange(len(images)) % 10
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(module(images), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.detach())
    return [torch.stack(losses), *(p.detach() for p in module.parameters())]


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("lenet5_relu", BOTH),
        ("lenet5", (("c1", "tanh1", "s2"), ("c3", "tanh2", "s4"), ("c5",))),
        ("lenet5_lecture", BOTH),
    ],
    ids=["relu", "tanh", "color"],
)
def test_training_goes_as_it_does_in_float64(name: str, groups: tuple[tuple[str, ...], ...]) -> None:
    network = getattr(zoo, name)()
    plain = build(network, 0)
    images = _images(6, *network.input)
    fused, exact = copy.deepcopy(plain), copy.deepcopy(plain).double()
    assert fuse_for_training(fused, images) == groups
    wanted = _steps(exact, images.double())
    for ours, theirs, true in zip(_steps(fused, images), _steps(plain, images), wanted, strict=True):
        error = (ours.double() - true).abs().max()
        assert error <= max(3 * (theirs.double() - true).abs().max(), 1e-6 * true.abs().max())


def test_the_module_keeps_paths_weights_and_settings() -> None:
    plain, fused = _pair()
    assert isinstance(fused, FusedSequential)
    assert [path for path, _ in fused.named_modules()] == [path for path, _ in plain.named_modules()]
    assert {p: type(m) for p, m in fused.named_children()} == {p: type(m) for p, m in plain.named_children()}
    assert all(map(torch.equal, fused.state_dict().values(), plain.state_dict().values()))
    assert fused.training
    assert fuse_for_training(fused, _images()) == ()


def test_looking_for_what_to_fuse_changes_nothing() -> None:
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, 4, 3), nn.MaxPool2d(2)
    )
    before = copy.deepcopy(module.state_dict())
    state = torch.random.get_rng_state()
    assert fuse_for_training(module, _images()) == (("3", "4"),)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())


CONV = nn.Conv2d(2, 4, 3)
CHAINS: dict[str, tuple[list[nn.Module], tuple[int, ...]]] = {  # layers, and which run as one
    "largest": ([CONV, nn.MaxPool2d(2)], (0, 1)),
    "mean": ([CONV, nn.AvgPool2d(2)], (0, 1)),
    "activation before": ([CONV, nn.Tanh(), nn.MaxPool2d(2, 2), nn.ReLU()], (0, 1, 2)),
    "activation behind": ([CONV, nn.MaxPool2d((2, 2)), nn.ReLU(), nn.Flatten()], (0, 1, 2)),
    "behind the mean": ([CONV, nn.AvgPool2d(2), nn.ReLU()], (0, 1)),
    "kernel as large as the input": ([nn.Conv2d(2, 4, (9, 8))], (0,)),
    "other activation": ([CONV, nn.GELU(), nn.MaxPool2d(2)], ()),
    "two activations": ([CONV, nn.ReLU(), nn.Tanh(), nn.MaxPool2d(2)], ()),
    "no pooling": ([CONV, nn.ReLU()], ()),
    "windows that overlap": ([CONV, nn.MaxPool2d(3, 2)], ()),
    "windows of 3": ([CONV, nn.AvgPool2d(3)], ()),
    "padded pooling": ([CONV, nn.MaxPool2d(2, padding=1)], ()),
    "partial windows": ([CONV, nn.MaxPool2d(2, ceil_mode=True)], ()),
    "spread windows": ([CONV, nn.MaxPool2d(2, dilation=2)], ()),
    "switches": ([CONV, nn.MaxPool2d(2, return_indices=True)], ()),
    "another divisor": ([CONV, nn.AvgPool2d(2, divisor_override=3)], ()),
    "stride": ([nn.Conv2d(2, 4, 3, stride=2), nn.MaxPool2d(2)], ()),
    "dilation": ([nn.Conv2d(2, 4, 3, dilation=2), nn.MaxPool2d(2)], ()),
    "groups": ([nn.Conv2d(2, 4, 3, groups=2), nn.MaxPool2d(2)], ()),
    "padding by name": ([nn.Conv2d(2, 4, 3, padding="same"), nn.MaxPool2d(2)], ()),
    "mirrored padding": ([nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"), nn.MaxPool2d(2)], ()),
    "many channels": ([nn.Conv2d(2, 129, 3), nn.MaxPool2d(2)], ()),
    "a weight made of others": (
        [nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 4, 3)), nn.MaxPool2d(2)],
        (),
    ),
}


@pytest.mark.parametrize("case", CHAINS, ids=str)
def test_only_layers_that_the_operator_can_do_run_as_one(case: str) -> None:
    layers, together = CHAINS[case]
    plain = nn.Sequential(*copy.deepcopy(layers))
    fused = copy.deepcopy(plain)
    images = _images(2, 2, 9, 8)
    found = fuse_for_training(fused, images)
    assert found == ((tuple(map(str, together)),) if together else ())
    assert (type(fused) is FusedSequential) == bool(together)
    theirs, ours = plain(images), fused(images)
    if isinstance(theirs, tuple):
        theirs, ours = theirs[0], ours[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_layers_without_weights_may_stand_several_times() -> None:
    tanh, pool = nn.Tanh(), nn.AvgPool2d(2)
    plain = nn.Sequential(nn.Conv2d(1, 3, 3), tanh, pool, nn.Conv2d(3, 4, 3), tanh, pool, tanh)
    fused = copy.deepcopy(plain)
    assert fuse_for_training(fused, _images()) == (("0", "1", "2"), ("3", "4", "5"))
    torch.testing.assert_close(fused(_images()), plain(_images()), rtol=1e-5, atol=1e-6)


def test_chains_within_others_are_found() -> None:
    def branch(name: str) -> OrderedDict[str, nn.Module]:
        inner = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2))
        return OrderedDict({name: inner})

    module = nn.Sequential(OrderedDict(both=Concat(branch("one"), branch("two")), flat=nn.Flatten()))
    found = fuse_for_training(module, _images(2, 2, 8, 8))
    assert len(found) == 2
    for group in found:
        assert [type(module.get_submodule(path)) for path in group] == [nn.Conv2d, nn.Tanh, nn.AvgPool2d]
    assert type(module) is nn.Sequential


def _seen_by(module: nn.Module, register: str) -> list[str]:
    seen: list[str] = []
    for path in ("conv1", "relu1", "pool1"):
        getattr(module.get_submodule(path), register)(lambda *_, path=path: seen.append(path))
    module(_images().requires_grad_()).sum().backward()
    return seen


@pytest.mark.parametrize(
    ("register", "wanted"),
    [
        ("register_forward_hook", ["conv1", "relu1", "pool1"]),
        ("register_forward_pre_hook", ["conv1", "relu1", "pool1"]),
        ("register_full_backward_hook", ["pool1", "relu1", "conv1"]),
        ("register_full_backward_pre_hook", ["pool1", "relu1", "conv1"]),
    ],
    ids=["forward", "before forward", "backward", "before backward"],
)
def test_hooks_see_every_layer(register: str, wanted: list[str]) -> None:
    assert _seen_by(_pair()[1], register) == wanted


def test_global_hooks_see_every_layer() -> None:
    _, fused = _pair()
    seen: list[type] = []
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(type(module)))
    try:
        fused(_images())
    finally:
        handle.remove()
    assert seen.count(nn.ReLU) == 4


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that grows with every call of the operator."""
    counted: list[None] = []
    original = chain.conv_pool

    def counting(*arguments: object) -> Tensor:
        counted.append(None)
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(chain, "conv_pool", counting)
    return counted


def _vmap(module: nn.Module) -> Tensor:
    return torch.vmap(module)(_images(4, 2, 1, 28, 28))  # type: ignore[no-any-return]


def _per_image(module: nn.Module) -> Tensor:
    def loss(weights: dict[str, Tensor], image: Tensor) -> Tensor:
        return torch.func.functional_call(module, weights, image[None]).sum()

    weights = {name: one.detach() for name, one in module.named_parameters()}
    return torch.vmap(torch.func.grad(loss), (None, 0))(weights, _images())["conv1.weight"]  # type: ignore[no-any-return]


def _exported(module: nn.Module) -> Tensor:
    return torch.export.export(module.eval(), (_images(),)).module()(_images())  # type: ignore[no-any-return]


def _traced(module: nn.Module) -> Tensor:
    return torch.jit.trace(module, _images(), check_trace=False)(_images())  # type: ignore[no-any-return]


def _compiled(module: nn.Module) -> Tensor:
    return torch.compile(module, backend="eager", fullgraph=True)(_images())  # type: ignore[no-any-return]


def _forward_mode(module: nn.Module) -> Tensor:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(_images(), _images())
        tangent = torch.autograd.forward_ad.unpack_dual(module(dual)).tangent
    assert tangent is not None
    return tangent


ELSEWHERE: dict[str, Callable[[nn.Module], Tensor]] = {
    "float64": lambda module: module.double()(_images().double()),
    "bfloat16": lambda module: module.bfloat16()(_images().bfloat16()),
    "meta": lambda module: module.to("meta")(_images().to("meta")),
    "no images": lambda module: module(_images(0)),
    "vmap": _vmap,
    "gradients per image": _per_image,
    "forward mode": _forward_mode,
    "symbolic trace": lambda module: torch.fx.symbolic_trace(module)(_images()),
    "trace": _traced,
    "compile": _compiled,
    "export": _exported,
}


def test_under_autocast_those_of_few_channels_stay_in_float32(calls: list[None]) -> None:
    plain, _ = _pair()
    seen: list[Tensor] = []
    with torch.autocast("cpu", torch.bfloat16):
        fused = copy.deepcopy(plain)
        assert fuse_for_training(fused, _images()) == (("conv1", "relu1", "pool1"),)
        fused.get_submodule("conv2").register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        theirs, ours = plain(_images()), fused(_images())
    assert calls == [None]
    torch.testing.assert_close(seen[0], plain[:3](_images()), rtol=1e-5, atol=1e-6)
    assert 0 < (ours - theirs).abs().max() <= 2**-5 * theirs.abs().max()
    slopes = [torch.autograd.grad(each.sum(), one.get_parameter("conv1.weight"))[0]
              for each, one in ((ours, fused), (theirs, plain), (plain(_images()), plain))]  # fmt: skip
    assert (slopes[0] - slopes[2]).norm() <= 1.5 * (slopes[1] - slopes[2]).norm()


@pytest.mark.parametrize("way", ELSEWHERE, ids=str)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_elsewhere_torch_does_it(way: str, calls: list[None]) -> None:
    plain, fused = _pair()
    ours, theirs = ELSEWHERE[way](fused), ELSEWHERE[way](plain)
    assert not calls
    assert ours.shape == theirs.shape
    if ours.device.type != "meta":
        assert torch.equal(ours, theirs)


def test_float64_passes_gradcheck() -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.AvgPool2d(2))
    assert fuse_for_training(module, _images(2, 2, 6, 6))
    assert torch.autograd.gradcheck(module.double(), _images(2, 2, 6, 6).double().requires_grad_())


def test_without_gradients_and_in_copies_it_is_the_same(calls: list[None]) -> None:
    _, fused = _pair()
    wanted = fused(_images())
    copied, saved = copy.deepcopy(fused), io.BytesIO()
    torch.save(fused, saved)
    saved.seek(0)
    loaded = torch.load(saved, weights_only=False)
    with torch.no_grad():
        assert torch.equal(fused(_images()), wanted)
    with torch.inference_mode():
        assert torch.equal(fused(_images()), wanted)
    assert torch.equal(copied(_images()), wanted)
    assert torch.equal(loaded(_images()), wanted)
    assert len(calls) == 10
    with torch.no_grad():
        copied.get_parameter("conv1.weight").zero_()
    assert torch.equal(fused(_images()), wanted)


def test_checkpointing_and_accumulating_give_the_same_gradients() -> None:
    _, fused = _pair()
    x = _images().requires_grad_()
    fused(x).sum().backward()
    once = [p.grad.clone() for p in fused.parameters() if p.grad is not None]
    torch.utils.checkpoint.checkpoint(fused, x, use_reentrant=False).sum().backward()
    for p, one in zip(fused.parameters(), once, strict=True):
        torch.testing.assert_close(p.grad, 2 * one)


def test_weights_changed_before_backward_are_told() -> None:
    _, fused = _pair()
    out = fused(_images())
    with torch.no_grad():
        fused.get_parameter("conv1.weight").add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_without_compiled_code_in_time_only_torchs_own_is_used(
    monkeypatch: pytest.MonkeyPatch, calls: list[None]
) -> None:
    monkeypatch.setattr(chain, "ready", lambda _: False)
    assert fuse_for_training(build(zoo.lenet5_relu(), 0), _images()) == ()
    lenet = build(zoo.lenet5(), 0)
    assert fuse_for_training(lenet, _images(2, 1, 32, 32)) == (("c5",),)
    lenet(_images(2, 1, 32, 32))
    assert not calls  # though it is there by now: a run computes one way from beginning to end
