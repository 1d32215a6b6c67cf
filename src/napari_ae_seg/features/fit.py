"""What is clustered: the named spaces of features and how each is fitted on sampled blocks of an image."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ae_seg.autoencoder.maps import Maps
from napari_ae_seg.core import filters

from .factors import Moments, autocorrelated, principal
from .noise import sigma_for
from .space import EDGES, FeatureSpace, Term
from .tone import Tone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_ae_seg.config import SegmentationConfig

__all__ = ["SPACES", "FeatureSpace", "Maps", "fit_space", "grid_of"]

SMALL = 200
"""Images whose longer side has at most this many pixels are clustered pixel by pixel."""
COARSE = 1.5
"""How many times the finest pixel size an axis has from which two of its pixels are not taken together."""
PIXEL, MIXED, TEXTURE, LASTING = 1.0, 2.0, 8.0, 16.0
"""Sigmas in pixels: of the image itself (a volume's follows from its noise), of the network's part in mixed and in
texture features, and of the smoothing that tells lasting texture from chance."""
BACKGROUND = {2: 32.0, 3: 16.0}
"""Sigma in pixels of the broad background that is taken out of corrected intensities, in pictures and in volumes."""
BACKGROUND_SHARE = 0.75
"""Share of that background that is taken away: all of it would hollow out large objects."""
BLURS = (0.0, 1.0, 2.0, 4.0, 8.0)
NETWORK = (2.0, 6.0)
"""Sigmas in pixels at which strokes are learnt from the image, and from the principal channels of the network."""
PRINCIPAL, FACTORS = 12, 8
"""Directions kept of the mixed and of the texture features."""
_FEW = 4096
_DEAD = 1e-6


def grid_of(config: SegmentationConfig, shape: Sequence[int], anisotropy: Sequence[float] = (1.0,)) -> int:
    """Pixels per cell on which an image of `shape` is clustered.

    A volume whose slices lie far apart is clustered voxel by voxel: cells of two slices would mix what is far apart.

    >>> from napari_ae_seg.config import SegmentationConfig
    >>> grid_of(SegmentationConfig(), (120, 200)), grid_of(SegmentationConfig(), (512, 512))
    (1, 2)
    >>> grid_of(SegmentationConfig(), (12, 256, 256), (4.0, 1.0, 1.0))
    1
    """
    return config.stride or (1 if max(shape) <= SMALL or max(anisotropy) >= COARSE else 2)


def fit_space(
    config: SegmentationConfig, maps: Sequence[Maps], anisotropy: Sequence[float] | None = None
) -> FeatureSpace:
    """The space that `config.features` names, fitted on blocks; `anisotropy` is spacing over the finest, per axis."""
    if config.features not in SPACES:
        raise ValueError(f"there are no features {config.features!r}; there are {', '.join(SPACES)}")
    return SPACES[config.features](_Fitting(config, maps, anisotropy))


def fit_guide_space(
    config: SegmentationConfig, maps: Sequence[Maps], anisotropy: Sequence[float], own: FeatureSpace
) -> FeatureSpace:
    """What strokes are learnt from beside the clusters' `own` features: blurs, edges and what the network says."""
    fit = _Fitting(config, [block.toned(own.tone).with_edges(anisotropy) for block in maps], anisotropy, Tone((), ()))
    sources = [("raw", sigma) for sigma in BLURS] + [(EDGES, 0.0)]
    latents = maps[0].tone_weight is not None
    if latents and own.name != "latent":
        sources += [(level, 0.0) for level in fit.levels[-maps[0].codes :]]
    terms, start = [], 0
    for source, sigma in sources:
        count = len(fit.standard(source)[0])
        terms.append(fit.term(source, sigma, (start, start + count), np.eye(count), np.zeros(count)))
        start += count
    further = [] if latents else [_network_only(fit, sigma) for sigma in NETWORK] + [_texture(fit)]
    for space in further:
        terms += [replace(term, rows=(start + term.rows[0], start + term.rows[1])) for term in space.terms]
        start += space.n_features
    sentence = "The intensities, edges, and what the network says of them, at several scales."
    made = fit.space("guide", start, tuple(terms), sentence)
    return replace(made, tone=own.tone, anisotropy=tuple(anisotropy))


def pick(rows: Sequence[torch.Tensor], n: int, seed: int) -> torch.Tensor:
    """At most `n` random ones of all rows, in their order.

    >>> pick([torch.zeros(3, 2), torch.ones(4, 2)], 5, seed=0).shape
    torch.Size([5, 2])
    """
    total = sum(len(part) for part in rows)
    chosen = torch.from_numpy(np.sort(np.random.default_rng(seed).permutation(total)[:n]))
    return torch.cat(list(rows))[chosen.to(rows[0].device)].cpu()


class _Fitting:
    """The sampled blocks, and statistics of their sources."""

    def __init__(
        self,
        config: SegmentationConfig,
        maps: Sequence[Maps],
        anisotropy: Sequence[float] | None,
        tone: Tone | None = None,
    ) -> None:
        if not maps:
            raise ValueError("features are fitted on at least one block")
        self.tone = tone or Tone.fit(maps)
        self.maps = [block.toned(self.tone) for block in maps]
        self.grid = grid_of(config, np.max([block.space for block in maps], axis=0))
        self.anisotropy = tuple(anisotropy or (1.0,) * len(maps[0].space))
        self.levels = [str(i) for i in range(len(maps[0].levels))]
        self.fine = sigma_for(self.maps) if len(self.anisotropy) == 3 else PIXEL
        self._standard: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for lattice in (4, 2, 1):
            self.lattice = [max(self.grid, filters.power_of_two(lattice / a)) for a in self.anisotropy]
            if sum(math.prod(b.space) for b in maps) >= _FEW * math.prod(self.lattice):
                break

    def space(self, name: str, n_features: int, terms: tuple[Term, ...], sentence: str) -> FeatureSpace:
        return FeatureSpace(name, self.grid, n_features, self.tone, terms, sentence)

    def sigma(self, pixels: float) -> tuple[float, ...]:
        return tuple(pixels / a for a in self.anisotropy)

    def standard(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and 1 / deviation of each channel of a source (0 for a dead one); the image's share one."""
        if source not in self._standard:
            moments = None
            for block in self.maps:
                x, stride = block.source(source)
                there = block.cells(stride).flatten()
                rows = x.flatten(1).T[there].double()
                both = torch.stack([rows.sum(0), (rows**2).sum(0)]).cpu().numpy()
                part = (len(rows), both)
                moments = part if moments is None else (moments[0] + part[0], moments[1] + part[1])
            assert moments is not None
            mean, square = moments[1] / max(1, moments[0])
            variance = np.maximum(square - mean**2, 0)
            deviation = np.sqrt(np.full_like(variance, variance.mean()) if source == "raw" else variance)
            self._standard[source] = mean, np.where(deviation > _DEAD, 1 / np.maximum(deviation, _DEAD), 0.0)
        return self._standard[source]

    def term(self, source: str, sigma: float, rows: tuple[int, int], weight: np.ndarray, shift: np.ndarray) -> Term:
        """A term of weights (rows, C) on the standardised channels of `source`, less `shift` (C,)."""
        mean, scale = self.standard(source)
        matrix = weight * scale
        bias = -(matrix @ mean) - weight @ shift
        stride = self.maps[0].source(source)[1]
        return Term(
            source, stride, self.sigma(sigma), rows, torch.from_numpy(matrix).float(), torch.from_numpy(bias).float()
        )

    def sampled(self, block: Maps, source: str, sigma: float, extra: float = 0.0) -> torch.Tensor:
        """Standardised channels of `source` smoothed by `sigma` at the lattice: (C, *lattice); by `extra` on top."""
        mean, scale = (torch.from_numpy(v).float() for v in self.standard(source))
        own = block.source(source)[1]
        at = [max(self.grid, min(own, step)) for step in self.lattice]
        work = [
            max(a, min(step, filters.work_stride(s)))
            for a, step, s in zip(at, self.lattice, self.sigma(sigma), strict=True)
        ]
        x, weight = block.at(source, work)
        column = (-1, *(1,) * len(block.space))
        x = (x - mean.to(x).view(column)) * scale.to(x).view(column)
        x = filters.smooth(x, [s / w for s, w in zip(self.sigma(sigma), work, strict=True)], weight)
        if extra:
            x = filters.resample(x, work, self.lattice, block.space)
            weight = filters.coverage(block.valid, self.lattice) if block.masked else None
            return filters.smooth(x, [s / w for s, w in zip(self.sigma(extra), self.lattice, strict=True)], weight)
        steps = tuple(slice(None, None, step // w) for step, w in zip(self.lattice, work, strict=True))
        return x[(slice(None), *steps)]

    def moments(self, sources: Sequence[tuple[str, float, float]], extra: float = 0.0) -> Moments:
        """Moments over the lattice of the given (source, sigma, scale), side by side."""
        moments = Moments(sum(self.maps[0].source(name)[0].shape[0] for name, _, _ in sources))
        for block in self.maps:
            there = filters.coverage(block.valid, self.lattice).flatten() >= 0.5
            parts = [self.sampled(block, name, sigma, extra).flatten(1) * scale for name, sigma, scale in sources]
            moments.add(torch.cat(parts).T[there].cpu().numpy())
        return moments

    def balance(self, source: str, sigma: float) -> float:
        """What brings the smoothed channels of a source to a total variance of 1; 0 where there is none."""
        total = np.trace(self.moments([(source, sigma, 1.0)]).covariance)
        return float(1 / np.sqrt(total)) if total > _DEAD else 0.0


def _intensity(fit: _Fitting) -> FeatureSpace:
    channels = len(fit.standard("raw")[0])
    term = _image(fit, channels, fit.fine)
    return fit.space("intensity", channels, (term,), "The intensities, slightly smoothed.")


def _corrected(fit: _Fitting) -> FeatureSpace:
    """Intensities less most of their broad background, so that an object counts as bright if it is so for its place."""
    channels = len(fit.standard("raw")[0])
    sigma = BACKGROUND.get(len(fit.anisotropy), BACKGROUND[2])
    terms = (_image(fit, channels, fit.fine), _image(fit, channels, sigma, -BACKGROUND_SHARE))
    return fit.space("corrected", channels, terms, "The intensities, corrected for their broad background.")


def _mixed(fit: _Fitting) -> FeatureSpace:
    """Brightness and what the network says, to equal parts."""
    if fit.maps[0].tone_weight is not None:
        return _beside(fit)
    channels = len(fit.standard("raw")[0])
    sources = [(name, MIXED, fit.balance(name, MIXED)) for name in fit.levels]
    moments = fit.moments(sources)
    directions = principal(moments.covariance, PRINCIPAL)
    total = np.einsum("ij,jk,ik->", directions, moments.covariance, directions)
    directions = directions / np.sqrt(max(total, _DEAD))
    rows = (channels, channels + len(directions))
    terms = _network(fit, sources, rows, directions, moments.mean)
    terms = (_image(fit, channels, fit.fine), *terms)
    return fit.space("mixed", rows[1], terms, "The intensities and what the network says of them.")


def _network_only(fit: _Fitting, sigma: float) -> FeatureSpace:
    """The principal channels of the network's levels, smoothed by `sigma`."""
    sources = [(name, sigma, fit.balance(name, sigma)) for name in fit.levels]
    moments = fit.moments(sources)
    directions = principal(moments.covariance, PRINCIPAL)
    terms = _network(fit, sources, (0, len(directions)), directions, moments.mean)
    return fit.space("network", len(directions), terms, "What the network says.")


def _texture(fit: _Fitting) -> FeatureSpace:
    sources = [("raw", fit.fine, 2 * fit.balance("raw", fit.fine))]
    sources += [(name, TEXTURE, fit.balance(name, TEXTURE)) for name in fit.levels]
    moments = fit.moments(sources)
    factors = autocorrelated(moments.covariance, fit.moments(sources, LASTING).covariance, FACTORS)
    terms = _network(fit, sources, (0, len(factors)), factors, moments.mean)
    return fit.space("texture", len(factors), terms, "What the network says that lasts over large scales: texture.")


def _latent(fit: _Fitting) -> FeatureSpace:
    """The latents as they are, with the image itself beside them as much as the network learnt; else standardized."""
    if fit.maps[0].tone_weight is not None:
        return _weighed(fit)
    space = _plain(fit, "latent", fit.levels[-1:], "The latents of the network.")
    return replace(space, grid=space.terms[0].stride)  # distances are found where the latents are, then interpolated


def _weighed(fit: _Fitting) -> FeatureSpace:
    """Latents of the image at each size, and its slightly smoothed channels: on the scales that they were learnt on."""
    block, terms, start = fit.maps[0], [], 0
    sizes = list(zip(block.levels, block.strides, strict=True))[-block.codes :]
    for number, (level, stride) in enumerate(sizes, len(block.levels) - block.codes):
        rows = (start, start + len(level))
        terms.append(Term(str(number), stride, fit.sigma(0), rows, torch.eye(len(level)), torch.zeros(len(level))))
        start = rows[1]
    channels = len(block.raw) if block.tone_weight else 0
    if channels and block.tone_weight:
        weight = block.tone_weight / channels**0.5 * torch.eye(channels)
        terms.append(Term("raw", 1, fit.sigma(PIXEL), (start, start + channels), weight, torch.zeros(channels)))
    why = "The latents of the encoder."
    space = fit.space("latent", start + channels, tuple(terms), why)
    return replace(space, grid=sizes[-1][1], tone=Tone((), ()))


def _beside(fit: _Fitting) -> FeatureSpace:
    """The latents at each size, on the scales that they were learnt on, and corrected intensities, to equal parts."""
    scales = {name: fit.standard(name)[1] for name in fit.levels[-fit.maps[0].codes :]}
    total = sum(float((1 / scale[scale > 0] ** 2).sum()) for scale in scales.values())
    corrected = _corrected(fit)
    terms, start = list(corrected.terms), corrected.n_features
    for name, scale in scales.items():
        channels = len(scale)
        weight = np.diag(np.where(scale > 0, 1 / np.maximum(scale, _DEAD), 0.0)) / max(total, _DEAD) ** 0.5
        terms.append(fit.term(name, 0.0, (start, start + channels), weight, np.zeros(channels)))
        start += channels
    return fit.space("mixed", start, tuple(terms), "The intensities and what the network says of them.")


def _multiscale(fit: _Fitting) -> FeatureSpace:
    return _plain(fit, "multiscale", fit.levels, "All levels of the network's encoder.")


def _decoder(fit: _Fitting) -> FeatureSpace:
    return _plain(fit, "decoder", ["decoded"], "The last hidden layer of the network's decoder.")


SPACES: dict[str, Callable[[_Fitting], FeatureSpace]] = {
    "intensity": _intensity,
    "corrected": _corrected,
    "mixed": _mixed,
    "texture": _texture,
    "latent": _latent,
    "multiscale": _multiscale,
    "decoder": _decoder,
}
"""How each space of features is fitted."""


def _image(fit: _Fitting, channels: int, sigma: float, share: float = 1.0) -> Term:
    """The image smoothed by `sigma`, its channels in proportion, on a scale of total variance 1 at its finest."""
    weight = np.eye(channels) * share * fit.balance("raw", fit.fine)
    return fit.term("raw", sigma, (0, channels), weight, np.zeros(channels))


def _network(
    fit: _Fitting,
    sources: Sequence[tuple[str, float, float]],
    rows: tuple[int, int],
    directions: np.ndarray,
    mean: np.ndarray,
) -> tuple[Term, ...]:
    """One term per source for `directions` (rows, all channels) of the balanced sources, centred by `mean`."""
    terms, start = [], 0
    for name, sigma, scale in sources:
        part = slice(start, start + len(fit.standard(name)[0]))
        shift = mean[part] / scale if scale else mean[part]
        terms.append(fit.term(name, sigma, rows, directions[:, part] * scale, shift))
        start = part.stop
    return tuple(terms)


def _plain(fit: _Fitting, name: str, levels: Sequence[str], sentence: str) -> FeatureSpace:
    """Standardised channels of `levels`, each level of total variance 1."""
    terms, start = [], 0
    for level in levels:
        channels = len(fit.standard(level)[0])
        weight = np.eye(channels) / np.sqrt(channels)
        terms.append(fit.term(level, 0.0, (start, start + channels), weight, np.zeros(channels)))
        start += channels
    return fit.space(name, start, tuple(terms), sentence)
