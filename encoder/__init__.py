"""The second encoder: generated scenes with known classes, and the training on them. Not in the wheel."""
