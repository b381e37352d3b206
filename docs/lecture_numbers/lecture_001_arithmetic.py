"""The numbers of lecture 001, Harvard: sizes and parameters, from small kernels to GoogLeNet."""

import math
from functools import cache

from lecture_numbers.asked import Figures, convolved, net
from lecture_numbers.fact import Fact, in_units
from striate.analyze import Row, analyze
from striate.spec import Conv
from striate.zoo import alexnet, googlenet, lenet5_lecture, vgg

IMAGE = [[1, 2, 1, 1, 1], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [5, 2, 5, 4, 5], [3, 5, 5, 5, 3]]
FEATURE_MAP = ((-2, -3, -2, -2), (0, 0, 0, 0), (6, 7, 9, 9), (1, 3, 1, -1))
PRINTED_MAP = ((-1, *FEATURE_MAP[0][1:]), *FEATURE_MAP[1:])


def _googlenet(part: str) -> tuple[int, float]:
    """Return weights and millions of MACs of the layers whose paths begin so."""
    rows = [row for row in _googlenet_rows() if row.path.startswith(part)]
    return sum(row.weights for row in rows), round(sum(row.macs for row in rows) / 1e6, 1)


@cache
def _googlenet_rows() -> tuple[Row, ...]:
    return analyze(googlenet()).layers


def _table_1(printed: tuple[float, float], true: tuple[float, float]) -> bool:
    return abs(true[0] / 1024 - printed[0]) <= 1 and abs(true[1] - printed[1]) <= 1


# Part of GoogLeNet: its path, K weights and M MACs as printed, true weights and M MACs, slip.
GOOGLENET = (
    (
        "7×7 convolution",
        "conv1",
        (2.7, 34),
        (9_408, 118.0),
        "A convolution has 64·3·7·7 weights; 2.7K and 34M would fit a separable one, 8·3·7·7 + 64·24.",
    ),
    ("3×3 convolution with its reduction", "conv2", (112, 360), (114_688, 359.7), ""),
    ("inception 3a", "inception3a", (159, 128), (163_328, 128.0), ""),
    ("inception 3b", "inception3b", (380, 304), (388_096, 304.3), ""),
    (
        "inception 4a",
        "inception4a",
        (364, 73),
        (375_552, 73.6),
        "The true figure is 367K; the MACs are right.",
    ),
    ("inception 4b", "inception4b", (437, 88), (448_512, 87.9), ""),
    (
        "inception 4c",
        "inception4c",
        (463, 100),
        (509_440, 99.9),
        "The true figure is 498K; the MACs are right.",
    ),
    (
        "inception 4d",
        "inception4d",
        (580, 119),
        (604_672, 118.5),
        "The true figure is 591K; the MACs are right.",
    ),
    (
        "inception 4e",
        "inception4e",
        (840, 170),
        (867_328, 170.0),
        "The true figure is 847K; the MACs are right.",
    ),
    (
        "inception 5a",
        "inception5a",
        (1072, 54),
        (1_042_432, 51.1),
        "The true figure is 1,018K, and each weight is used at 7·7 positions: 51M.",
    ),
    (
        "inception 5b",
        "inception5b",
        (1388, 71),
        (1_442_816, 70.7),
        "The true figure is 1,409K; the MACs are right.",
    ),
    ("linear", "classifier", (1000, 1), (1_024_000, 1.0), ""),
)

# Layer of the table called LeNet-5: its path, parameters as printed and true, slip.
LENET = (
    (
        "convolution 1",
        "conv1",
        208,
        608,
        "208 is 8·(5·5 + 1), but each kernel reads the 3 channels of the image.",
    ),
    ("convolution 2", "conv2", 416, 3_216, "416 is 16·(5·5 + 1), but each kernel reads 8 maps."),
    (
        "fully connected 1",
        "fc1",
        48_001,
        48_120,
        "Each of the 120 units has its own bias; one was counted for all.",
    ),
    (
        "fully connected 2",
        "fc2",
        10_081,
        10_164,
        "Each of the 84 units has its own bias; one was counted for all.",
    ),
    ("softmax", "output", 841, 850, "Each of the 10 units has its own bias; one was counted for all."),
)

SIZES = (
    Fact(
        topic="a 2×2 kernel on 3×4",
        statement="Input 3×4, kernel 2×2, VALID",
        printed=(2, 3),
        true=(2, 3),
        compute=Figures(net((1, 3, 4), Conv(1, 2, padding="valid")), "size"),
        form="{} × {}",
    ),
    Fact(
        topic="a feature map",
        statement="The feature map of a 5×5 input under the kernel −1 −1 / 1 1",
        printed=PRINTED_MAP,
        true=FEATURE_MAP,
        compute=lambda: convolved(IMAGE, [[-1, -1], [1, 1]]),
        slip="The top left value is −1·1 − 1·2 + 1·1 + 1·0 = −2; the other fifteen are right.",
        how="a built `st.Conv(1, 2)` with this kernel",
    ),
    *(
        Fact(
            topic="Padding: width 13, filter 6, stride 5",
            statement=f"{padding.upper()} {does}",
            true=length,
            compute=Figures(net((1, 13), Conv(1, 6, stride=5, padding=padding)), "length"),
            form="{} outputs",
        )
        for padding, does, length in (("valid", "leaves the tail out", 2), ("same", "pads", 3))
    ),
    Fact(
        topic="C1 of AlexNet: kernel 11×11, stride 4",
        statement="224×224, SAME",
        printed=(55, 55),
        true=(56, 56),
        compute=Figures(net((3, 224, 224), Conv(96, 11, stride=4, padding="same")), "size"),
        form="{} × {}",
        slip="SAME pads until the output has ⌈224/4⌉ = 56 positions.",
    ),
    *(
        Fact(
            topic="C1 of AlexNet: kernel 11×11, stride 4",
            statement=f"what gives 55: {size}×{size}, {words}",
            true=(55, 55),
            compute=Figures(net((3, size, size), Conv(96, 11, stride=4, padding=padding)), "size"),
            form="{} × {}",
        )
        for size, words, padding in ((227, "VALID", "valid"), (224, "padding 2", 2))
    ),
)

NETWORKS = (
    Fact(
        topic="neurons of AlexNet",
        statement="Neurons in the layers of AlexNet",
        printed=(253_440, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000),
        true=(290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000),
        compute=lambda: tuple(row.neurons for row in analyze(alexnet()).layers if row.neurons),
        slip="96 maps of 55·55 are 290,400 neurons; the paper itself prints 253,440, which is 96·55·48.",
        how="`st.analyze(st.zoo.alexnet())`",
    ),
    *(
        Fact(
            topic="The table called LeNet-5, for color images: parameters",
            statement=name,
            printed=printed,
            true=true,
            compute=Figures(lenet5_lecture(), "params", path=path),
            form="{} parameters",
            slip=slip,
        )
        for name, path, printed, true, slip in LENET
    ),
    Fact(
        topic="The table called LeNet-5, for color images: parameters",
        statement="size of pooling layer 2, (5, 5, 16)",
        printed=40,
        true=400,
        compute=lambda: math.prod(analyze(lenet5_lecture()).row("pool2").output_shape),
        slip="5·5·16 is 400, and with 400 the table counts the parameters of the next layer.",
        how="`st.zoo.lenet5_lecture()`",
    ),
    Fact(
        topic="parameters of VGG",
        statement="VGG A, A-LRN, B, C, D, E: parameters in millions",
        printed=(133, 133, 133, 134, 138, 144),
        true=(132_863_336, 132_863_336, 133_047_848, 133_638_952, 138_357_544, 143_667_240),
        compute=lambda: tuple(
            analyze(vgg(column)).totals.params for column in ("A", "A-LRN", "B", "C", "D", "E")
        ),
        agree=in_units(1e6),
        how='`st.zoo.vgg("A")` … `st.zoo.vgg("E")`',
    ),
    *(
        Fact(
            topic="The table of GoogLeNet: weights, where K is 1024, and MACs; ✓ within one unit",
            statement=name,
            printed=printed,
            true=true,
            compute=lambda part=path: _googlenet(part),
            form="{} weights, {}M MACs",
            printed_form="{}K, {}M",
            agree=_table_1,
            slip=slip,
            how=f"`st.zoo.googlenet()`, the layers of `{path}`",
        )
        for name, path, printed, true, slip in GOOGLENET
    ),
    Fact(
        topic="GoogLeNet against AlexNet",
        statement="“12x fewer parameters than AlexNet”",
        printed=12,
        true=8.7,
        compute=lambda: round(
            analyze(alexnet()).totals.params / analyze(googlenet()).totals.params,
            1,
        ),
        form="{}×",
        slip="The paper says so too, but the network in its table has 6,998,552 parameters and AlexNet 60,965,224.",
        how="`totals.params` of both",
    ),
    Fact(
        topic="GoogLeNet against AlexNet",
        statement="its parameters (Berkeley, 002: “5 million”)",
        printed=5,
        true=6_998_552,
        compute=lambda: analyze(googlenet()).totals.params,
        printed_form="{} million",
        agree=in_units(1e6),
        slip="The network in the paper’s table has 7 million, even without its auxiliary heads.",
        how="`totals.params`",
    ),
    Fact(
        topic="GoogLeNet against AlexNet",
        statement="“22 layers”, those with weights",
        printed=22,
        true=22,
        compute=lambda: analyze(googlenet()).totals.depth,
        how="`totals.depth`: on the longest way from input to output",
    ),
)

FACTS = SIZES + NETWORKS
