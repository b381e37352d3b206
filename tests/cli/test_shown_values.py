"""Every value that a user holds prints well, in a terminal and in a notebook."""

import pytest
from toys import tiny, toy_source

import striate as st
from striate.errors import DescriptionError


def test_a_network():
    assert repr(tiny()).splitlines() == [
        "Network 'tiny', input 1×8×8, 5 layers",
        "  conv      Conv(out_channels=4, kernel_size=3, name='conv')",
        "  relu1     ReLU()",
        "  pool1     MaxPool(kernel_size=2)",
        "  flatten1  Flatten()",
        "  head      Linear(out_features=3, name='head')",
    ]
    assert "- MaxPool: {kernel_size: 2}" in tiny()._repr_html_()


def test_an_evaluation_and_a_prediction(toy_run):
    run = st.Run(toy_run)
    evaluation = run.evaluate("test", toy_source())
    assert repr(evaluation) == str(evaluation)
    first = repr(evaluation).splitlines()[0]
    assert first.startswith("test: accuracy ")
    assert "top-5" not in first, "of three classes it says nothing"
    (prediction,) = run.predict([toy_source().image("test", 0)], top=2)
    best = prediction.top[0]
    assert repr(prediction).startswith(f"image: {best.class_name} {best.probability:.1%}; ")
    assert f"<td>{best.class_name}</td><td>{best.probability:.1%}</td>" in prediction._repr_html_()


def test_a_file_name_that_does_not_say_how_it_is_written(tmp_path):
    with pytest.raises(DescriptionError) as caught:
        tiny().save(tmp_path / "net.txt")
    assert str(caught.value) == (
        f"{tmp_path / 'net.txt'}: must end with .yaml, .yml or .json, which say how it is written."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_yaml_takes_for_a_text():
    with pytest.raises(DescriptionError) as caught:
        st.Network.from_yaml("schema: 1\nname: n\ninput: [1, 8, 8]\nbody:\n- BatchNorm: {eps: 1e-5}\n")
    assert str(caught.value) == (
        "body[0]: BatchNorm: eps='1e-5' must be a number above 0; YAML takes it for a text, write 1.0e-5."
    )
