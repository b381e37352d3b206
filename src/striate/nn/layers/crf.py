"""The linear-chain conditional random field: forward, backward and Viterbi algorithms, in log space.

A label sequence ``y`` scores ``start[y₁] + Σ emission[t, y_t] + Σ transitions[y_t, y_{t+1}] + end[y_T]``; its
probability is the exponential of that over the sum of all sequences' (Lafferty, McCallum, Pereira 2001). What is
carried from step to step is rescaled at each: sums over all steps grow until their differences, which are what
counts, are rounded away (in float32 the marginals of 5000 steps were off by up to 0.9).
Legend: N batch, T steps, K labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["LinearChainCRF"]


class LinearChainCRF(nn.Module):
    """A linear-chain CRF over ``labels`` labels; called, it gives log-marginals, ``(N, T, K) -> (N, T, K)``.

    Its methods take ``lengths`` ``(N,)`` for sequences shorter than ``T``: steps behind a length are ignored.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.empty(labels, labels))  # from row to column
        self.start = nn.Parameter(torch.empty(labels))
        self.end = nn.Parameter(torch.empty(labels))

    def forward(self, emissions: Tensor) -> Tensor:
        """Return ``log P(y_t = k | emissions)`` for every step and label."""
        self._check(emissions, None)
        alphas, _ = self._alphas(emissions, self._inside(emissions, None))
        return torch.log_softmax(alphas + self._betas(emissions), 2)

    def log_likelihood(self, emissions: Tensor, labels: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the log-probability of label sequences, ``(N,)``.

        Args:
            emissions: Scores of each label at each step, ``(N, T, K)``.
            labels: ``(N, T)``, whole numbers below K; behind a length anything, such as -100.
            lengths: ``(N,)``, from 1 to T; None means T.

        Raises:
            ValueError: if the shapes do not fit, or a label or length is out of range.
        """
        self._check(emissions, lengths)
        inside = self._inside(emissions, lengths)
        labels = self._known(labels, inside)
        emissions = torch.where(inside.unsqueeze(2), emissions, 0.0)
        emitted = emissions.gather(2, labels.unsqueeze(2)).squeeze(2)
        moved = torch.cat([self.start[labels[:, :1]], self.transitions[labels[:, :-1], labels[:, 1:]]], 1)
        alphas, grown = self._alphas(emissions, inside)
        last = labels.gather(1, inside.sum(1, keepdim=True) - 1).squeeze(1)
        gained = torch.where(inside, emitted + moved - grown, 0.0).sum(1)
        return gained + self.end[last] - torch.logsumexp(alphas[:, -1] + self.end, 1)

    def viterbi(self, emissions: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the most probable label sequences ``(N, T)``, -1 behind a length, and their scores ``(N,)``.

        Raises:
            ValueError: if the shapes do not fit, or a length is out of range.
        """
        self._check(emissions, lengths)
        inside = self._inside(emissions, lengths)
        best, total = self.start + emissions[:, 0], emissions.new_zeros(len(emissions))
        came_from = []
        for t in range(1, emissions.shape[1]):
            best, largest = _rescaled(best)
            total = total + largest
            values, previous = (best.unsqueeze(2) + self.transitions).max(1)
            best = torch.where(inside[:, t, None], values + emissions[:, t], best)
            came_from.append(previous)
        scores, label = (best + self.end).max(1)
        path = [torch.where(inside[:, -1], label, -1)]
        for t in range(emissions.shape[1] - 2, -1, -1):
            # Where step t + 1 is behind the end, its label is not decided yet: it is that of the last step.
            label = torch.where(
                inside[:, t + 1], came_from[t].gather(1, label.unsqueeze(1)).squeeze(1), label
            )
            path.append(torch.where(inside[:, t], label, -1))
        return torch.stack(path[::-1], 1), total + scores

    def _alphas(self, emissions: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-sum of all label sequences that end at step t with label k, less the largest of each step.

        The first are ``(N, T, K)``; how much the largest grew at each step, which was taken off, is ``(N, T)``.
        """
        alpha = self.start + emissions[:, 0]
        alphas, grown = [], []
        for t in range(emissions.shape[1]):
            if t:
                after = torch.logsumexp(alpha.unsqueeze(2) + self.transitions, 1) + emissions[:, t]
                alpha = torch.where(inside[:, t, None], after, alpha)
            alpha, largest = _rescaled(alpha)
            alphas.append(alpha)
            grown.append(largest)
        return torch.stack(alphas, 1), torch.stack(grown, 1)

    def _betas(self, emissions: Tensor) -> Tensor:
        """Return the log-sum of all ways to go on after step t with label k, less the largest of each step."""
        beta = self.end.expand_as(emissions[:, 0])
        betas = [beta]
        for t in range(emissions.shape[1] - 1, 0, -1):
            after = torch.logsumexp(self.transitions + (emissions[:, t] + beta).unsqueeze(1), 2)
            beta, _ = _rescaled(after)
            betas.append(beta)
        return torch.stack(betas[::-1], 1)

    def _inside(self, emissions: Tensor, lengths: Tensor | None) -> Tensor:
        """Return which steps lie within their sequence, ``(N, T)``."""
        batch, steps, _ = emissions.shape
        if lengths is None:
            return torch.ones(batch, steps, dtype=torch.bool, device=emissions.device)
        return torch.arange(steps, device=emissions.device) < lengths.unsqueeze(1)

    def _check(self, emissions: Tensor, lengths: Tensor | None) -> None:
        known = len(self.start)
        if emissions.dim() != 3 or emissions.shape[2] != known or not emissions.shape[1]:
            raise ValueError(
                f"emissions of shape {tuple(emissions.shape)}: must be (N, T, {known}), T at least 1."
            )
        batch, steps, _ = emissions.shape
        if lengths is None:
            return
        allowed = f"must be {batch} whole numbers from 1 to {steps}"
        _check_sort("lengths", lengths, (batch,), allowed)
        _check_range("lengths", lengths, (lengths >= 1) & (lengths <= steps), allowed)

    def _known(self, labels: Tensor, inside: Tensor) -> Tensor:
        """Return ``labels`` with 0 behind the lengths, all of them numbers of a label."""
        known = len(self.start)
        allowed = f"must be {tuple(inside.shape)} whole numbers from 0 to {known - 1}"
        _check_sort("labels", labels, tuple(inside.shape), allowed)
        labels = torch.where(inside, labels.long(), 0)
        _check_range("labels", labels, (labels >= 0) & (labels < known), allowed)
        return labels


def _check_sort(name: str, values: Tensor, shape: tuple[int, ...], allowed: str) -> None:
    if values.shape != shape:
        raise ValueError(f"{name} of shape {tuple(values.shape)}: {allowed}.")
    if values.is_floating_point():
        raise ValueError(f"{name} of {values.dtype}: {allowed}; convert them by .long().")


def _check_range(name: str, values: Tensor, good: Tensor, allowed: str) -> None:
    if good.all():
        return
    first = tuple((~good).nonzero()[0].tolist())
    raise ValueError(f"{name}[{', '.join(map(str, first))}] is {values[first].item()}: {allowed}.")


def _rescaled(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``(N, K)`` less the largest of each row, which is a constant to the gradient; and those, ``(N,)``."""
    largest = scores.detach().amax(1)
    largest = torch.where(largest.isfinite(), largest, 0.0)  # where no label is possible, all stay at -inf
    return scores - largest.unsqueeze(1), largest
