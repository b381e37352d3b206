"""No named network is accused by what is told from its description alone: its authors knew what they did."""

import pytest
from planted import config
from toys import toy_source

from striate import zoo
from striate.analyze import analyze
from striate.data.check import check
from striate.train.check import CHECKS
from striate.train.check.subject import Subject
from striate.zoo.registry import NETWORKS

STATIC = [judge for judge in CHECKS.values() if judge.__module__.endswith((".redundant", ".places"))]
IMAGES = [name for name in NETWORKS if len(zoo.find(name).input) == 3]
KNOWN = {
    # Caffe's rounding: windows that do not come out even at the last rows and columns.
    "unseen-pixels": "note",
    # As the papers and the frameworks have them.
    "bias-before-norm": "note",
}


@pytest.fixture(scope="module")
def report():
    return check(toy_source())


@pytest.mark.parametrize("name", IMAGES)
def test_it_is_not_accused(name, report):
    network = zoo.find(name)
    analysis = analyze(network, batch_size=16)
    subject = Subject(
        name=name,
        network=network,
        analysis=analysis,
        parameters=analysis.totals.params,
        data=report,
        config=config(),
        shape=network.input,
        refusal=None,
        data_refusal=None,
        failure=None,
        memory=None,
        loss=None,
        time=None,
        trial=None,
        remarks=(),
    )
    found = [finding for judge in STATIC for finding in judge(subject)]
    assert len(STATIC) > 10
    assert {finding.kind: finding.verdict for finding in found}.items() <= KNOWN.items()
