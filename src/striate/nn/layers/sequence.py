"""Sequences ``(N, T, C)``: tokens as vectors, and torch's recurrent layers without their second output."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["GRU", "LSTM", "RNN", "LastStep", "OneHot", "Transpose"]


class OneHot(nn.Module):
    """Tokens ``(N, T)`` as rows of the identity matrix, ``(N, T, num_tokens)``, of the module's precision."""

    like: Tensor

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        self.register_buffer("like", torch.empty(0), persistent=False)  # what .double() and .half() change

    def forward(self, x: Tensor) -> Tensor:
        return F.one_hot(x.long(), self.num_tokens).to(self.like.dtype)


class RNN(nn.RNN):
    """``(N, T, C) -> (N, T, H)``, the outputs of all steps; ``torch.nn.RNN.forward`` also gives the state."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0]


class LSTM(nn.LSTM):
    """``(N, T, C) -> (N, T, H)``, the outputs of all steps; ``torch.nn.LSTM.forward`` also gives the state."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0]


class GRU(nn.GRU):
    """``(N, T, C) -> (N, T, H)``, the outputs of all steps; ``torch.nn.GRU.forward`` also gives the state."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x)[0]


class LastStep(nn.Module):
    """``(N, T, C) -> (N, C)``."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


class Transpose(nn.Module):
    """``(N, A, B) -> (N, B, A)``."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)
