"""Whether random numbers have the mean and the variance that they should."""

import math


def check_statistics(sample, variance, bound):
    """Mean and variance within five standard errors; normal and uniform told apart by the largest value."""
    n, kurtosis = sample.numel(), 3 if bound is None else 1.8
    assert abs(sample.mean().item()) < 5 * math.sqrt(variance / n)
    assert abs(sample.var().item() / variance - 1) < 5 * math.sqrt((kurtosis - 1) / n)
    if bound is None:
        assert sample.abs().max() > 2.5 * math.sqrt(variance)
    else:
        assert 0.99 * bound < sample.abs().max() <= bound
