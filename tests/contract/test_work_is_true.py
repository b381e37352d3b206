"""Every worked formula that the analysis prints is true, and equals the figure beside it."""

import re
from fractions import Fraction
from functools import partial

import pytest
from formulas import chain_value, evaluate
from samples import SAMPLES

from striate.analyze import analyze, work_text
from striate.spec import Network
from striate.zoo import NETWORKS

CASES = [
    *(pytest.param(entry.make, 1, id=name) for name, entry in NETWORKS.items()),
    *(
        pytest.param(partial(Network, "sample", shape, body), batch_size, id=f"{kind}-{i}-{batch_size}")
        for kind, cases in SAMPLES.items()
        for i, (shape, body) in enumerate(cases)
        for batch_size in (1, 32)
    ),
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("96·3·11·11 = 34,848", 34_848),
        ("(224 + 2·2 − 11)/4 + 1 = ⌊55.25⌋ = 55", 55),
        ("(5 − 2)/2 + 1 = ⌈2.5⌉ = 3", 3),
        ("(4 + 2·1 − 3)/2 + 1 = ⌈2.5⌉ − 1 = 2", 2),
        ("(9 − (2·(3 − 1) + 1))/1 + 1 = 5", 5),
        ("7", 7),
    ],
)
def test_the_evaluator_reads_true_formulas(text, value):
    assert chain_value(text) == value


@pytest.mark.parametrize("text", ["2·3 = 7", "7/2 = ⌊3.25⌋ = 3", "7/2 = ⌊3.5⌋ = 4", "7/2 = 3"])
def test_the_evaluator_refuses_false_formulas(text):
    with pytest.raises(AssertionError):
        chain_value(text)


@pytest.mark.parametrize(("make", "batch_size"), CASES)
def test_every_formula_is_true(make, batch_size):
    for row in analyze(make(), batch_size=batch_size).layers:
        for figure in ("weights", "biases", "params", "macs", "neurons", "activation_bytes"):
            (formula,) = row.work[figure]
            assert chain_value(formula) == getattr(row, figure), (row.path, figure)
        assert chain_value(row.work["if fully connected"][0]) == row.dense_weights, row.path
        assert chain_value(row.work["if not shared"][0]) == row.local_weights, row.path
        _check_shape(row)
        for line, field in zip(row.work["receptive_field"], row.receptive_field, strict=True):
            _check_field(line, field)


def _check_shape(row):
    lines = row.work["output_shape"]
    if row.arithmetic.axes:
        values = [
            chain_value(line.removesuffix(" (the last window would start in the padding)")) for line in lines
        ]
        assert values == list(row.output_shape[1:]), row.path
    elif row.kind == "Flatten":
        assert [chain_value(line) for line in lines] == list(row.output_shape), row.path
    else:
        assert lines == [" × ".join(map(str, row.output_shape))], row.path


def _check_field(line, field):
    formula, stride, offset = re.fullmatch(
        r"(.+) \(stride (\d+(?:/\d+)?), offset (-?\d+(?:/\d+)?)\)", line
    ).groups()
    assert (Fraction(stride), Fraction(offset)) == (field.stride, field.offset), line
    if "∪" not in formula:
        assert chain_value(formula) == field.size, line
        return
    left, sign, span, size = re.fullmatch(r"(.+) ([=⊆]) \[(.+)\], size (\d+)", formula).groups()
    first, last = map(evaluate, span.split(", "))
    sides = [tuple(map(int, pair)) for pair in re.findall(r"\[(-?\d+), (-?\d+)\]", left)]
    lowest, highest = min(a for a, _ in sides), max(b for _, b in sides)
    assert int(size) == field.size == last - first + 1, line
    assert first == field.offset, line
    if sign == "=":
        assert (first, last) == (lowest, highest), line
    else:
        assert first <= lowest, line
        assert highest <= last, line


def test_the_working_is_printed_with_the_row():
    row = analyze(NETWORKS["alexnet"].make()).row("conv1")
    assert work_text(row) == [
        ("input shape", "3×224×224"),
        ("output shape", "96×55×55"),
        ("each axis", "(224 + 2·2 − 11)/4 + 1 = ⌊55.25⌋ = 55"),
        ("each axis", "(224 + 2·2 − 11)/4 + 1 = ⌊55.25⌋ = 55"),
        ("weights", "96·3·11·11 = 34,848"),
        ("biases", "96"),
        ("params", "34848 + 96 = 34,944"),
        ("MACs", "96·55·55·3·11·11 = 105,415,200"),
        ("neurons", "96·55·55 = 290,400"),
        ("activation bytes", "1·96·55·55·4 = 1,161,600"),
        ("receptive field", "1 + (11 − 1)·1 = 11 (stride 4, offset -2)"),
        ("receptive field", "1 + (11 − 1)·1 = 11 (stride 4, offset -2)"),
        ("if fully connected", "3·224·224·96·55·55 = 43,713,331,200"),
        ("if not shared", "96·55·55·3·11·11 = 105,415,200"),
    ]
