"""Where tensors are moved to, and as what."""

import pytest
import torch

from striate.data.moving import moved


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_on_the_device_and_as_the_type_that_are_wanted(device):
    values = torch.arange(3.0, dtype=torch.float64)
    for dtype in (None, torch.float32):
        found = moved(values, torch.device(device), dtype)
        assert (found.device.type, found.dtype, found.shape) == (device, dtype or torch.float64, (3,))
    assert moved(values, torch.device("cpu")) is values


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_not_waited_for():
    values, device = torch.arange(3.0, dtype=torch.float64), torch.device("cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = moved(values, device, torch.float32)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert found.tolist() == [0.0, 1.0, 2.0]
