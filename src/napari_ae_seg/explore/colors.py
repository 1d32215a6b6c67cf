"""Latents as colours: what lies far apart among the latents looks different."""

from __future__ import annotations

import numpy as np

PLACES = 20_000
"""Places that directions and ranges are found on, at most about."""


def as_colors(latents: np.ndarray) -> np.ndarray:
    """Red, green and blue (N, 3, *space) of 0 to 1: where `latents` (N, F, *space) lie along their main directions.

    >>> as_colors(np.array([[[0.0, 1.0, 2.0]]])).round(1)[0, 0].tolist()
    [0.0, 0.5, 1.0]
    """
    flat = np.moveaxis(latents, 1, -1).reshape(-1, latents.shape[1])
    few = flat[:: max(1, len(flat) // PLACES)]
    mean = few.mean(0)
    _, _, directions = np.linalg.svd(few - mean, full_matrices=False)
    directions = directions[:3] * np.where(directions[:3].sum(1, keepdims=True) < 0, -1, 1)  # either sign would do
    colors = (flat - mean) @ directions.T
    low, high = np.percentile(colors[:: max(1, len(colors) // PLACES)], (1, 99), axis=0)
    unit = np.zeros((len(flat), 3), np.float32)
    unit[:, : colors.shape[1]] = ((colors - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    return np.moveaxis(unit.reshape(latents.shape[0], *latents.shape[2:], 3), -1, 1)
