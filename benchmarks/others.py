"""What people use today, on one image each: of scikit-image and scikit-learn, and two papers' methods, written anew.

All get the number of classes, and nothing else of the truth but, where it says so, the same strokes as ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from .methods import Labels, _channels, _strokes, raw_kmeans
from .sets import VOLUMES, Case

SIDE = 128
"""Longest side of the pictures that networks learn anew, in pixels; labels are brought back to the full size."""
STEPS = 100
WIDTH = 64


def basic_kmeans(case: Case) -> Labels:
    """k-means on scikit-image's basic features at several scales, each of deviation 1."""
    features = _standard(_basic(_channels(case.image())))
    return _kmeans(features.reshape(-1, features.shape[-1]), case.k).reshape(features.shape[:-1]), {}


def felzenszwalb_kmeans(case: Case) -> Labels:
    """Felzenszwalb's regions, grouped by k-means of their mean color."""
    from skimage.segmentation import felzenszwalb

    image = _channels(case.image())
    return _grouped(image, felzenszwalb(image, scale=100, sigma=0.8, min_size=20, channel_axis=-1), case.k), {}


def slic_kmeans(case: Case) -> Labels:
    """SLIC superpixels of some hundred pixels, grouped by k-means of their mean color."""
    from skimage.segmentation import slic

    image = _channels(case.image())
    count = max(100, image[..., 0].size // 150)
    return _grouped(image, slic(image, n_segments=count, compactness=0.1, channel_axis=-1, start_label=0), case.k), {}


def kim(case: Case) -> Labels:
    """Differentiable feature clustering, per image: Kim, Kanezaki and Tanaka 2020, without scribbles.

    A small convolutional network labels each pixel by its largest response and learns that label, while neighbors are
    to respond alike; clusters die out until as many are left as asked for.
    """
    image = _small(case)
    torch.manual_seed(0)
    net = nn.Sequential(
        *_layer(image.shape[1], WIDTH, 3), *_layer(WIDTH, WIDTH, 3), nn.Conv2d(WIDTH, WIDTH, 1), nn.BatchNorm2d(WIDTH)
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    labels = torch.zeros(0)
    for _ in range(STEPS):
        response = net(image)
        labels = response.argmax(1)
        if len(labels.unique()) <= case.k:
            break
        rough = (response.diff(dim=2).abs().mean() + response.diff(dim=3).abs().mean()) * 5
        optimizer.zero_grad()
        (functional.cross_entropy(response, labels) + rough).backward()
        optimizer.step()
    return _full(labels[0].numpy(), case), {}


def cuts(case: Case) -> Labels:
    """A patch autoencoder with a contrastive loss, per image, in the manner of CUTS (Liu and others 2022), and k-means.

    The embedding of a pixel is to redraw the patch around it, and to be nearer to that of a place beside it that looks
    alike than to those of other places.
    """
    image = _small(case)
    torch.manual_seed(0)
    patch, channels = 5, image.shape[1]
    encoder = nn.Sequential(*_layer(channels, 16, 3), *_layer(16, 32, 3), nn.Conv2d(32, WIDTH, 3, padding=1))
    decoder = nn.Linear(WIDTH, channels * patch**2)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], lr=3e-3)
    patches = functional.unfold(image, patch, padding=patch // 2)[0].T  # (pixels, channels * patch ** 2)
    height, width = image.shape[2:]
    for _ in range(STEPS):
        z = encoder(image)[0].flatten(1).T  # (pixels, WIDTH)
        y, x = torch.randint(height, (256,)), torch.randint(width, (256,))
        near = torch.randint(-4, 5, (8, 2, 256))
        places = (y + near[:, 0]).clamp(0, height - 1) * width + (x + near[:, 1]).clamp(0, width - 1)
        anchor = y * width + x
        unlike = (patches[places] - patches[anchor]).square().mean(-1)  # (8, 256)
        positive = places.gather(0, unlike.argmin(0)[None])[0]
        one, other = functional.normalize(z[anchor], dim=1), functional.normalize(z[positive], dim=1)
        contrast = functional.cross_entropy(one @ other.T / 0.5, torch.arange(256))
        redrawn = functional.mse_loss(decoder(z[anchor]), patches[anchor])
        optimizer.zero_grad()
        (redrawn + 0.1 * contrast).backward()
        optimizer.step()
    with torch.no_grad():
        z = encoder(image)[0].flatten(1).T.numpy()
    return _full(_kmeans(z, case.k).reshape(height, width), case), {}


def filters_forest(case: Case) -> Labels:
    """The same strokes as ours on the classical filters of pixel classification at several scales, and a random forest.

    Gaussian, Laplacian, gradient, and the eigenvalues of the Hessian and of the structure tensor.
    """
    from sklearn.ensemble import RandomForestClassifier

    image, strokes = _channels(case.image()), _strokes(case)
    features = np.stack([one for c in range(image.shape[-1]) for one in _filters(image[..., c])], -1)
    learnt = RandomForestClassifier(100, random_state=0, n_jobs=1).fit(features[strokes > 0], strokes[strokes > 0])
    return learnt.predict(features.reshape(-1, features.shape[-1])).reshape(strokes.shape), {}


OTHERS: dict[str, Callable[[Case], Labels]] = {
    "km_raw": raw_kmeans(0),
    "km_raw_g2": raw_kmeans(2),
    "basic_kmeans": basic_kmeans,
    "felzenszwalb_kmeans": felzenszwalb_kmeans,
    "slic_kmeans": slic_kmeans,
    "kim": kim,
    "cuts": cuts,
    "filters_forest": filters_forest,
}
FLAT_ONLY = ("felzenszwalb_kmeans", "kim", "cuts")
"""Made for pictures: not tried on volumes."""


def possible(method: str, case: Case) -> bool:
    """Whether a method is for images like this one."""
    return method not in FLAT_ONLY or case.set not in VOLUMES


def _basic(image: np.ndarray) -> np.ndarray:
    from skimage.feature import multiscale_basic_features

    return np.asarray(multiscale_basic_features(image, channel_axis=-1))


def _filters(x: np.ndarray) -> list[np.ndarray]:
    from skimage.feature import hessian_matrix, hessian_matrix_eigvals, structure_tensor, structure_tensor_eigenvalues

    found = []
    for sigma in (0.7, 1.0, 1.6, 3.5, 5.0, 10.0):
        smooth = ndimage.gaussian_filter(x, sigma)
        found += [smooth, ndimage.gaussian_laplace(x, sigma), ndimage.gaussian_gradient_magnitude(x, sigma)]
        found += [*hessian_matrix_eigvals(hessian_matrix(x, sigma, use_gaussian_derivatives=False))]
        found += [*structure_tensor_eigenvalues(structure_tensor(smooth, sigma))]
    return found


def _standard(features: np.ndarray) -> np.ndarray:
    flat = features.reshape(-1, features.shape[-1])
    return np.asarray((features - flat.mean(0)) / np.maximum(flat.std(0), 1e-6))


def _kmeans(x: np.ndarray, k: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    sample = np.random.default_rng(0).permutation(len(x))[:50_000]
    return np.asarray(KMeans(k, n_init=5, random_state=0).fit(x[sample]).predict(x))


def _grouped(image: np.ndarray, regions: np.ndarray, k: int) -> np.ndarray:
    index = np.arange(regions.max() + 1)
    means = np.stack([ndimage.mean(image[..., c], regions, index) for c in range(image.shape[-1])], -1)
    sizes = np.bincount(regions.ravel(), minlength=len(index))
    return _kmeans_weighted(np.nan_to_num(means), sizes, k)[regions]


def _kmeans_weighted(x: np.ndarray, weight: np.ndarray, k: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(min(k, len(x)), n_init=5, random_state=0).fit(x, sample_weight=weight).labels_)


def _small(case: Case) -> Tensor:
    image = torch.from_numpy(_channels(case.image())).float().permute(2, 0, 1)[None]
    scale = SIDE / max(image.shape[2:])
    small = functional.interpolate(image, scale_factor=scale, mode="area") if scale < 1 else image
    return (small - small.mean((2, 3), keepdim=True)) / small.std().clamp_min(1e-6)


def _full(labels: np.ndarray, case: Case) -> np.ndarray:
    height, width = case.image().shape[:2]
    rows = np.minimum((np.arange(height) * labels.shape[0]) // height, labels.shape[0] - 1)
    columns = np.minimum((np.arange(width) * labels.shape[1]) // width, labels.shape[1] - 1)
    return np.asarray(labels[rows][:, columns])


def _layer(channels: int, width: int, side: int) -> list[Any]:
    return [nn.Conv2d(channels, width, side, padding=side // 2), nn.ReLU(), nn.BatchNorm2d(width)]
