"""The named networks, each a function that returns a `Network`.

Every function takes ``num_classes``, but for those of autoencoders, which have none; `find` finds one by name.
"""

from striate.zoo.alexnet import alexnet, alexnet_single
from striate.zoo.all_convolutional import all_convolutional
from striate.zoo.autoencoder import (
    convolutional_autoencoder,
    denoising_autoencoder,
    dense_autoencoder,
    sparse_autoencoder,
)
from striate.zoo.characters import char_gru, char_lstm, char_rnn
from striate.zoo.densenet import densenet121, densenet161, densenet169, densenet201
from striate.zoo.find import find
from striate.zoo.googlenet import googlenet, googlenet_aux, inception_module, naive_inception_module
from striate.zoo.googlenet_bn import googlenet_bn
from striate.zoo.inception import inception_v3, inception_v3_aux
from striate.zoo.lenet import lenet5, lenet5_lecture, lenet5_relu
from striate.zoo.lenet_published import lenet1, lenet4, lenet5_1998
from striate.zoo.mlp import mlp
from striate.zoo.mobilenet import mobilenet_v1, mobilenet_v2
from striate.zoo.nin import nin
from striate.zoo.registry import ALIASES, NETWORKS, Entry, Paper
from striate.zoo.resnet import (
    basic_block,
    bottleneck_block,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
)
from striate.zoo.resnet_cifar import resnet20, resnet32, resnet44, resnet56, resnet110, resnet1202
from striate.zoo.resnet_preact import (
    resnet18_preact,
    resnet50_preact,
    resnet101_preact,
    resnet110_preact,
    resnet152_preact,
    resnet164_preact,
    resnet1001_preact,
)
from striate.zoo.signals import cnn1d
from striate.zoo.squeezenet import squeezenet1_0, squeezenet1_1
from striate.zoo.vgg import (
    vgg,
    vgg11,
    vgg11_bn,
    vgg11_lrn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg16_c,
    vgg16_c_bn,
    vgg19,
    vgg19_bn,
)
from striate.zoo.zfnet import zfnet

__all__ = [
    "ALIASES",
    "NETWORKS",
    "Entry",
    "Paper",
    "alexnet",
    "alexnet_single",
    "all_convolutional",
    "basic_block",
    "bottleneck_block",
    "char_gru",
    "char_lstm",
    "char_rnn",
    "cnn1d",
    "convolutional_autoencoder",
    "denoising_autoencoder",
    "dense_autoencoder",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "find",
    "googlenet",
    "googlenet_aux",
    "googlenet_bn",
    "inception_module",
    "inception_v3",
    "inception_v3_aux",
    "lenet1",
    "lenet4",
    "lenet5",
    "lenet5_1998",
    "lenet5_lecture",
    "lenet5_relu",
    "mlp",
    "mobilenet_v1",
    "mobilenet_v2",
    "naive_inception_module",
    "nin",
    "resnet18",
    "resnet18_preact",
    "resnet20",
    "resnet32",
    "resnet34",
    "resnet44",
    "resnet50",
    "resnet50_preact",
    "resnet56",
    "resnet101",
    "resnet101_preact",
    "resnet110",
    "resnet110_preact",
    "resnet152",
    "resnet152_preact",
    "resnet164_preact",
    "resnet1001_preact",
    "resnet1202",
    "sparse_autoencoder",
    "squeezenet1_0",
    "squeezenet1_1",
    "vgg",
    "vgg11",
    "vgg11_bn",
    "vgg11_lrn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg16_c",
    "vgg16_c_bn",
    "vgg19",
    "vgg19_bn",
    "zfnet",
]
