"""Weights files: bit-exact, written whole or not at all, refused with every mismatch named."""

import errno

import pytest
import torch
from torch import nn

from striate.errors import WeightsError
from striate.nn import build, load_weights, read_tensors, save_weights, set_weights, weights, write_tensors
from striate.spec import BatchNorm, Conv, Flatten, Linear, Network
from striate.zoo import lenet5, resnet18

SMALL = Network("n", (1, 6, 6), [Conv(2, 3), BatchNorm(), Flatten(), Linear(3)])


def message_of(call, *arguments):
    with pytest.raises(WeightsError) as caught:
        call(*arguments)
    return str(caught.value)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(a, b):
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("network", [lenet5(), resnet18(10), SMALL], ids=lambda network: network.name)
def test_weights_come_back_bit_for_bit(network, tmp_path):
    module, other = build(network, seed=0), build(network, seed=1)
    if network is SMALL:
        module(
            torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
        )  # moves the running statistics
    assert not same(state(module), state(other))
    save_weights(module, tmp_path / "w.safetensors")
    load_weights(other, str(tmp_path / "w.safetensors"))
    assert same(state(module), state(other))
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_unusual_numbers_survive(tmp_path):
    values = torch.tensor([0.0, -0.0, 1e-45, float("inf"), float("-inf"), float("nan"), 3.4028235e38])
    write_tensors({"v": values}, tmp_path / "v.safetensors")
    again = read_tensors(tmp_path / "v.safetensors")["v"]
    assert again.view(torch.int32).tolist() == values.view(torch.int32).tolist()


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_dtypes_survive(dtype, tmp_path):
    values = torch.arange(6).reshape(2, 3).to(dtype)
    write_tensors({"v": values}, tmp_path / "v.safetensors")
    again = read_tensors(tmp_path / "v.safetensors")["v"]
    assert again.dtype == dtype
    assert torch.equal(again, values)


def test_shared_and_strided_tensors_are_written(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {"all": base, "same": base, "row": base[1], "turned": base.T}
    write_tensors(tensors, tmp_path / "v.safetensors")
    again = read_tensors(tmp_path / "v.safetensors")
    assert {name: value.tolist() for name, value in again.items()} == {
        name: value.tolist() for name, value in tensors.items()
    }


def test_a_second_save_replaces_the_first(tmp_path):
    path, second = tmp_path / "w.safetensors", build(SMALL, seed=2)
    save_weights(build(SMALL, seed=1), path)
    save_weights(second, path)
    assert same(dict(sorted(read_tensors(path).items())), dict(sorted(state(second).items())))


def test_every_mismatch_is_named_and_nothing_is_loaded(tmp_path):
    path = tmp_path / "w.safetensors"
    other = Network("n", (1, 6, 6), [Conv(2, 3), BatchNorm(affine=False), Flatten(), Linear(4), Linear(2)])
    save_weights(build(other, seed=0), path)
    module = build(SMALL, seed=1)
    before = state(module)
    assert message_of(load_weights, module, path) == (
        f"{path} does not fit the module. "
        "missing: norm1.weight, norm1.bias; "
        "unexpected: linear2.bias, linear2.weight; "
        "of another shape: linear1.weight (4, 32) where the module has (3, 32), "
        "linear1.bias (4,) where the module has (3,)."
    )
    assert same(before, state(module))


def test_a_long_list_of_mismatches_is_counted():
    message = message_of(set_weights, build(resnet18(10), seed=0), {}, "nothing")
    assert message.startswith(
        "nothing does not fit the module. missing: conv1.weight, norm1.weight, norm1.bias, "
    )
    assert message.endswith(" and 112 more.")
    assert "unexpected" not in message


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.safetensors"
    assert message_of(load_weights, build(SMALL, 0), path) == f"{path}: no such file."
    assert message_of(read_tensors, tmp_path) == f"{tmp_path}: a folder; name the safetensors file in it."


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"\x80\x04\x95" + bytes(200), b"PK\x03\x04" + bytes(100), b"\xff" * 64]
)
def test_a_file_of_another_kind_is_refused(raw, tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(raw)
    module = build(SMALL, 0)
    before = state(module)
    assert message_of(load_weights, module, path).startswith(f"{path}: not a readable safetensors file (")
    assert same(before, state(module))


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_file_cut_short_is_refused(share, tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(build(SMALL, 0), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert message_of(load_weights, build(SMALL, 0), path).startswith(
        f"{path}: not a readable safetensors file ("
    )


def test_a_pickle_is_not_executed(tmp_path):
    path = tmp_path / "w.safetensors"
    torch.save({"w": torch.ones(3)}, path)
    assert message_of(read_tensors, path).startswith(f"{path}: not a readable safetensors file (")


def _full_disk(tensors, path, metadata=None):
    path.write_bytes(b"half")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failed_save_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights(build(SMALL, seed=0), path)
    old = path.read_bytes()
    monkeypatch.setattr(weights, "save_file", _full_disk)
    message = message_of(save_weights, build(SMALL, seed=1), path)
    assert message == f"{path}: cannot be written: No space left on device."
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "none" / "w.safetensors"
    message = message_of(save_weights, build(SMALL, 0), path)
    assert message.startswith(f"{path}: cannot be written: ")
    assert "No such file or directory" in message


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / "w.safetensors"
    message = message_of(save_weights, build(SMALL, 0), path)
    assert message.startswith(f"{path}: cannot be written: ")
    assert "Not a directory" in message
    assert (tmp_path / "file").read_text() == "x"


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path):
    path = tmp_path / "w.safetensors"
    path.mkdir()
    assert message_of(save_weights, build(SMALL, 0), path) == f"{path}: cannot be written: Is a directory."
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]


def test_any_module_can_be_saved(tmp_path):
    module, other = (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)) for _ in range(2))
    save_weights(module, tmp_path / "w.safetensors")
    load_weights(other, tmp_path / "w.safetensors")
    assert same(state(module), state(other))
