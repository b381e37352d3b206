"""Weights from outside: real photographs through BVLC GoogLeNet and SqueezeNet, and files that are wrong."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from toys import message_of, pillow_resized

import striate as st
from striate.data import Preprocess, Standardize
from striate.errors import WeightsError
from striate.nn import NAMINGS, build, load_weights, read_tensors, recognized
from striate.ship import CONVENTIONS, read_class_names
from striate.zoo import googlenet, googlenet_aux, squeezenet1_0, squeezenet1_1

FILES = {"googlenet": "googlenet_bvlc.safetensors", "squeezenet1_1": "squeezenet1_1.safetensors"}


@pytest.fixture(scope="module")
def answers(data_folder):
    """What each network says of each photograph, and what is on it: ``{name: [(photograph, label, guess)]}``."""
    weights, photos = data_folder / "weights", data_folder / "photos"
    rows = [line.split("\t") for line in (photos / "tags.tsv").read_text().splitlines()]
    labels = {name: label for name, label in rows if (photos / name).is_file()}
    found = {}
    for name, file in FILES.items():
        classifier = st.pretrained(name, weights / file, weights / "imagenet_classes.txt")
        predictions = classifier.predict([photos / photo for photo in labels])
        found[name] = [
            (photo, label, p.top[0]) for (photo, label), p in zip(labels.items(), predictions, strict=True)
        ]
    return found


def right(rows):
    return [photo for photo, label, guess in rows if label in guess.class_name.split(", ")]


def test_googlenet_names_the_photographs(answers):
    assert len(answers["googlenet"]) == 18
    assert len(right(answers["googlenet"])) >= 17


def test_squeezenet_names_most_of_them(answers):
    # 57.5 % top-1 on ImageNet is what its authors publish; these photographs are easier.
    assert len(right(answers["squeezenet1_1"])) >= 12


def test_googlenet_against_the_layers_by_hand(data_folder):
    # The stem by hand from Caffe's own names: convolution, ReLU, pooling rounded up, LRN across 5 channels.
    path = data_folder / "weights" / FILES["googlenet"]
    tensors = {name: t.double() for name, t in read_tensors(path).items()}
    module = build(googlenet(), seed=0)
    load_weights(module, path)
    x = torch.randn(1, 3, 224, 224, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 50
    y = torch.nn.functional.conv2d(
        x, tensors["conv1/7x7_s2.weight"], tensors["conv1/7x7_s2.bias"], 2, 3
    ).relu()
    windows = torch.nn.functional.pad(y, (0, 1, 0, 1), value=-torch.inf).unfold(2, 3, 2).unfold(3, 3, 2)
    y = windows.amax((-2, -1))
    squares = torch.nn.functional.pad(y * y, (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(-1)
    y = y / (1 + 1e-4 / 5 * squares) ** 0.75
    found = x
    for name in ("conv1", "relu1", "pool1", "norm1"):
        found = module.double().get_submodule(name)(found)
    torch.testing.assert_close(found, y, rtol=1e-9, atol=1e-9)


def test_every_tensor_finds_its_place(data_folder):
    for network, file in ((googlenet(), FILES["googlenet"]), (squeezenet1_1(), FILES["squeezenet1_1"])):
        tensors = read_tensors(data_folder / "weights" / file)
        module = build(network, seed=0)
        load_weights(module, data_folder / "weights" / file)
        ours = sorted(t.double().sum().item() for t in module.state_dict().values())
        assert ours == sorted(t.double().sum().item() for t in tensors.values())


def test_the_command(data_folder, striate):
    weights, photo = data_folder / "weights", data_folder / "photos" / "pizza.jpg"
    options = [
        "--weights",
        weights / FILES["googlenet"],
        "--classes",
        weights / "imagenet_classes.txt",
        "--top",
        2,
    ]
    done = striate("predict", "googlenet", *options, photo)
    assert done.status == 0
    assert done.out.startswith(f"{photo}: pizza, pizza pie ")
    assert done.out.count(";") == 1
    (data,) = json.loads(striate("predict", "googlenet", *options, "--json", photo).out)
    assert data["top"][0]["class"] == "pizza, pizza pie"
    assert data["top"][0]["index"] == 963  # the line of the class file, from 0


# Without the real data: files of the right names and shapes, and wrong ones.


def caffe_names():
    """Return Caffe's name of every layer of GoogLeNet, written out from its model definition."""
    names = {"conv1/7x7_s2": "conv1", "conv2/3x3_reduce": "conv2_reduce", "conv2/3x3": "conv2"}
    for block in "3a 3b 4a 4b 4c 4d 4e 5a 5b".split():
        branches = {
            "1x1": "one.conv",
            "3x3_reduce": "three.reduce",
            "3x3": "three.conv",
            "5x5_reduce": "five.reduce",
            "5x5": "five.conv",
            "pool_proj": "pooled.project",
        }
        names |= {
            f"inception_{block}/{caffe}": f"inception{block}.{ours}" for caffe, ours in branches.items()
        }
    return names | {"loss3/classifier": "classifier"}


def test_the_names_of_caffe():
    names = caffe_names()
    assert len(names) == 58
    heads = {f"loss{i}/{part}": f"aux{i}.{part}" for i in (1, 2) for part in ("conv", "fc", "classifier")}
    for given, network in ((names, googlenet()), (names | heads, googlenet_aux())):
        tensors = {
            f"{caffe}.{kind}": f"{ours}.{kind}"
            for caffe, ours in given.items()
            for kind in ("weight", "bias")
        }
        naming = recognized(tensors)
        assert naming.name == "caffe googlenet"
        assert naming.renamed(tensors) == {name: name for name in tensors.values()}
        assert set(tensors.values()) == set(build(network, seed=0).state_dict())


def test_names_of_our_own_are_left_alone():
    assert recognized(build(googlenet(), seed=0).state_dict()) is None
    assert recognized(dict.fromkeys(["conv1/7x7_s2.weight", "of_another_program/1x1.weight"])) is None
    assert set(CONVENTIONS) == set(NAMINGS)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """A file of random numbers under Caffe's names, for a GoogLeNet of three classes."""
    module = build(googlenet(num_classes=3), seed=0)
    ours = {name: caffe for caffe, name in caffe_names().items()}
    path = tmp_path_factory.mktemp("weights") / "three.safetensors"
    tensors = {
        f"{ours[n.rpartition('.')[0]]}.{n.rpartition('.')[2]}": t for n, t in module.state_dict().items()
    }
    save_file(tensors, path)
    return path


def test_what_is_predicted_is_the_middle_of_the_stretched_image(random_weights, tmp_path):
    (tmp_path / "names.txt").write_text("n00000001 red fox\nn00000002 crane, bird\n  crane, machine \n")
    classifier = st.pretrained(googlenet(num_classes=3), random_weights, tmp_path / "names.txt")
    assert classifier.class_names == ("red fox", "crane, bird", "crane, machine")
    assert repr(classifier) == "Classifier('googlenet': 3×224×224, 3 classes)"
    pixels = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    image = Image.fromarray(pixels)
    middle = pillow_resized(image, 256, 256)[:, 16:240, 16:240]
    x = torch.from_numpy(middle.astype(np.float32))[None] - torch.tensor([123.0, 117.0, 104.0])[:, None, None]
    with torch.no_grad():
        expected = classifier.module(x).double().softmax(1)[0]
    (prediction,) = classifier.predict([image])
    for guess in prediction.top:
        assert guess.probability == pytest.approx(expected[guess.index].item(), rel=1e-4)


def test_classes_without_names_are_numbered(random_weights):
    classifier = st.pretrained(googlenet(num_classes=3), random_weights)
    assert classifier.class_names == ("0", "1", "2")
    assert classifier.preprocess == Preprocess(
        (3, 224, 224), (Standardize((123 / 255, 117 / 255, 104 / 255), (1 / 255,) * 3),), stored=(256, 256)
    )


def test_weights_that_do_not_fit(random_weights, tmp_path):
    text = message_of(WeightsError, st.pretrained, "googlenet", random_weights)
    assert text.startswith(
        f"{random_weights} does not fit the module. of another shape: classifier.weight (3, 1024)"
    )
    assert text.endswith("Its names are those of caffe googlenet.")
    text = message_of(WeightsError, load_weights, build(squeezenet1_1(), seed=0), random_weights)
    assert "missing: conv1.weight" not in text
    assert "missing: fire2.squeeze1x1.weight" in text
    save_file(
        {"conv1/7x7_s2.weight": torch.zeros(1), "elsewhere/x.weight": torch.zeros(1)},
        tmp_path / "x.safetensors",
    )
    text = message_of(WeightsError, load_weights, build(googlenet(), seed=0), tmp_path / "x.safetensors")
    assert text.endswith("Names from outside are understood of: caffe googlenet, caffe squeezenet 1.1.")
    save_file({"a": torch.zeros(1)}, tmp_path / "y.safetensors")
    assert message_of(WeightsError, st.pretrained, "googlenet", tmp_path / "y.safetensors") == (
        f"{tmp_path / 'y.safetensors'}: whose weights these are is not known, and so not how images are prepared "
        "for them. Known: caffe googlenet, caffe squeezenet 1.1. Weights that striate trained are used through their "
        "run folder."
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "a name per line; empty: line 1."),
        (b"cat\n\ndog\n", "a name per line; empty: line 2."),
        (b"cat\ndog \x1b[31m\n", "names are printable text; not so: line 2."),
        (b"\xff\xfe\x00", "not a text file in UTF-8."),
        (b"x\n" * 2**20, "larger than 1 MiB; no list of classes is."),
    ],
    ids=["empty", "hole", "escape", "binary", "large"],
)
def test_class_files_that_are_wrong(tmp_path, content, problem):
    path = tmp_path / "names.txt"
    path.write_bytes(content)
    assert message_of(WeightsError, read_class_names, path) == f"{path}: {problem}"


def test_two_classes_may_have_one_name_and_the_first_line_a_byte_order_mark(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xef\xbb\xbfn01440764 tench\ncrane\nmaillot\ncrane\n")
    assert read_class_names(path) == ("tench", "crane", "maillot", "crane")


def test_files_of_networks_that_are_nearly_the_ones_asked_for(tmp_path):
    # SqueezeNet 1.0 as its authors define it pads conv10 by 1; without that, the averages are (15/13)² too large.
    tensors = build(squeezenet1_0(), seed=0).state_dict()
    path = tmp_path / "old.safetensors"
    caffe = {n.replace(".squeeze1x1", "/squeeze1x1").replace(".expand.", "/"): t for n, t in tensors.items()}
    save_file(caffe, path)
    text = message_of(WeightsError, st.pretrained, "squeezenet1_0", path)
    assert "whose weights these are is not known" in text
    ours = tmp_path / "heads.safetensors"
    save_file(build(googlenet_aux(num_classes=3), seed=0).state_dict(), ours)
    text = message_of(WeightsError, load_weights, build(googlenet(num_classes=3), seed=0), ours)
    assert "unexpected: aux1." in text
    assert text.endswith("It holds auxiliary heads too: load it into the network that has them.")


def test_class_names_must_be_as_many_as_outputs(random_weights, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("cat\ndog\n")
    text = message_of(WeightsError, st.pretrained, googlenet(num_classes=3), random_weights, path)
    assert text == f"{path}: 2 names for the 3 outputs of 'googlenet'."
    missing = tmp_path / "none.txt"
    assert (
        message_of(WeightsError, read_class_names, missing)
        == f"{missing}: cannot be read: No such file or directory."
    )


def test_classes_go_with_weights(failure):
    text = failure("predict", "runs/x", "--classes", "names.txt", "a.png", status=2)
    assert text == "--classes goes with --weights; a run knows the names of its classes."


def test_a_network_is_no_run(failure):
    text = failure("predict", "googlenet", "a.png", status=2)
    assert text == "googlenet is a network, not a run; give its weights with --weights FILE, or a run folder."


def test_a_run_folder_has_weights_of_its_own(failure, tmp_path):
    text = failure("predict", tmp_path, "--weights", "x.safetensors", "a.png", status=2)
    assert (
        text
        == f"{tmp_path} is a folder; --weights goes with a network, such as googlenet. A run has its own."
    )


def test_weights_for_images_and_a_network_that_reads_text(random_weights):
    assert message_of(WeightsError, st.pretrained, "char_rnn", random_weights) == (
        f"{random_weights}: caffe googlenet reads images; 'char_rnn' reads (50,)."
    )


def test_a_folder_is_no_weights_file(tmp_path):
    assert message_of(WeightsError, read_tensors, tmp_path) == (
        f"{tmp_path}: a folder; name the safetensors file in it."
    )
