"""The sparsity penalty equals the divergence that SciPy works out, and its gradient the formula of Ng 2011."""

import pytest
import torch
from made import drawn, module_of
from scipy import stats

from striate.nn import aux_losses, build
from striate.spec import Conv, Network, Sigmoid, SparsityPenalty


def penalized(target, weight, shape=(5,)):
    module = module_of([Sigmoid(), SparsityPenalty(target, weight)], shape)
    return module, torch.sigmoid(drawn(8, *shape))


@pytest.mark.parametrize(("target", "weight"), [(0.05, 3.0), (0.3, 0.1)])
@pytest.mark.parametrize("shape", [(5,), (3, 2, 2)], ids=str)
def test_the_penalty_is_the_divergence_of_each_units_mean(shape, target, weight):
    module, active = penalized(target, weight, shape)
    assert torch.equal(module(drawn(8, *shape)), active)
    mean = active.mean(0).flatten().tolist()
    by_hand = weight * sum(stats.entropy([target, 1 - target], [m, 1 - m]) for m in mean)
    (penalty,) = aux_losses(module, torch.sum)
    assert penalty.item() == pytest.approx(by_hand, rel=1e-12)
    assert aux_losses(module, torch.sum) == []  # it is read once


def test_the_gradient_of_the_penalty_is_that_of_the_paper():
    # Ng 2011, section on sparsity: β (−ρ/ρ̂ + (1 − ρ)/(1 − ρ̂)) for each unit; here over the mean of 8 images.
    module, active = penalized(0.2, 3.0)
    active.requires_grad_()
    module.sparsity1(active)
    sum(aux_losses(module, torch.sum)).backward()
    mean = active.detach().mean(0)
    by_hand = 3 / 8 * (-0.2 / mean + 0.8 / (1 - mean))
    torch.testing.assert_close(active.grad, by_hand.expand(8, 5), rtol=1e-12, atol=0)


def test_units_that_are_as_active_as_asked_cost_nothing():
    module, _ = penalized(0.25, 3.0)
    module.sparsity1(torch.full((4, 5), 0.25, dtype=torch.float64))
    assert aux_losses(module, torch.sum)[0].item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_units_that_never_or_always_fire_cost_much_but_not_infinitely(value):
    module, _ = penalized(0.5, 1.0)
    module.sparsity1(torch.full((4, 5), value, dtype=torch.float64))
    (penalty,) = aux_losses(module, torch.sum)
    assert 5 * 5 < penalty.item() < 5 * 10


def test_a_unit_that_never_fires_is_pushed_up_and_one_that_always_does_down():
    # The slope of the formula at 10⁻⁶ from either end: 0.2·10⁶ up, 0.8·10⁶ down, less what the other term takes.
    module, _ = penalized(0.2, 3.0)
    active = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64).expand(8, 3).clone().requires_grad_()
    module.sparsity1(active)
    sum(aux_losses(module, torch.sum)).backward()
    near = (1e-6, 0.5, 1 - 1e-6)
    by_hand = [3 / 8 * (-0.2 / mean + 0.8 / (1 - mean)) for mean in near]
    for gradient in active.grad:
        assert gradient.tolist() == pytest.approx(by_hand, rel=1e-9)
    assert by_hand[0] < -70_000
    assert by_hand[2] > 290_000


def test_a_saturated_unit_learns_to_fire_as_often_as_asked():
    # A logistic unit that starts at 10⁻⁹ for every image.
    bias = torch.full((1,), -20.0, dtype=torch.float64, requires_grad=True)
    module, _ = penalized(0.3, 1.0)
    optimizer = torch.optim.Adam([bias], lr=0.5)
    for _ in range(200):
        optimizer.zero_grad()
        module.sparsity1(torch.sigmoid(bias).expand(4, 1))
        sum(aux_losses(module, torch.sum)).backward()
        optimizer.step()
    assert torch.sigmoid(bias).item() == pytest.approx(0.3, abs=0.01)


def test_in_evaluation_there_is_no_penalty():
    module, active = penalized(0.2, 3.0)
    assert torch.equal(module.eval().sparsity1(active), active)
    assert aux_losses(module, torch.sum) == []


def test_the_penalty_reaches_the_weights_before_it():
    module = build(Network("n", (2, 3, 3), [Conv(2, 3), Sigmoid(), SparsityPenalty()]), 0).train()
    module(drawn(4, 2, 3, 3).float())
    sum(aux_losses(module, torch.sum)).backward()
    assert module.conv1.weight.grad.abs().min() > 0
