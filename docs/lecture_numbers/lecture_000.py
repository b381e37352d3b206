"""The numbers of lecture 000, Duke: Deep Convolutional Neural Nets."""

from lecture_numbers.asked import Figures, net
from lecture_numbers.fact import Fact, in_units
from striate.analyze import analyze
from striate.spec import Conv
from striate.zoo import alexnet


def _paddings() -> tuple[int, ...]:
    """Return the zeros before and after a clip for a kernel of 25, in space and in time."""
    axes = (
        analyze(net((1, 100), Conv(1, 25, padding=padding))).layers[0].arithmetic.axes[0]
        for padding in ("same", "causal")
    )
    return tuple(zeros for axis in axes for zeros in (axis.before, axis.after))


FACTS = (
    Fact(
        topic="positions of a kernel",
        statement="A kernel of 25 samples slid over a clip of 100, without padding",
        printed=76,
        true=76,
        compute=Figures(net((1, 100), Conv(1, 25)), "length"),
        form="{} positions",
    ),
    Fact(
        topic="AlexNet's first layer, fully connected",
        statement="AlexNet's first layer, if it were fully connected",
        printed=4.4,
        true=43_713_331_200,
        compute=Figures(alexnet(), "dense_weights", path="conv1"),
        form="{} weights",
        printed_form="≈ {} × 10¹⁰ weights",
        agree=in_units(1e10, within=0.05),
    ),
    Fact(
        topic="AlexNet's first layer, convolutional",
        statement="The same layer with kernels of 11×11: “there are only 96 × 11² weights”",
        printed=11_616,
        true=(34_848, 96),
        compute=Figures(alexnet(), "weights biases", path="conv1"),
        form="{} weights, {} biases",
        printed_form="{} weights",
        slip="Each of the 96 kernels reads all 3 channels of the image, so it has 3·11² weights.",
    ),
    Fact(
        topic="'Same' in one dimension",
        statement="“Pad input with k − 1 zeros to make the output have d entries”: k = 25, d = 100",
        printed=24,
        true=(100, 24),
        compute=lambda: (
            Figures(net((1, 100), Conv(1, 25, padding="same")), "length")(),
            sum(_paddings()[:2]),
        ),
        form="{} entries with {} zeros",
        printed_form="k − 1 = {} zeros",
        agree=lambda printed, true: printed == true[1],
        how='`st.Conv(1, 25, padding="same")`',
    ),
    Fact(
        topic="'Same' in one dimension",
        statement="The zeros are “typically asymmetric when index is time, symmetric when index is position in space”",
        true=(12, 12, 24, 0),
        compute=_paddings,
        form="in space {} before and {} after, in time {} and {}",
        how='`padding="same"` for space; `padding="causal"` for time, so that no output hears what comes after it',
    ),
)
