"""What the docks hold at present, for the console and for each other."""

from __future__ import annotations

import weakref
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
    """The current model, training run, segmenter and result of the docks; None until there is one.

    Parameters
    ----------
    model : Autoencoder, optional
        The model trained or opened last.
    fit : Fit, optional
        The training run of the Train autoencoder dock.
    segmenter : Segmenter, optional
        The segmenter behind the labels shown last.
    segments : Segments, optional
        The labels shown last, with their table.
    classified : Classified, optional
        The classes of the Classify dock, and the classifier that found them.
    trained : optional
        The model that was trained last, as the docks list it.
    models : list, optional
        All that were trained or saved since napari was started, newest first, as the docks list them.
    numbered : set of napari layers, optional
        Labels layers whose objects somebody referred to by number: these are never numbered anew.
    clustered : set of napari layers, optional
        Labels layers that hold clusters or strokes: what has a number there is no object.
    layer : napari layer, optional
        The layer that shows the labels.
    layers : dict of napari layers, optional
        Of several images segmented together: the number of each -> the layer that shows its labels.
    result : optional
        All of what the Segment dock shows: images, features, segmenter and labels.
    edit : callable, optional
        Changes the segmenter as one step to undo: edit(method, *arguments).

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> ae.current().segmenter is None  # until the Segment dock has run
    True
    """

    model: Autoencoder | None = None
    fit: Fit | None = None
    segmenter: Segmenter | None = None
    segments: Segments | None = None
    classified: Classified | None = None
    trained: Any = field(default=None, repr=False)
    models: list[Any] = field(default_factory=list, repr=False)
    numbered: Any = field(default_factory=weakref.WeakSet, repr=False)
    clustered: Any = field(default_factory=weakref.WeakSet, repr=False)
    layer: Any = field(default=None, repr=False)
    layers: dict[int, Any] = field(default_factory=dict, repr=False)
    result: Any = field(default=None, repr=False)
    edit: Any = field(default=None, repr=False)

    changed = Signal(str)

    def hold(self, model: Any) -> None:
        """Offer a model in every dock; it takes the place of one of the same name.

        Parameters
        ----------
        model
            A model as the docks list it: anything with a name.

        Examples
        --------
        >>> import types
        >>> import napari_ae_seg as ae
        >>> session = ae.Session()
        >>> session.hold(types.SimpleNamespace(name="nuclei"))
        >>> [model.name for model in session.models]
        ['nuclei']
        """
        self.update(models=[model, *(kept for kept in self.models if kept.name != model.name)])

    def update(self, **values: Any) -> None:
        """Set values and tell those who listen.

        Parameters
        ----------
        **values
            New values of the fields above, by name.

        Examples
        --------
        >>> import napari_ae_seg as ae
        >>> session = ae.Session()
        >>> told = session.changed.connect(lambda name: print(name, "changed"))
        >>> session.update(layer="nuclei segments")
        layer changed
        """
        for name, value in values.items():
            setattr(self, name, value)
        for name in values:
            self.changed.emit(name)


def current() -> Session:
    """What the docks hold at present.

    Returns
    -------
    Session
        `current().segmenter`, `current().segments`, `current().model` ...

    Examples
    --------
    >>> import napari_ae_seg as ae
    >>> ae.current() is ae.current()
    True
    """
    return _SESSION


_SESSION = Session()
