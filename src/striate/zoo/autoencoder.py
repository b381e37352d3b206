"""Autoencoders: networks that learn to give back what they are given. They have no classes.

Their layers are named after the code between their halves; the papers stand at each.
"""

import math

from striate.spec import (
    Conv,
    ConvTranspose,
    Flatten,
    GaussianNoise,
    Linear,
    MaxPool,
    MaxUnpool,
    Network,
    Node,
    ReLU,
    Reshape,
    Sequential,
    Sigmoid,
    SparsityPenalty,
)
from striate.zoo.registry import Paper, named

__all__ = ["convolutional_autoencoder", "denoising_autoencoder", "dense_autoencoder", "sparse_autoencoder"]


@named(Paper("Hinton, Salakhutdinov", "Reducing the Dimensionality of Data with Neural Networks", 2006))
def dense_autoencoder(
    input: tuple[int, ...] = (1, 28, 28), widths: tuple[int, ...] = (1000, 500, 250), code: int = 30
) -> Network:
    """Autoencoder of fully connected layers, 784-1000-500-250-30 and back; 2,837,314 parameters.

    Every unit is logistic but those of the code, which are linear.

    Args:
        input: Shape of one image, of values between 0 and 1.
        widths: Units of each layer before the code; behind it they come again, backwards.
        code: Units of the code.
    """
    encoder: list[Node] = []
    decoder: list[Node] = [Linear(math.prod(input), name="output"), Sigmoid()]
    for number, width in enumerate(widths, 1):
        encoder += [Linear(width, name=f"encoder{number}"), Sigmoid()]
        decoder = [Linear(width, name=f"decoder{number}"), Sigmoid(), *decoder]
    body = Sequential(Flatten(), *encoder, Linear(code, name="code"), *decoder, Reshape(input))
    return Network("dense_autoencoder", input, body)


@named(Paper("Ng", "Sparse Autoencoder (CS294A lecture notes)", 2011))
def sparse_autoencoder(input: tuple[int, ...] = (1, 8, 8), code: int = 25) -> Network:
    """Autoencoder of 8×8 patches whose 25 units are asked to be active one time in 100; 3,289 parameters.

    Args:
        input: Shape of one patch, of values between 0 and 1.
        code: Units of the code.
    """
    body = Sequential(
        Flatten(),
        Linear(code, name="code"),
        Sigmoid(),
        SparsityPenalty(0.01, weight=3.0),
        Linear(math.prod(input), name="output"),
        Sigmoid(),
        Reshape(input),
    )
    return Network("sparse_autoencoder", input, body)


@named(
    Paper(
        "Vincent, Larochelle, Lajoie, Bengio, Manzagol",
        "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network with a Local "
        "Denoising Criterion",
        2010,
    )
)
def denoising_autoencoder(
    input: tuple[int, ...] = (1, 28, 28), code: int = 500, noise: float = 0.3
) -> Network:
    """Autoencoder that gives back images without the normal noise added to them; 785,284 parameters.

    One of the layers that the paper stacks, with weights of its own on the way back. The paper chose widths and noise
    by validation; these are ours.

    Args:
        input: Shape of one image, of values between 0 and 1.
        code: Units of the code.
        noise: Standard deviation of the noise.
    """
    body = Sequential(
        GaussianNoise(noise),
        Flatten(),
        Linear(code, name="code"),
        Sigmoid(),
        Linear(math.prod(input), name="output"),
        Sigmoid(),
        Reshape(input),
    )
    return Network("denoising_autoencoder", input, body)


@named(
    Paper(
        "Masci, Meier, Ciresan, Schmidhuber",
        "Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction",
        2011,
    )
)
def convolutional_autoencoder(
    input: tuple[int, ...] = (1, 28, 28), maps: tuple[int, int] = (16, 32)
) -> Network:
    """Autoencoder of convolutions and poolings, undone by unpooling with their switches; 9,569 parameters.

    After the paper's idea, with widths of our own: each pooling remembers where its maxima were, and each
    convolution has a transposed one opposite it.

    Args:
        input: Shape of one image, of values between 0 and 1.
        maps: Maps of the two convolutions.
    """
    body = Sequential(
        Conv(maps[0], 3, padding=1, name="conv1"),
        ReLU(),
        MaxPool(2, name="pool1"),
        Conv(maps[1], 3, padding=1, name="conv2"),
        ReLU(),
        MaxPool(2, name="pool2"),
        MaxUnpool("pool2", name="unpool2"),
        ConvTranspose(maps[0], 3, padding=1, name="deconv2"),
        ReLU(),
        MaxUnpool("pool1", name="unpool1"),
        ConvTranspose(input[0], 3, padding=1, name="deconv1"),
        Sigmoid(),
    )
    return Network("convolutional_autoencoder", input, body)
