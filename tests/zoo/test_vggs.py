"""VGG against the paper's tables, and the letters of its columns."""

import pytest

from striate.analyze import analyze
from striate.errors import DescriptionError
from striate.zoo import find, vgg, vgg11_lrn, vgg16, vgg16_bn, vgg16_c

# Table 2 of the paper: millions of parameters.
COLUMNS = {"A": 133, "A-LRN": 133, "B": 133, "C": 134, "D": 138, "E": 144}


def letter(column):
    return f"vgg_{column.lower().replace('-', '_')}"


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_has_the_parameters_of_the_paper(column):
    assert round(analyze(vgg(column)).totals.params / 1e6) == COLUMNS[column]
    assert vgg(column, num_classes=7) == find(letter(column), num_classes=7)


def test_an_unknown_column():
    with pytest.raises(
        DescriptionError, match=r"unknown VGG configuration 'F'.* Known: A, A-LRN, B, C, D, E\."
    ):
        vgg("F")


def test_vgg16_has_the_maps_and_macs_of_the_paper():
    analysis = analyze(vgg16())
    pools = [row.output_shape for row in analysis.layers if row.kind == "MaxPool"]
    assert pools == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]
    assert analysis.totals.macs == 15_470_264_320
    convolutions = [row for row in analysis.layers if row.kind == "Conv"]
    assert len(convolutions) == 13
    assert [row.receptive_field[0].size for row in convolutions[:7]] == [3, 5, 10, 14, 24, 32, 40]
    assert analysis.row("stage5.pool1").receptive_field[0].size == 212


def test_configuration_c_has_its_small_windows_where_the_paper_has_them():
    kernels = [layer.kernel_size for _, layer in vgg16_c().walk() if layer.kind == "Conv"]
    assert kernels == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]


def test_the_normalization_of_a_lrn_stands_behind_the_first_convolution():
    paths = [path for path, _ in vgg11_lrn().walk()]
    assert paths[:4] == ["stage1.conv1", "stage1.relu1", "stage1.norm1", "stage1.pool1"]
    assert sum("norm" in path for path in paths) == 1


def test_batch_normalization_stands_between_convolution_and_activation():
    paths = [path for path, _ in vgg16_bn().walk()]
    assert paths[:3] == ["stage1.conv1", "stage1.norm1", "stage1.relu1"]
    assert sum("norm" in path for path in paths) == 13
