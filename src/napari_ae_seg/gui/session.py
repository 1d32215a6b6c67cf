"""What the docks hold at present, for the console and for each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.autoencoder.training import Fit
    from napari_ae_seg.classifier import Classified
    from napari_ae_seg.segmenter.segmenter import Segmenter
    from napari_ae_seg.segmenter.segments import Segments


@dataclass
class Session:
    """The current model, training run, segmenter and result of the docks; None until there is one."""

    model: Autoencoder | None = None
    """The model trained or opened last."""
    fit: Fit | None = None
    """The training run of the Train autoencoder dock."""
    segmenter: Segmenter | None = None
    """The segmenter behind the labels shown last."""
    segments: Segments | None = None
    """The labels shown last, with their table."""
    classified: Classified | None = None
    """The classes of the Classify dock, and the classifier that found them."""
    trained: Any = field(default=None, repr=False)
    """The model that the Train autoencoder dock made last, as the docks list it."""
    layer: Any = field(default=None, repr=False)
    """The napari layer that shows them."""
    result: Any = field(default=None, repr=False)
    """All of what the Segment dock shows: images, features, segmenter and labels."""
    edit: Any = field(default=None, repr=False)
    """Changes the segmenter as one step to undo: edit(method, *arguments)."""

    changed = Signal(str)

    def update(self, **values: Any) -> None:
        """Set `values` and tell those who listen.

        >>> session = Session()
        >>> told = session.changed.connect(lambda name: print(name, "changed"))
        >>> session.update(layer="nuclei segments")
        layer changed
        """
        for name, value in values.items():
            setattr(self, name, value)
        for name in values:
            self.changed.emit(name)


def current() -> Session:
    """What the docks hold at present: `current().segmenter`, `current().segments`, `current().model`."""
    return _SESSION


_SESSION = Session()
