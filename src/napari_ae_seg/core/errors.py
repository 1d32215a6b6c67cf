"""The package's own exception types; everything else it raises is a built-in one."""


class AeSegError(Exception):
    """Base of the package's own exceptions: its text is one sentence a person can act on."""


class ModelFileError(AeSegError):
    """A model file is damaged, foreign, or newer than this version can read."""


class ImageReadError(AeSegError):
    """An image cannot be read: its text says why, and what would work."""


class DestinationError(AeSegError):
    """A result cannot be written where it should go: its text says why, and what would work."""


class JobError(AeSegError):
    """A long job cannot go on where it stopped: its text says why, and what would work."""


class MissingExtraError(AeSegError):
    """A file or option needs an optional dependency; its text names the extra to install."""


class OutOfMemoryError(AeSegError):
    """Memory ran out at the smallest batch or tile on the last device."""


class DriftWarning(UserWarning):
    """A new image looks unlike what the model was trained on."""


class AssumptionWarning(UserWarning):
    """Something was assumed about the data, or given up, that the person may want to know."""
