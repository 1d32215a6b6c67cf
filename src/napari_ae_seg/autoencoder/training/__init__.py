"""Training: an autoencoder learns from images, step by step, and may be paused, saved and taken up again."""

from .costs import Estimate, estimate
from .finish import collapsed
from .fit import Fit, Step, train
from .start import begun_from

__all__ = ["Estimate", "Fit", "Step", "begun_from", "collapsed", "estimate", "train"]
