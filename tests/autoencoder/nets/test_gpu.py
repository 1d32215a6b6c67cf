"""Networks on a CUDA GPU agree with the CPU."""

import copy

import pytest
import torch

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.autoencoder.nets.losses import objective
from napari_ae_seg.autoencoder.nets.statistics import gather_statistics
from napari_ae_seg.config import NetworkConfig, TrainingConfig

pytestmark = pytest.mark.gpu

NETS = [{"levels": 3}, {"down": "max", "up": "unpool", "levels": 2}, {"kind": "dense", "window": 8, "latents": 6}]


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("options", NETS, ids=str)
def test_latents_losses_and_gradients_agree_within_a_thousandth(options, ndim):
    generator = torch.Generator().manual_seed(0)
    here = build(NetworkConfig(**options), 1, ndim)
    there = copy.deepcopy(here).to("cuda")
    x = torch.randn(4, 1, *[8] * ndim, generator=generator)
    results = []
    with torch.backends.cudnn.flags(allow_tf32=False):
        for net, patches in ((here, x), (there, x.to("cuda"))):
            loss, _ = objective(net, net(patches), patches, TrainingConfig())
            loss.backward()
            first = next(net.parameters()).grad.cpu()
            z = gather_statistics(net, [patches]).encode(patches).z.detach().cpu()
            results.append((loss.detach().cpu(), first, z))
    for cpu, gpu in zip(*results, strict=True):
        torch.testing.assert_close(gpu, cpu, rtol=1e-3, atol=1e-3 * float(cpu.abs().max()))
