"""A lasso on a million latents: from its last corner to the highlighted pixels, and from pixels to the plane."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import best
from napari_ae_seg.explore.plane import Plane, binned, principal, tally

SIDE = 1024
LATENTS = 16
AIM = 0.1


def main() -> None:
    """Prints seconds of each step, the best of five."""
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 5, (1, SIDE, SIDE))
    z = rng.normal(size=(5, LATENTS))[kind] + 0.3 * rng.normal(size=(1, SIDE, SIDE, LATENTS))
    flat = z.reshape(-1, LATENTS).astype(np.float32)

    def plane() -> Plane:
        bins = binned(principal(flat)(flat).reshape(1, SIDE, SIDE, 2))
        return Plane(bins, tally(bins), "")

    made = plane()
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    lasso = np.stack([256 + 220 * np.cos(angle), 200 + 150 * np.sin(angle) + 20 * np.sin(9 * angle)], 1).tolist()
    overlay = np.zeros((SIDE, SIDE), np.uint8)
    chosen = made.inside(lasso)
    colours = np.eye(5)[:, :3][kind]
    lit = best(lambda: np.copyto(overlay, made.inside(lasso)[0]))
    print(f"{flat.shape[0]:,} latents of {LATENTS} numbers, {chosen.mean():.0%} of them in the lasso")
    print(f"lasso to highlighted pixels   {1000 * lit:6.1f} ms (aim {1000 * AIM:.0f})")
    print(f"pixels to places on the plane {1000 * best(lambda: made.light(made.places(chosen))):6.1f} ms")
    print(f"plane coloured by cluster     {1000 * best(lambda: made.picture(colours)):6.1f} ms")
    print(f"plane laid out                {1000 * best(plane, times=2):6.1f} ms")


if __name__ == "__main__":
    main()
