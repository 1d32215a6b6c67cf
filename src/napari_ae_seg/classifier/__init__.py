"""Classifying: a few objects, images or slices with a class teach a classifier to recognise the others."""

from .classified import Classified
from .classifier import Classifier, blocks_of, classify, plain
from .items import Items, measured

__all__ = ["Classified", "Classifier", "Items", "blocks_of", "classify", "measured", "plain"]
