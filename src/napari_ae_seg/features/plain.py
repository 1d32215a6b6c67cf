"""Which features an image calls for where the network learnt no weight for brightness beside its latents.

Where clusters of intensity form regions, intensity says it all, and learned features add only noise; what remains to
be told is whether its broad background is in the way or is what the image shows. Where they fall into pieces, something
else makes the regions: texture, if texture falls into clearer groups than intensity does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TORN = 0.4
"""Fragmentation above which groups of intensity do not speak of regions."""
STRUCTURED = 0.1
"""Gap above which texture is considered."""
GROUPED, TOLERATED = 0.3, 0.1
"""Gap below which intensities have no clear groups to lose, and the loss of gap up to which they are corrected all the
same: uneven light and haze are the rule, and evening hurts little."""


@dataclass(frozen=True)
class Branch:
    """How well one space of features falls into groups."""

    gap: float
    """ln of the variance that k-means leaves in Gaussian draws of the same covariance, over what it leaves here."""
    explained: float
    """Share of the variance that the groups explain."""
    fragmentation: float
    """Share of neighbours with different labels, over that of labels strewn at random."""
    variance: float
    """Sum of the features' variances: of texture, how many directions last over large scales."""


def decided(judged: Callable[[str], Branch]) -> tuple[str, str, str]:
    """The features that are called for, the method for them, and why; `judged` says how a space falls into groups."""
    intensity = judged("intensity")
    if intensity.fragmentation <= TORN:
        corrected = judged("corrected")
        if intensity.gap < GROUPED or corrected.gap > intensity.gap - TOLERATED:
            return "corrected", "kmeans", "Brightness less its broad background was clustered: it forms regions."
        return "intensity", "kmeans", "Brightness was clustered: it forms regions, clearer than without its background."
    if judged("texture").gap > max(STRUCTURED, intensity.gap):
        return "texture", "spherical", "Texture was clustered: groups of brightness are torn, texture forms regions."
    return (
        "corrected",
        "gmm",
        "Brightness was clustered by a Gaussian mixture: it forms no clear regions, nor does texture.",
    )
