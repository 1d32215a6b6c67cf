"""Fitting: model, features and clusters for a stack, fitted once on a sample of it and frozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch

from napari_ae_seg.autoencoder.encode import encode_array
from napari_ae_seg.autoencoder.model import Autoencoder, has_shipped
from napari_ae_seg.autoencoder.training import train
from napari_ae_seg.clustering.clusters import Clusters, fit_clusters, matched, reorder
from napari_ae_seg.clustering.number import choose_k
from napari_ae_seg.config import SegmentationConfig, TrainingConfig
from napari_ae_seg.core.progress import Progress, Report
from napari_ae_seg.core.state import stored
from napari_ae_seg.features.fit import fit_space
from napari_ae_seg.features.select import METHODS, choose_space
from napari_ae_seg.features.surround import dark_surround
from napari_ae_seg.images.normalize import Normalizer
from napari_ae_seg.images.sample import Block, sample_blocks
from napari_ae_seg.images.stack import Stack

from .joint import refine
from .small_clusters import Patch

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.maps import Maps
    from napari_ae_seg.features.space import FeatureSpace
    from napari_ae_seg.images.stack import Image

BUDGET = 2_000_000
"""Pixels whose maps are held at once while fitting."""
DEFERRING = ("auto", "joint")
"""Methods that leave open how places become clusters: joint refinement tunes the encoder, then does as usual."""
TRIOS, BESIDE = 1500, 2
"""Places looked at with their neighbors, and how many cells away those are."""
CANVAS = 300_000
"""Cells of features that are kept to see what smoothing leaves of each cluster."""


UNTOUCHED = "Joint fine-tuning had nothing to do: these features do not use the encoder."
REGIONS = "Whole regions are merged by what they look like and by the edges between them."


@dataclass(frozen=True)
class FittedFeatures:
    """The features in which the places of a stack are clustered."""

    model: Autoencoder
    maps: list[Maps]
    """Of the blocks on which everything is fitted."""
    space: FeatureSpace
    method: str
    sentence: str
    """What was chosen, and why."""


@stored("sample")
@dataclass(frozen=True)
class FittingSample:
    """The sampled places that clusters are fitted on."""

    x: Annotated[np.ndarray, "float32 n F"]
    """(n, F) features."""
    intensity: Annotated[np.ndarray, "float32 n"]
    """(n,) mean of the normalised channels."""
    trios: Annotated[np.ndarray, "float32 m 3 F"]
    """(m, 3, F) features of further places, each with those of the places on its two sides."""


def largest(stack: Stack) -> tuple[int, ...]:
    """Longest side of any image of `stack` along each spatial axis."""
    return tuple(max(sides) for sides in zip(*(image.shape[2:] for image in stack.images), strict=True))


def fit_normalizer(model: Autoencoder, image: Image, config: SegmentationConfig) -> Normalizer:
    """The model's normaliser, or one with the range of brightness of `image` if `config.normalize` is "image"."""
    if config.normalize == "model":
        return model.normalizer
    fitted = Normalizer.fit(fitting_blocks(Stack((image,)), config))
    return replace(model.normalizer, low=fitted.low, high=fitted.high, mean=fitted.mean, deviation=fitted.deviation)


def fitting_blocks(stack: Stack, config: SegmentationConfig) -> list[Block]:
    """The blocks of `stack` that everything is fitted on: all of a small one, a sample of a large one."""
    return sample_blocks(stack, budget=BUDGET * stack.channels, seed=config.seed)


def fitting_maps(model: Autoencoder, stack: Stack, config: SegmentationConfig, grid: int, report: Report) -> list[Maps]:
    """Maps of the blocks on which everything is fitted; places outside the region of interest are not valid."""
    blocks = fitting_blocks(stack, config)
    normalizers = {n: fit_normalizer(model, stack.images[n], config) for n in {block.image for block in blocks}}
    maps = []
    for done, block in enumerate(blocks):
        report(Progress("encode", done, len(blocks), "sample"))
        one = encode_array(
            model, block.data, grid, decoder=config.features == "decoder", normalizer=normalizers[block.image]
        )
        inside = torch.from_numpy(block.valid & ~_surround(model, stack, block, config)).to(one.valid.device)
        maps.append(replace(one, valid=one.valid & inside))
    if not any(bool(one.valid.any()) for one in maps):
        raise ValueError("the image has no finite pixel to learn from (inside the region of interest, if one is given)")
    return maps


def sample_places(
    maps: Sequence[Maps], space: FeatureSpace, count: int, seed: int
) -> tuple[FittingSample, list[Patch]]:
    """At most `count` valid places of `maps`, spread evenly over the blocks by their size; and blocks of features.

    Places are drawn evenly from all values of the first features, in their order: an image that is flipped or turned
    gives the same sample, and so the same clusters.
    """
    rng = np.random.default_rng(seed)
    valid = [_cells(one.valid, space.grid).cpu().numpy().ravel() for one in maps]
    total = sum(int(v.sum()) for v in valid)
    x, intensity, trios = [], [], []
    canvas: list[Patch] = []
    for one, cells in zip(maps, valid, strict=True):
        places = np.flatnonzero(cells)
        share = min(len(places), -(-count * len(places) // total))
        block = space.transform(one)
        features = block.flatten(1)
        places = places[_spread(features[:2, torch.from_numpy(places).to(features.device)].cpu().numpy(), share, rng)]
        index = torch.from_numpy(places)
        if not canvas or sum(there.size for there in valid[: len(canvas) + 1]) <= CANVAS:
            there = torch.from_numpy(cells.reshape(block.shape[1:]))
            canvas.append(Patch(block.cpu(), there, one.raw.mean(0).cpu()))
        x.append(features[:, index.to(features.device)].T.cpu().numpy())
        trios.append(_trios(block, places[:: -(-len(places) // max(1, TRIOS * len(places) // total))], rng))
        size = tuple(-(-s // space.grid) for s in one.raw.shape[1:])
        where = np.stack(np.unravel_index(places, size)) * space.grid
        intensity.append(_at(one.raw, where).mean(1))
    parts = (np.concatenate(part) for part in (x, intensity, trios))
    return FittingSample(*parts), canvas


def _trios(block: torch.Tensor, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(m, 3, F) features of the cells `places` of `block` (F, *grid) and of those before and behind along some axis."""
    size = block.shape[1:]
    where = np.stack(np.unravel_index(places, size), 1)
    axis = rng.integers(len(size), size=len(places))
    step = np.eye(len(size), dtype=int)[axis] * BESIDE
    sides = (where, where - step, where + step)
    inside = [np.ravel_multi_index(tuple(np.clip(side, 0, np.array(size) - 1).T), size) for side in sides]
    flat = block.flatten(1).T
    return np.stack([flat[torch.from_numpy(index).to(flat.device)].cpu().numpy() for index in inside], 1)


def _spread(features: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The numbers of `count` of n places with `features` (F, n): one at random from each part of their range.

    >>> _spread(np.array([[5.0, 1.0, 4.0, 0.0]]), 2, np.random.default_rng(0)).tolist()
    [1, 2]
    """
    edges = np.linspace(0, features.shape[1], count + 1).astype(int)
    drawn = edges[:-1] + (rng.random(count) * np.diff(edges)).astype(int)
    return np.asarray(np.lexsort(features[::-1])[drawn])


def shipped_for(stack: Stack, config: SegmentationConfig) -> Autoencoder:
    """The encoder that comes with the package, fitted to the brightness and channels of `stack`."""
    blocks = fitting_blocks(stack, config)
    shipped = Autoencoder.shipped(stack.ndim, blocks)
    return replace(shipped, spacing=stack.spacing, units=stack.images[0].units, axes=stack.images[0].axes)


def default_model(stack: Stack, config: SegmentationConfig, report: Report) -> Autoencoder:
    """The shipped encoder where there is one for images of so many axes, else one trained on `stack`."""
    if has_shipped(stack.ndim):
        return shipped_for(stack, config)
    training = TrainingConfig(seed=config.seed, device=config.device, threads=config.threads)
    return train(stack, training, report=report)


def fit_features(
    model: Autoencoder,
    stack: Stack,
    config: SegmentationConfig,
    grid: int,
    anisotropy: tuple[float, ...],
    report: Report,
) -> FittedFeatures:
    """The features that `stack` calls for, through `model`, or one fine-tuned if the method and the features ask it."""
    placed = config.but(stride=grid)
    maps = fitting_maps(model, stack, config, grid, report)
    report(Progress("cluster", 0, 1))
    space, method, why = choose(placed, maps, anisotropy, own=model.tuned)
    if config.method != "joint":
        return FittedFeatures(model, maps, space, method, why)
    if space.sources == {"raw"}:
        return FittedFeatures(model, maps, space, method, f"{why} {UNTOUCHED}")
    model = refine(model, fitting_blocks(stack, config), config, report)
    maps = fitting_maps(model, stack, config, grid, report)
    space = fit_space(placed.but(features=space.name), maps, anisotropy)
    return FittedFeatures(
        model, maps, space, method, f"{why} The encoder was fine-tuned for it in {config.refine_steps} steps."
    )


def choose(
    config: SegmentationConfig, maps: list[Maps], anisotropy: tuple[float, ...], own: bool = False
) -> tuple[FeatureSpace, str, str]:
    """The space of features, the method, and why: what the person asked for, else what the image calls for.

    What a person trained (`own`) is used.
    """
    if config.features != "auto":
        space = fit_space(config, maps, anisotropy)
        return space, method_of(config.method, space.name), space.sentence
    if config.method in OWN_FEATURES:
        fit_own, why = OWN_FEATURES[config.method]
        return fit_own(config, maps, anisotropy), config.method, why
    space, method, choice = choose_space(config, maps, anisotropy, config.seed, own)
    return space, method if config.method in DEFERRING else config.method, choice.sentence


def _region_space(config: SegmentationConfig, maps: list[Maps], anisotropy: tuple[float, ...]) -> FeatureSpace:
    """Texture if it tells so many regions apart, else texture and intensity: the number of regions is told by edges."""
    if config.n_clusters:
        space, _, choice = choose_space(config, maps, anisotropy, config.seed)
        if choice.features == "texture":
            return space
    return fit_space(config.but(features="mixed"), maps, anisotropy)


OWN_FEATURES: dict[str, tuple[Callable[..., FeatureSpace], str]] = {"regions": (_region_space, REGIONS)}
"""Methods that choose their features for themselves, and what they say about it."""
NUMBERED_BY = {"regions": "kmeans"}
"""Methods that do not cluster places, with the one whose clusters number what they find."""


def method_of(asked: str, features: str) -> str:
    """The method that is meant where the features are known.

    >>> method_of("auto", "texture"), method_of("joint", "latent"), method_of("gmm", "texture")
    ('spherical', 'tied', 'gmm')
    """
    if asked not in DEFERRING:
        return asked
    return METHODS.get(features, "kmeans")


def cluster(
    sample: FittingSample, config: SegmentationConfig, method: str, previous: Clusters | None
) -> tuple[Clusters, str]:
    """Clusters of the sample, numbered by brightness or like the `previous` ones, and a sentence on their number."""
    k, curve, why = config.n_clusters, {}, ""
    if not k:
        choice = choose_k(sample.x, config, method, sample.trios)
        k, curve, why = choice.k, choice.curve, choice.sentence
    clusters = replace(fit_clusters(sample.x, config, NUMBERED_BY.get(method, method), k), curve=curve)
    why = " ".join(part for part in (why, clusters.note) if part)
    if previous is not None and previous.sample.shape[1] == clusters.sample.shape[1]:
        return matched(clusters, previous), why
    labels = np.asarray(clusters.assign(torch.from_numpy(sample.x.T)))
    sums = np.bincount(labels, weights=sample.intensity, minlength=clusters.k)
    return reorder(clusters, sums / np.maximum(np.bincount(labels, minlength=clusters.k), 1)), why


def _surround(model: Autoencoder, stack: Stack, block: Block, config: SegmentationConfig) -> np.ndarray:
    """Where a whole colour image shows nothing but its dark surround: bool (*space)."""
    whole = block.valid.shape == stack.images[block.image].shape[2:]
    if not (config.surround and whole and len(block.data) == 3):
        return np.zeros(block.valid.shape, bool)
    return dark_surround(model.normalizer.unit(block.data))


def _cells(valid: torch.Tensor, grid: int) -> torch.Tensor:
    """Which cells of the grid hold data: those whose first pixel does."""
    return valid[tuple(slice(None, None, grid) for _ in valid.shape)]


def _at(maps: torch.Tensor, where: np.ndarray) -> np.ndarray:
    """Values (n, C) of `maps` (C, *space) at the cells `where` (ndim, n)."""
    flat = torch.from_numpy(np.ravel_multi_index(tuple(where), tuple(maps.shape[1:]))).to(maps.device)
    return np.asarray(maps.flatten(1)[:, flat].T.cpu())
