"""``import striate``: every public name is there, and ``analyze`` and ``train`` stay the functions."""

import json
import subprocess
import sys
from types import ModuleType

import pytest

import striate as st

PROMISED = """
    Network Sequential Residual Concat Repeat AuxHead Conv Linear MaxPool AvgPool GlobalAvgPool BatchNorm
    LocalResponseNorm Dropout Flatten Identity ReLU LeakyReLU ELU GELU SiLU Sigmoid Softplus Tanh Softmax
    analyze Analysis compare Comparison build load_weights save_weights train fit resume Run TrainConfig
    plan Plan PlanTable
    Evaluation Prediction Classifier pretrained zoo optimize Optimized WeightMapping
    StriateError ChangedError ConfigError DataError DescriptionError DistributedError RunError ShapeError
    TrainingError WeightsError
    check NetworkReport sanity Sanity Summary cross_validate fit_ensemble Ensemble find_lr diff RunDiff __version__
    GRU LSTM RBF RNN SELU AdaptiveAvgPool AdaptiveMaxPool ChannelPool ConvTranspose DepthwiseConv
    DropConnect Embedding GaussianNoise GlobalMaxPool GroupNorm HardSigmoid InstanceNorm LastStep
    LayerNorm LinearChainCRF LocalContrastNorm LocallyConnected LpPool MaxUnpool Maxout Mish OneHot PReLU
    PadChannels RReLU ReLU6 Reshape ScaledTanh SeparableConv SliceChannels SparsityPenalty SpatialDropout
    StochasticDepth StochasticPool Subsample TableConv TiledConv Transpose Upsample
""".split()


def test_the_list_is_complete():
    assert sorted(st.__all__) == sorted(PROMISED)
    assert len(set(st.__all__)) == len(st.__all__)
    assert dir(st) == sorted(st.__all__)


@pytest.mark.parametrize("name", PROMISED)
def test_a_name_is_what_it_says(name):
    value = getattr(st, name)
    if name not in ("__version__", "zoo"):
        assert value.__name__ == name
        assert not isinstance(value, ModuleType)
        assert value.__doc__


def test_star_import_gives_them_all():
    names = {}
    exec("from striate import *", names)
    assert set(PROMISED) <= set(names)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'striate' has no attribute 'trian'"):
        st.trian  # noqa: B018


STATEMENTS = [
    "import striate as st",
    "import striate.analyze; import striate as st",
    "import striate.train; import striate as st",
    "from striate.analyze import analyze; import striate as st",
    "from striate.train import TrainConfig; import striate as st",
    "import striate as st; st.analyze; import striate.analyze",
    "import striate as st; import striate.train, striate.analyze; st.TrainConfig()",
    "from striate.train.training import train; import striate as st",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_functions_stay_functions(statement):
    program = (
        f"{statement}\n"
        "import json, importlib, sys\n"
        "kinds = [type(st.analyze).__name__, type(st.train).__name__]\n"
        "from striate import train, analyze\n"
        "kinds += [type(analyze).__name__, type(train).__name__]\n"
        "from striate.train import RunFolder\n"
        "from striate.analyze import work_text\n"
        "kinds += [type(sys.modules[m]).__name__ for m in ('striate.train', 'striate.analyze')]\n"
        "print(json.dumps(kinds))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == ["function"] * 4 + ["module"] * 2


def test_rooms_can_be_reached():
    program = (
        "import striate as st; print(st.data.__name__, st.errors.__name__, st.nn.__name__, st.ship.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["striate.data", "striate.errors", "striate.nn", "striate.ship"]
