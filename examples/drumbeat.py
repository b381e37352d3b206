"""Does the drumbeat show up in the clip? One neuron, slid along it, finds out: a convolution in one dimension.

python examples/drumbeat.py [--plot drumbeat.svg]
"""

import argparse

import matplotlib
import numpy as np
import torch
from matplotlib.figure import Figure

import striate as st

parser = argparse.ArgumentParser(description="Find a drumbeat in a clip, and draw how.")
parser.add_argument("--plot", default="drumbeat.svg", help="file of the picture, .svg or .png")
plot = parser.parse_args().plot

THRESHOLD = 0.85
t = np.arange(25)
beat = np.exp(-t / 10) * np.sin(8 * np.sqrt(t))  # a stroke that dies away, its pitch falling
clip = np.random.default_rng(0).normal(0, 0.05, 100)
for start, sound in ((6, beat), (34, 2 * beat[::-1]), (66, 0.4 * beat)):  # the second is loud, and backwards
    clip[start : start + 25] += sound


def apply(layers: st.Sequential, signal: np.ndarray, weight: np.ndarray, bias: float = 0) -> np.ndarray:
    """Return what ``layers``, of which the first is a convolution with this weight and bias, give for a signal."""
    module = st.build(st.Network("n", (1, len(signal)), layers), seed=0).double().requires_grad_(False)
    module.conv1.weight.copy_(torch.from_numpy(weight))
    module.conv1.bias.fill_(bias)
    return module(torch.from_numpy(signal)[None, None])[0, 0].numpy()


slide = st.Sequential(st.Conv(1, 25))
product = apply(slide, clip, beat / np.linalg.norm(beat))
cosine = product / np.sqrt(apply(slide, clip**2, np.ones(25)))  # each window divided by its own norm
answer = apply(st.Sequential(st.Conv(1, 1), st.ReLU()), cosine, np.ones(1), bias=-THRESHOLD)

print("positions:", *st.analyze(st.Network("n", (1, 100), slide)).layers[0].work["output_shape"])
for i in np.flatnonzero(answer):
    print(f"a beat at {i}: product {product[i]:.2f}, cosine {cosine[i]:.2f}, answer {answer[i]:.2f}")
i = product.argmax()
print(f"largest product, at {i}: {product[i]:.2f}, cosine {cosine[i]:.2f}, answer {answer[i]:.2f}")

with matplotlib.rc_context({"svg.hashsalt": "drumbeat"}):
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplot_mosaic([["kernel", "clip"], [".", "product"], [".", "cosine"]], width_ratios=(1, 4))
    for name, values in {"kernel": beat, "clip": clip, "product": product, "cosine": cosine}.items():
        axes[name].plot(values, ".-", color="0.5")
        axes[name].set_title(f"{name}, {len(values)} values")
        axes[name].set_xlim(-1, 25 if name == "kernel" else 100)
    for i in np.flatnonzero(answer):
        axes["clip"].plot(i + t, clip[i : i + 25], color="tab:blue")
        axes["cosine"].plot([i, i], [THRESHOLD, cosine[i]], color="tab:blue", linewidth=4)
    axes["cosine"].axhline(THRESHOLD, color="tab:red")
    axes["cosine"].text(77, THRESHOLD - 0.2, f"threshold {THRESHOLD}", color="tab:red")
    figure.savefig(plot, metadata={"Date": None, "Creator": None})
print(f"picture: {plot}")
