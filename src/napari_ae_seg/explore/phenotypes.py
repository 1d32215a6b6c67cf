"""Phenotypes: objects of an image with many channels, grouped by their mean intensities and their latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.autoencoder.encode import encode
from napari_ae_seg.clustering.clusters import fit_clusters
from napari_ae_seg.clustering.number import choose_k
from napari_ae_seg.config import PhenotypeConfig, SegmentationConfig
from napari_ae_seg.images.formats.table import Table
from napari_ae_seg.images.stack import Images, as_stack
from napari_ae_seg.segmenter.measures import measure
from napari_ae_seg.segmenter.objects import Objects

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.images.stack import Image

HIGH = 0.8
"""Mean scaled intensity, in standard deviations above that of all objects, from which a marker names a phenotype."""
NAMED = 3
"""Markers in a name, at most."""
DIRECTIONS = 8
"""Principal directions of the latents that are looked at."""
TAILS = (1, 99)
"""Percentiles between which an intensity is believed."""


@dataclass(frozen=True, repr=False)
class Phenotypes:
    """Groups 1..K of objects, the most frequent first, and what marks each.

    Parameters
    ----------
    labels : ndarray
        Of the image's shape without channels: the phenotype of every object.
    objects : Table
        A row per object: index, phenotype, and the mean of each marker.
    table : Table
        Phenotype x marker: index, name, count, share, and the scaled mean of each marker in deviations.
    markers : tuple of str
        The channels that were looked at.
    heat : ndarray
        (K, markers): the numbers of the table.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.repeat(np.arange(1, 9), 8)[None] * np.ones((32, 1), int)
    >>> image = np.stack([labels % 2, labels % 2 == 0]).astype(float)
    >>> ae.phenotypes(labels, ae.read(image, axes="CYX"), ae.PhenotypeConfig(n_phenotypes=2)).table["count"]
    [4, 4]
    """

    labels: np.ndarray
    objects: Table
    table: Table
    markers: tuple[str, ...]
    heat: np.ndarray

    def __repr__(self) -> str:
        return repr(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def phenotypes(
    objects: Objects | np.ndarray,
    images: Images,
    config: PhenotypeConfig | None = None,
    *,
    model: Autoencoder | None = None,
    weights: Mapping[str, float] | None = None,
) -> Phenotypes:
    """Group objects by the mean intensity of every channel, and by their latents.

    Each channel is scaled by itself: to its deviation over the objects, or to ranks. Channels are chosen by reading the
    image with `channels=...`, or by a weight of 0.

    Parameters
    ----------
    objects : Objects or ndarray
        The objects, of the image's shape without channels.
    images : Image, Stack, array, path or layer
        What they were found in.
    config : PhenotypeConfig, optional
        How many phenotypes, and how channels are scaled.
    model : Autoencoder, optional
        Its mean latents in each object count, too.
    weights : mapping of str to float, optional
        Name of a channel -> how much it counts; 1 where none is given.

    Returns
    -------
    Phenotypes
        A label image, a row per object, and the table of phenotype x marker.

    Raises
    ------
    ValueError
        If there are fewer than two objects, or a weight names no channel or is below 0.

    Examples
    --------
    >>> import numpy as np, napari_ae_seg as ae
    >>> labels = np.repeat(np.arange(1, 9), 8)[None] * np.ones((32, 1), int)
    >>> image = np.stack([labels % 2, labels % 2 == 0]).astype(float)
    >>> found = ae.phenotypes(labels, ae.read(image, axes="CYX"), ae.PhenotypeConfig(n_phenotypes=2))
    >>> sorted(found.table["name"])
    ['channel 0+', 'channel 1+']
    """
    config, image = PhenotypeConfig.of(config), as_stack(images).image
    array = np.asarray(objects if isinstance(objects, np.ndarray) else objects.labels)
    measured = measure(array, image)
    if measured.count < 2:
        raise ValueError(f"phenotypes are groups of objects; there {'is 1' if measured.count else 'are none'}")
    columns = [name for name in measured if name.startswith("mean ")]
    markers = tuple(name.removeprefix("mean ") for name in columns)
    weight = _weights(markers, weights or {})
    means = np.nan_to_num(np.stack([measured[name] for name in columns], 1).astype(float))
    scaled = _scaled(means, config.scaling)
    parts = [scaled * weight]
    if model is not None and config.latents:
        spread = float(np.sqrt(max(parts[0].var(0).sum(), 1e-12)))
        parts.append(config.latents * spread * _latents(array, image, model, measured))
    x = np.concatenate(parts, 1).astype(np.float32)
    search = SegmentationConfig(max_clusters=config.most, seed=config.seed)
    k = config.n_phenotypes or choose_k(x, search).k
    found = np.asarray(
        fit_clusters(x, search, "kmeans", min(k, len(np.unique(x, axis=0)))).assign(torch.from_numpy(x.T.copy()))
    )
    order = np.argsort(-np.bincount(found), kind="stable")
    number = np.empty(len(order), int)
    number[order] = np.arange(1, len(order) + 1)
    own = number[found]
    heat = np.stack([scaled[own == n].mean(0) for n in range(1, len(order) + 1)])
    count = np.bincount(own)[1:]
    table = {
        "index": list(range(1, len(order) + 1)),
        "name": [_name(row, markers) for row in heat],
        "count": count.tolist(),
        "share": [round(float(n) / len(own), 4) for n in count],
        **{marker: [round(float(value), 3) for value in heat[:, c]] for c, marker in enumerate(markers)},
    }
    about = {"index": measured["index"], "phenotype": own.tolist(), **{name: measured[name] for name in columns}}
    return Phenotypes(_painted(array, measured["index"], own), Table(about), Table(table), markers, heat)


def _weights(markers: tuple[str, ...], given: Mapping[str, float]) -> np.ndarray:
    unknown = [name for name in given if name not in markers]
    if unknown:
        raise ValueError(f"there is no channel {unknown[0]!r} to weigh; there are {', '.join(markers)}")
    if any(not 0 <= weight < np.inf for weight in given.values()):
        raise ValueError(f"weights are 0 or above, got {dict(given)}")
    return np.array([given.get(name, 1.0) for name in markers])


def _scaled(means: np.ndarray, how: str) -> np.ndarray:
    """Each column (n, C) by itself: within its tails, of mean 0 and deviation 1; a constant one is 0 throughout."""
    if how == "rank":
        from scipy.stats import rankdata

        means = rankdata(means, axis=0)
    low, high = np.percentile(means, TAILS, axis=0)
    inside = np.clip(means, low, high)
    deviation = inside.std(0)
    return np.asarray((inside - inside.mean(0)) / np.where(deviation > 1e-12 * (1 + np.abs(high)), deviation, np.inf))


def _latents(array: np.ndarray, image: Image, model: Autoencoder, measured: Table) -> np.ndarray:
    """(n, directions) the mean latents of every object along those in which they differ most; their variance is 1."""
    features = encode(model, image)
    index = np.asarray(measured["index"])
    samples = measured.get("sample", [0] * len(index))
    rows = {pair: row for row, pair in enumerate(zip(samples, index.tolist(), strict=True))}
    sums, count = np.zeros((len(index), features.array.shape[1])), np.zeros(len(index))
    for n, part in enumerate(image.from_source(array)):
        places = np.argwhere(part > 0)
        own = np.array([rows[n, label] for label in part[part > 0].tolist()], int)
        cells = tuple(np.minimum(places // features.stride, np.array(features.array.shape[2:]) - 1).T)
        values = features.array[n][(slice(None), *cells)]
        sums += np.stack([np.bincount(own, channel, minlength=len(index)) for channel in values], 1)
        count += np.bincount(own, minlength=len(index))
    means = _scaled(sums / np.maximum(count, 1)[:, None], "deviation")
    directions = np.linalg.svd(means, full_matrices=False)
    turned = directions[0][:, :DIRECTIONS] * directions[1][:DIRECTIONS]
    return np.asarray(turned / np.sqrt(max(turned.var(0).sum(), 1e-12)))


def _name(row: np.ndarray, markers: tuple[str, ...]) -> str:
    """The markers that a phenotype has more of than others, most first."""
    most = [c for c in np.argsort(-row, kind="stable") if row[c] >= HIGH][:NAMED]
    return " ".join(f"{markers[c]}+" for c in most) or "none in particular"


def _painted(array: np.ndarray, index: list[int], own: np.ndarray) -> np.ndarray:
    """Every object in the number of its phenotype."""
    names, flat = np.unique(array, return_inverse=True)
    known = dict(zip(index, own.tolist(), strict=True))
    return np.array([known.get(int(name), 0) for name in names], np.int32)[flat].reshape(array.shape)
