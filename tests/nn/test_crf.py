"""The linear-chain CRF equals sums over all label sequences written out; what does not fit is refused."""

import itertools
import math

import numpy as np
import pytest
import torch
from made import drawn, module_of, numbers
from torch.autograd import gradcheck

from striate.spec import LinearChainCRF

SIZES = [(1, 1), (1, 3), (2, 2), (4, 3), (5, 2), (3, 4)]  # steps, labels


def crf(steps, labels, seed=0):
    return module_of(LinearChainCRF(), (steps, labels), seed).crf1


def scores(module, emissions):
    """Return the score of every label sequence for the emissions (T, K) of one, added up in Python."""
    start, end, transitions = (p.tolist() for p in (module.start, module.end, module.transitions))
    steps, labels = emissions.shape
    table = {}
    for path in itertools.product(range(labels), repeat=steps):
        emitted = [emissions[t, label].item() for t, label in enumerate(path)]
        moved = [transitions[a][b] for a, b in itertools.pairwise(path)]
        table[path] = math.fsum([start[path[0]], end[path[-1]], *emitted, *moved])
    return table


def log_sum(values):
    return math.log(math.fsum(map(math.exp, values)))


@pytest.mark.parametrize(("steps", "labels"), SIZES)
def test_likelihoods_are_shares_of_all_sequences(steps, labels):
    module, emissions = crf(steps, labels), 2 * drawn(1, steps, labels, seed=1)
    table = scores(module, emissions[0])
    every = torch.tensor(list(table))
    answer = module.log_likelihood(emissions.expand(len(every), -1, -1), every)
    total = log_sum(table.values())
    np.testing.assert_allclose(numbers(answer), [s - total for s in table.values()], rtol=1e-9, atol=1e-12)
    assert answer.exp().sum().item() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("steps", "labels"), SIZES)
def test_the_module_gives_the_share_of_each_label_at_each_step(steps, labels):
    module, emissions = crf(steps, labels), 2 * drawn(2, steps, labels, seed=1)
    by_hand = np.zeros((2, steps, labels))
    for n, sequence in enumerate(emissions):
        table = scores(module, sequence)
        total = log_sum(table.values())
        for path, score in table.items():
            for t, label in enumerate(path):
                by_hand[n, t, label] += math.exp(score - total)
    np.testing.assert_allclose(numbers(module(emissions).exp()), by_hand, rtol=1e-9)


@pytest.mark.parametrize(("steps", "labels"), SIZES)
def test_viterbi_finds_the_best_of_all_sequences(steps, labels):
    for seed in range(10):
        module, emissions = crf(steps, labels, seed), drawn(3, steps, labels, seed=seed)
        paths, best = module.viterbi(emissions)
        for path, score, sequence in zip(paths.tolist(), best.tolist(), emissions, strict=True):
            table = scores(module, sequence)
            assert tuple(path) == max(table, key=table.get)
            assert score == pytest.approx(table[tuple(path)], rel=1e-12)


LENGTHS = torch.tensor([4, 1, 3, 2])


class _Likelihood(torch.nn.Module):
    """The likelihood as a module's forward, whose parameters a test may replace."""

    def __init__(self, crf):
        super().__init__()
        self.crf = crf

    def forward(self, *arguments):
        return self.crf.log_likelihood(*arguments)


def test_steps_behind_a_length_are_ignored():
    module, emissions = crf(4, 3), drawn(4, 4, 3)
    labels = torch.tensor([[0, 2, 1, 1], [2, 0, 0, 0], [1, 1, 0, 2], [0, 1, 2, 2]])
    likelihoods = module.log_likelihood(emissions, labels, LENGTHS)
    paths, best = module.viterbi(emissions, LENGTHS)
    for n, length in enumerate(LENGTHS.tolist()):
        table = scores(module, emissions[n, :length])
        own = table[tuple(labels[n, :length].tolist())]
        assert likelihoods[n].item() == pytest.approx(own - log_sum(table.values()), rel=1e-9)
        assert paths[n].tolist() == [*max(table, key=table.get), *[-1] * (4 - length)]
        assert best[n].item() == pytest.approx(max(table.values()), rel=1e-12)


def test_what_stands_behind_a_length_changes_no_answer_and_no_gradient():
    module, emissions = crf(4, 3), drawn(4, 4, 3)
    labels, answers = torch.randint(3, (4, 4), generator=torch.Generator().manual_seed(0)), []
    behind = torch.arange(4) >= LENGTHS.unsqueeze(1)
    for padding in (0.0, 1e6, -math.inf, math.nan):
        padded = torch.where(behind.unsqueeze(2), padding, emissions).requires_grad_()
        answer = module.log_likelihood(padded, torch.where(behind, 2, labels), LENGTHS)
        gradients = torch.autograd.grad(answer.sum(), (padded, *module.parameters()))
        answers.append((answer, *gradients, *module.viterbi(padded, LENGTHS)))
    assert not answers[0][1][behind].any()
    for other in answers[1:]:
        for a, b in zip(answers[0], other, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("lengths", [None, torch.tensor([2, 4])], ids=["whole", "short"])
def test_gradients_equal_differences(lengths):
    module, emissions = crf(4, 3), drawn(2, 4, 3).requires_grad_()
    labels = torch.tensor([[0, 2, 1, 1], [2, 2, 0, 1]])

    def likelihood(x, transitions, start, end):
        held = {"crf.transitions": transitions, "crf.start": start, "crf.end": end}
        return torch.func.functional_call(_Likelihood(module), held, (x, labels, lengths))

    assert gradcheck(likelihood, (emissions, module.transitions, module.start, module.end))
    if lengths is None:
        assert gradcheck(module, emissions)


def test_the_gradient_in_the_emissions_is_what_was_less_what_was_expected():
    # ∂ log P(y) / ∂ emission[t, k] = [y_t = k] − P(y_t = k): Lafferty et al. 2001.
    module, emissions = crf(5, 3), drawn(2, 5, 3).requires_grad_()
    labels = torch.tensor([[0, 2, 1, 1, 0], [2, 2, 0, 1, 1]])
    module.log_likelihood(emissions, labels).sum().backward()
    was = np.eye(3)[labels.numpy()]
    np.testing.assert_allclose(numbers(emissions.grad), was - numbers(module(emissions).exp()), atol=1e-12)


def test_without_transitions_every_step_is_a_softmax_of_its_own():
    module, emissions = crf(6, 4), drawn(2, 6, 4)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    shares = np.exp(numbers(emissions))
    np.testing.assert_allclose(
        numbers(module(emissions).exp()), shares / shares.sum(2, keepdims=True), rtol=1e-12
    )
    assert torch.equal(module.viterbi(emissions)[0], emissions.argmax(2))


def test_labels_and_lengths_may_be_of_any_whole_type():
    module, emissions = crf(4, 3), drawn(4, 4, 3)
    labels = torch.tensor([[0, 2, 1, 1], [2, 0, 0, 0], [1, 1, 0, 2], [0, 1, 2, 2]])
    expected = module.log_likelihood(emissions, labels, LENGTHS)
    for dtype in (torch.int32, torch.int16, torch.uint8):
        assert torch.equal(module.log_likelihood(emissions, labels.to(dtype), LENGTHS.to(dtype)), expected)


def test_a_forbidden_transition_is_never_taken():
    module = crf(6, 3)
    with torch.no_grad():
        module.transitions[0, 1] = -math.inf
    for seed in range(20):
        (path,), _ = module.viterbi(5 * drawn(1, 6, 3, seed=seed))
        assert (0, 1) not in itertools.pairwise(path.tolist())
    impossible = torch.tensor([[[0, -math.inf, -math.inf], [-math.inf, 0, -math.inf], [0, 0, 0]]])
    assert module.viterbi(impossible.double())[1].item() == -math.inf
    emissions = drawn(1, 2, 3).requires_grad_()
    assert module.log_likelihood(emissions, torch.tensor([[0, 1]])).item() == -math.inf
    allowed = module.log_likelihood(emissions, torch.tensor([[0, 2]]))
    allowed.backward()
    assert emissions.grad.isfinite().all()


EMISSIONS, LABELS = torch.zeros(2, 4, 3), torch.zeros(2, 4, dtype=torch.long)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(2, 4), LABELS), "emissions of shape (2, 4): must be (N, T, 3), T at least 1."),
        ((torch.zeros(2, 4, 5), LABELS), "emissions of shape (2, 4, 5): must be (N, T, 3), T at least 1."),
        ((torch.zeros(2, 0, 3), LABELS), "emissions of shape (2, 0, 3): must be (N, T, 3), T at least 1."),
        ((EMISSIONS, LABELS[:, :3]), "labels of shape (2, 3): must be (2, 4) whole numbers from 0 to 2."),
        ((EMISSIONS, LABELS + 3), "labels[0, 0] is 3: must be (2, 4) whole numbers from 0 to 2."),
        ((EMISSIONS, LABELS - 1), "labels[0, 0] is -1: must be (2, 4) whole numbers from 0 to 2."),
        (
            (EMISSIONS, torch.tensor([[0, 1, 2, -100], [0, 1, 5, -100]]), torch.tensor([3, 3])),
            "labels[1, 2] is 5: must be (2, 4) whole numbers from 0 to 2.",
        ),
        (
            (EMISSIONS, LABELS.double()),
            "labels of torch.float64: must be (2, 4) whole numbers from 0 to 2; convert them by .long().",
        ),
        ((EMISSIONS, LABELS, torch.tensor([4, 0])), "lengths[1] is 0: must be 2 whole numbers from 1 to 4."),
        ((EMISSIONS, LABELS, torch.tensor([5, 7])), "lengths[0] is 5: must be 2 whole numbers from 1 to 4."),
        (
            (EMISSIONS, LABELS, torch.tensor([4])),
            "lengths of shape (1,): must be 2 whole numbers from 1 to 4.",
        ),
        (
            (EMISSIONS, LABELS, torch.tensor([4.0, 2])),
            "lengths of torch.float32: must be 2 whole numbers from 1 to 4; convert them by .long().",
        ),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    module = crf(4, 3).float()
    with pytest.raises(ValueError, match="must be") as caught:
        module.log_likelihood(*arguments)
    assert str(caught.value) == message
    if not message.startswith("labels"):
        with pytest.raises(ValueError, match="must be") as caught:
            module.viterbi(arguments[0], *arguments[2:])
        assert str(caught.value) == message


@pytest.mark.parametrize("filler", [-100, 3, 10**9])
def test_labels_behind_a_length_may_be_anything(filler):
    module, lengths = crf(4, 3).float(), torch.tensor([2, 3])
    behind = torch.arange(4) >= lengths.unsqueeze(1)
    filled = LABELS.masked_fill(behind, filler)
    expected = [
        module.log_likelihood(EMISSIONS[i : i + 1, :n], LABELS[i : i + 1, :n]).item()
        for i, n in enumerate(lengths.tolist())
    ]
    assert module.log_likelihood(EMISSIONS, filled, lengths).tolist() == pytest.approx(expected, rel=1e-6)


def test_marginals_of_another_number_of_labels_are_refused():
    with pytest.raises(
        ValueError, match=r"^emissions of shape \(2, 6, 1\): must be \(N, T, 3\), T at least 1\.$"
    ):
        crf(4, 3)(torch.zeros(2, 6, 1))
