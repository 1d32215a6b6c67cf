from __future__ import annotations

import pytest
import torch

from napari_ae_seg.autoencoder.maps import Maps
from napari_ae_seg.features.noise import LEAST, MOST, residuals, sigma_for


def volume(noise: float, side: int = 24) -> Maps:
    at = torch.linspace(0, 6.28, side)
    clean = at.sin()[:, None, None] + at.cos()[:, None] + at.sin()
    seen = clean / clean.std() + noise * torch.randn((side,) * 3, generator=torch.Generator().manual_seed(0))
    return Maps(seen[None], [], [], torch.ones((side,) * 3, dtype=torch.bool))


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_the_residuals_of_a_smooth_volume_are_its_noise(noise):
    block = volume(noise)
    assert residuals(block.raw, block.valid).std().item() == pytest.approx(noise, rel=0.05)


def test_more_noise_calls_for_a_wider_gaussian():
    sigmas = [sigma_for([volume(noise)]) for noise in (0.0, 0.5, 1.0, 20.0)]
    assert sigmas[0] == LEAST
    assert sigmas[1] < sigmas[2] < MOST == sigmas[3]


def test_places_without_data_say_nothing_about_noise():
    clean, spoilt = volume(0.3), volume(0.3)
    spoilt.raw[:, 5, 5, 5] = float("nan")
    spoilt.valid[5, 5, 5] = False
    assert sigma_for([spoilt]) == pytest.approx(sigma_for([clean]), rel=0.01)


def test_a_volume_too_thin_to_tell_counts_as_clean():
    thin = Maps(torch.rand(1, 2, 8, 8), [], [], torch.ones((2, 8, 8), dtype=torch.bool))
    assert sigma_for([thin]) == LEAST
