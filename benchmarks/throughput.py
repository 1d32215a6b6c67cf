"""Training beside the machine's own matrix product; encoding and assigning beside the bare network."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.encode import TILE, pad_to
from napari_ae_seg.clustering.clusters import Clusters
from napari_ae_seg.core.progress import silent
from napari_ae_seg.images.tiles import tiles
from napari_ae_seg.segmenter.label import FeatureReader

from .cost import flops
from .timing import best


def main() -> None:
    """Prints the ratios, all measured with two threads in this run."""
    torch.set_num_threads(2)
    rate = matmul_rate()
    print(f"matrix product, fp32, 2 threads: {rate / 1e9:.0f} GFLOP/s")
    for title, width, aim in (("default network", 8, 0.45), ("four times as wide", 32, 0.60)):
        share = training_rate(width) / rate
        print(f"training, {title}: {share:.2f} of it (aim {aim:.2f})")
    encode_and_assign()


def matmul_rate() -> float:
    """Floating point operations a second of a large fp32 matrix product."""
    a, b = torch.rand(1536, 1536), torch.rand(1536, 1536)
    return 2 * 1536**3 / best(lambda: a @ b, times=8)


def training_rate(width: int) -> float:
    """The same of a training step, forwards and backwards."""
    image = np.random.default_rng(0).random((512, 512), dtype=np.float32)
    config = ae.TrainingConfig(steps=10_000, threads=2, precision="fp32", validation=0, warmup=0)
    fit = ae.Fit.on(ae.read(image), config, ae.NetworkConfig(width=width))
    steps = iter(fit)
    net = fit.learner.net
    work = flops(net, (config.batch, net.channels, 64, 64), training=True)
    return work / best(lambda: [next(steps) for _ in range(5)], times=6, warm=2) * 5


def encode_and_assign() -> None:
    """Ratios of encode + assign, for latents and for the full default, to the bare network on the same tiles."""
    image = np.random.default_rng(0).random((1024, 1024), dtype=np.float32)
    stack = ae.read(image)
    model = ae.train(stack, ae.TrainingConfig(steps=2, threads=2))
    net, x = model.net, pad_to(torch.from_numpy(model.normalizer.apply(image[None])), model.net.align)
    parts = [x[(slice(None), *t.outer)][None] for t in tiles(x.shape[1:], TILE[2], net.halo, net.align)]

    def bare() -> None:
        with torch.inference_mode():
            for part in parts:
                net.encode(part.contiguous(memory_format=net.memory_format))

    alone = best(bare)
    for features in ("latent", "auto"):
        config = ae.SegmentationConfig(n_clusters=5, features=features, threads=2)
        one = ae.Segmenter.fit(model, stack, config)
        reader = FeatureReader(model, model.normalizer, one.space, one.grid)

        def assign(reader: FeatureReader = reader, clusters: Clusters = one.clusters) -> None:
            for _, maps in reader.encoded(stack.image, 0, silent):
                clusters.scores(reader.space.transform(maps)).max(0)

        name = "features=latent" if features == "latent" else f"the default ({one.space.name})"
        aim = " (aim 1.15)" if features == "latent" else ""
        print(f"encode + assign, {name}: {best(assign) / alone:.2f} of the bare network{aim}")
        if features == "auto":
            print(f"  and with smoothing, borders and table: {best(partial(one.apply, stack)) / alone:.2f}")
