"""Segment microscopy and medical images without labels: train an autoencoder, cluster its latents, edit the result.

Importing this package loads nothing heavy; the names below are imported when first used.
"""

import os

import lazy_loader

# Idle OpenMP threads that spin make torch several times slower on a busy machine; it reads this when it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
