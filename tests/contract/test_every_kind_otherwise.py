"""Every kind away from the ordinary: copied, pickled, without storage, in strange memory, empty, long and short.

In evaluation, so that nothing is drawn; each test takes all samples of a kind in turn.
"""

import copy
import io
import pickle

import pytest
import torch
from counted import inputs_for
from samples import SAMPLES

from striate.analyze import analyze
from striate.nn import build
from striate.spec import Network

KINDS = sorted(SAMPLES)
NORMS_AND_POOLS = [
    kind for kind in KINDS if "Norm" in kind or "Pool" in kind or kind in ("Maxout", "Subsample")
]
# torch takes the first image of the batch to see what its weights are for.
NOT_EMPTY = frozenset({"InstanceNorm"})
SHORT = {torch.float16: 2.0**-8, torch.bfloat16: 2.0**-6}
"""What a few roundings to 11 or 8 bits may change, in units of the largest output."""


def samples(kind):
    """Yield the network, the module in evaluation and two inputs of each sample."""
    torch.manual_seed(0)
    for shape, body in SAMPLES[kind]:
        network = Network("sample", shape, body)
        module = build(network, seed=0).eval()
        with torch.no_grad():
            yield network, module, inputs_for(module, 2, shape)


def check_near(answer, exact, share, network):
    """Assert that ``answer`` is finite and off by no more than a share of the largest number."""
    assert answer.isfinite().all(), network
    off = (answer.double() - exact.double()).abs().max().item()
    assert off <= share * exact.abs().max().item(), network


@pytest.mark.parametrize("kind", KINDS)
def test_copies_give_the_same(kind):
    for network, module, x in samples(kind):
        module.train()(x)  # what a layer remembers of its last input is no hindrance
        expected = module.eval()(x)
        for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert torch.equal(other(x), expected), network
            assert all(a is not b for a, b in zip(module.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_without_storage_shapes_are_known(kind):
    for network, module, x in samples(kind):
        answer = module.to("meta")(x.to("meta"))
        assert answer.is_meta
        assert answer.shape == (2, *analyze(network).output), network


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_made_without_storage_is_whole_once_its_weights_are_loaded(kind):
    for network, module, x in samples(kind):
        file = io.BytesIO()
        torch.save(module.state_dict(), file)
        expected = module(x)
        other = module.to("meta").to_empty(device="cpu")
        other.load_state_dict(torch.load(io.BytesIO(file.getvalue())))
        assert torch.equal(other(x), expected), network


@pytest.mark.parametrize("kind", KINDS)
def test_the_layout_of_the_input_does_not_matter(kind):
    for network, module, x in samples(kind):
        expected = module(x)
        holes = torch.stack([x, torch.zeros_like(x)], -1)[..., 0]
        turned = x.transpose(1, -1).contiguous().transpose(1, -1)
        by_image = x.movedim(0, -1).contiguous().movedim(-1, 0)
        for strange in (holes, turned, by_image):
            assert torch.equal(strange, x)
            torch.testing.assert_close(module(strange), expected, msg=repr(network))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in NOT_EMPTY])
def test_an_empty_batch_gives_an_empty_answer(kind):
    for network, module, x in samples(kind):
        assert module(x[:0]).shape == (0, *analyze(network).output), network


@pytest.mark.parametrize("kind", KINDS)
def test_in_float64_it_is_the_same_to_the_rounding_of_float32(kind):
    for network, module, x in samples(kind):
        short = module(x)
        long = module.double()(x.double() if x.is_floating_point() else x)
        assert long.dtype == torch.float64
        check_near(short, long, 1e-5, network)


@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_it_is_the_same_to_the_rounding_of_bfloat16(kind):
    for network, module, x in samples(kind):
        exact = module(x)
        with torch.autocast("cpu", torch.bfloat16):
            short = module(x)
        check_near(short, exact, 2.0**-5, network)  # up to seven layers, one behind the other


@pytest.mark.parametrize("dtype", SHORT, ids=str)
@pytest.mark.parametrize("kind", NORMS_AND_POOLS)
def test_values_whose_squares_are_infinite_in_float16_are_pooled_and_normalized(kind, dtype):
    for network, module, x in samples(kind):
        big = (150 + 300 * x).to(dtype)
        with torch.autocast("cpu", dtype):
            short = module(big)
        check_near(short, module.double()(big.double()), SHORT[dtype], network)
