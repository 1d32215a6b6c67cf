"""A scene of three brightnesses."""

import numpy as np


def scene(seed=0, shape=(120, 150), noise=0.1):
    """Dark ground, a grey square and a bright stripe, with noise."""
    image = np.zeros(shape, np.float32)
    image[30:80, 20:90] = 1
    image[:, 120:] = 2
    return image + np.random.default_rng(seed).normal(0, noise, shape).astype(np.float32)


TRUTH = scene(noise=0).astype(int) + 1
