"""Joint refinement: the encoder is tuned for a few steps so that its latents fall into clearer clusters.

In the manner of deep embedded clustering: soft assignments of latents to centres (Student's t) are pulled towards
sharper versions of themselves, while the reconstruction is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_ae_seg.autoencoder.training.optimizers import Adam
from napari_ae_seg.clustering.kmeans import kmeans
from napari_ae_seg.core import devices
from napari_ae_seg.core.progress import Progress, Report
from napari_ae_seg.features.select import ASSUMED_K
from napari_ae_seg.images.patches import PatchSampler
from napari_ae_seg.images.sample import normalized

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.config import SegmentationConfig
    from napari_ae_seg.images.sample import Block

BATCH = 8
RATE = 1e-3
CLUSTERING = 0.1
"""Weight of the clustering beside the reconstruction."""
PLACES = 4000


def refine(model: Autoencoder, blocks: Sequence[Block], config: SegmentationConfig, report: Report) -> Autoencoder:
    """A copy of `model` whose latents on `blocks` cluster better, into `config.n_clusters` or a few."""
    net = copy.deepcopy(model.net).eval()  # frozen statistics: what was gathered in training stays
    rng = np.random.default_rng(config.seed)
    size = net.batch_shape(BATCH, 0)[1:]
    sampler = PatchSampler(normalized(blocks, model.normalizer), size, seed=config.seed)
    with devices.seeded(config.seed, model.device):
        first = torch.from_numpy(np.concatenate([sampler.draw(BATCH) for _ in range(8)])).to(model.device)
        with torch.no_grad():
            z = net.encode(first).z.movedim(1, -1).flatten(0, -2).cpu()
        z = z[torch.from_numpy(rng.permutation(len(z))[:PLACES])]
        found = kmeans(z, min(config.n_clusters or ASSUMED_K, len(z)), seed=config.seed, n_init=config.n_init)
        centers = torch.nn.Parameter(found.centers.to(model.device))
        spread = max(found.inertia / len(z), 1e-6)
        optimizer = Adam([*net.parameters(), centers], decay=0.0)
        for step in range(config.refine_steps):
            report(Progress("refine", step, config.refine_steps))
            x = torch.from_numpy(sampler.draw(BATCH)).to(model.device)
            out = net(x)
            loss = (out.reconstruction - x).square().mean() + CLUSTERING * divergence(out.z, centers, spread)
            optimizer.forget()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step(RATE)
    return replace(model, net=net.requires_grad_(False), info={**model.info, "refined": config.refine_steps})


def divergence(z: Tensor, centers: Tensor, spread: float) -> Tensor:
    """How far the soft assignments of `z` (B, Z, *space) are from their own sharpened version (KL divergence)."""
    points = z.movedim(1, -1).flatten(0, -2)
    reach = torch.cdist(points, centers).square() / spread
    q = 1 / (1 + reach)
    q = q / q.sum(1, keepdim=True)
    p = (q**2 / q.sum(0)).detach()
    p = p / p.sum(1, keepdim=True)
    return (p * (p.clamp_min(1e-9).log() - q.clamp_min(1e-9).log())).sum(1).mean()
