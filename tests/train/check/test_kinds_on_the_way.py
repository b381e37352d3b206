"""Every kind of layer stands once on the way from an image to the answer: the check goes through, and sees right."""

import pytest
from contract.samples import IMAGE, SAMPLES
from derived import by_derivative
from planted import config, source_of

from striate.analyze import analyze
from striate.spec import Conv, Flatten, Linear, Network, Sequential, Tanh
from striate.train import check_network
from striate.train.check.sight import seen_pixels

CASES = {
    f"{kind} {number}": Network(
        "net", (3, *IMAGE[1:]), Sequential(Conv(4, 1), Tanh(), sample, Flatten(), Linear(3))
    )
    for kind, samples in SAMPLES.items()
    for number, (shape, sample) in enumerate(samples)
    if shape == IMAGE and kind != "MaxUnpool"
}


@pytest.fixture(scope="module")
def source():
    return source_of((3, *IMAGE[1:]))


@pytest.mark.parametrize("case", [case for case in CASES if case.endswith(" 0")])
def test_the_check_goes_through(case, source):
    report = check_network(CASES[case], source, config())
    assert {finding.kind for finding in report.findings if finding.verdict == "error"} <= {"label-error"}, (
        report
    )
    assert report.figures.time.step > 0
    assert report.figures.signals[-1].path == "linear1"


@pytest.mark.parametrize("case", CASES)
def test_nothing_that_is_seen_is_called_unseen(case):
    network = CASES[case]
    seen = seen_pixels(network, analyze(network))
    assert (by_derivative(network) <= seen).all()
