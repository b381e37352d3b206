"""What no matrix can do to pixels: tones, neighborhoods, noise, JPEG's loss and rectangles. Functions of whole batches.

Images are float32 ``(n, C, H, W)`` of 0..255, grey or of three colors; each image has its own strength, and is treated
in the same way, bit for bit, alone and within a batch. A new tensor is returned.
"""

from striate.data.augment.nonlinear.erase import box_masks, erase, mean_fills, noise_fills
from striate.data.augment.nonlinear.filters import gaussian_blur, sharpen
from striate.data.augment.nonlinear.jpeg import jpeg
from striate.data.augment.nonlinear.noise import gaussian_noise, salt_and_pepper, speckle_noise
from striate.data.augment.nonlinear.tone import autocontrast, equalize, gamma, posterize, solarize

__all__ = [
    "autocontrast",
    "box_masks",
    "equalize",
    "erase",
    "gamma",
    "gaussian_blur",
    "gaussian_noise",
    "jpeg",
    "mean_fills",
    "noise_fills",
    "posterize",
    "salt_and_pepper",
    "sharpen",
    "solarize",
    "speckle_noise",
]
