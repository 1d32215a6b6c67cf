"""The Explore latents dock: the latents of the segmented image on a plane, and what its clusters are made of."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_ae_seg.gui.parts.controls import Combo, tooltip
from napari_ae_seg.gui.parts.forms import beside, column, fold, row_of, scrolling, sentence
from napari_ae_seg.gui.parts.layers import heed, unwrapped
from napari_ae_seg.gui.parts.runner import Dock, Runner
from napari_ae_seg.gui.session import current

from . import looking
from .phenotyping import Phenotyping
from .planeview import PlaneView
from .selection import Selection
from .strips import Numbers, Strip, Units

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_ae_seg.explore.exploration import Exploration
    from napari_ae_seg.gui.parts.results import Result

    from .looking import Look, Wish

NOTHING = "Segment an image first, in the Segment dock: its latents and clusters are shown here."
HEIGHT = 320
"""Least height of the dock: the plane can be seen."""
NO_SELECTION = "Nothing is selected: draw a lasso on the plane, or paint in the selection layer."


class ExploreWidget(Dock):
    """See the latents of an image on a plane, light up what is alike, and make clusters of it."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._viewer = unwrapped(napari_viewer)
        self.look: Look | None = None
        self._bins: np.ndarray | None = None
        self._asked: tuple[np.ndarray, int] | None = None
        self._refused: Wish | None = None
        self._lasso: list[tuple[float, float]] = []
        self._closed = False
        self._unit: weakref.ref[Any] | None = None
        self._agreed: Callable[[], None] | None = None
        self._build()
        self.selection = Selection(self._viewer, self)
        self._connect()
        self._follow()

    @property
    def result(self) -> Result | None:
        """What the Segment dock shows in this viewer."""
        held = current().result
        shown = any(layer in self._viewer.layers for layer in current().layers.values())
        return held if shown else None

    def refresh(self) -> None:
        """Look at the result as the controls ask; what is known already is kept."""
        result = self.result
        if result is None or self.runner.running or self._closed:
            return
        wish = self._wish(result)
        if wish == self._refused or (self.look is not None and self.look.wish == wish):
            return
        before = self.look

        def refused() -> None:
            self._refused = wish  # asked again at once, it would fail again

        self._refused = None
        task = lambda report: looking.look(wish, before, report)  # noqa: E731
        self.runner.run("Exploring", task, self._show, stopped=refused, failed=refused)

    def make_cluster(self) -> None:
        """Make a cluster of the selection, as one step to undo."""
        mask, edit = self.selection.mask, current().edit
        if mask is None or self.look is None or edit is None or self.runner.running:
            return
        one, wish = self.look.exploration, self.look.wish
        made = looking.words(self._lasso, wish)
        name = f"lasso {one.segmenter.clusters.k + 1}"
        self._reconsider()

        def make(parted: Any) -> None:
            self._reconsider()
            self._asked = mask, one.segmenter.clusters.k
            self.selection.clear()
            self.plane.clear()
            edit("separate", parted, name)

        def done(found: tuple[Any, list[str]]) -> None:
            parted, swallowed = found
            if swallowed:
                self._ask(lambda: make(parted), swallowed)
            else:
                make(parted)

        self.runner.run("Looking at the selection", lambda _: looking.parted(one, mask, wish.of, made), then=done)

    def report(self, path: str = "") -> None:
        """Write a report of what is shown to `path`; asks where if it is not given."""
        if self.look is None or self.runner.running:
            return
        one = self.look.exploration
        chosen = path
        if not chosen:
            suggested = str(Path.home() / f"{one.segments.name} report.html")
            chosen, _ = QFileDialog.getSaveFileName(self, "Write a report", suggested, "Web page (*.html)")
        if chosen:
            told = f"Report: {chosen}"
            self.runner.run(
                "Writing the report",
                lambda report: looking.report(one, chosen, report),
                lambda _: self.runner.say(told),
            )

    def show_unit(self, unit: int) -> None:
        """Show how strongly a unit fires, as an image layer."""
        if self.look is None:
            return
        one = self.look.exploration
        values, name = one.activation(unit), f"{one.segments.name} unit"
        layer = self._unit() if self._unit is not None else None  # a layer of that name may be the person's own
        if layer is not None and layer in self._viewer.layers and layer.data.shape == values.shape:
            layer.data = values
            layer.reset_contrast_limits()
        else:
            active = self._viewer.layers.selection.active
            layer = self._viewer.add_image(values, name=name, colormap="magma", **one.segments.transform)
            self._viewer.layers.selection.active = active
            self._unit = weakref.ref(layer)
        self.runner.say(f"The layer “{layer.name}” shows unit {unit}.")

    def closing(self) -> None:
        """End what is running, and take the selection away."""
        super().closing()
        self._closed = True
        self.selection.close()

    def _explored(self) -> Exploration | None:
        return self.look.exploration if self.look is not None else None

    def _wish(self, result: Result) -> Wish:
        return looking.Wish(
            result=result,
            number=self.which.currentIndex() if self.which.currentIndex() > 0 else 0,
            of=self.of.currentData(),
            method=self.method.currentData(),
            points=self.points.currentData(),
            by=self.by.currentData() or "cluster",
        )

    def _show(self, look: Look) -> None:
        before, self.look = self.look, look
        one = look.exploration
        if before is None or one is not before.exploration:
            self._reconsider()
        if before is None or look.plane is not before.plane:
            self._bins = one.image.to_source(look.plane.bins)
            self._lasso = []
            self.plane.clear()
        self.by.offer({name: name for name in one.colorings})
        self.selection.of(one, self._segments_layer(look.wish.number))
        self.plane.show_picture(look.picture)
        self.words.setText(look.plane.sentence)
        if before is None or look.rows is not before.rows:
            self.strip.show_rows(look.rows)
            self.units.show_values(look.units, [one.segments.names[label] for label in one.labels], one.sparse)
            k = one.segmenter.clusters.k
            self.numbers.show_curve(look.curve, k)
            self.says.setText(looking.about_number(look.curve, k, one.segmenter.config.n_clusters))
            for folded in self.folds:
                if folded.isExpanded():  # its content has another height now
                    folded.expand(animate=False)
        self._tell_of_cluster()
        self._lit()
        self._enable()

    def _tell_of_cluster(self) -> None:
        """Say how much of what was selected the new cluster holds."""
        waiting, self._asked = self._asked, None
        if waiting is None or self.look is None:
            return
        (asked, before), one = waiting, self.look.exploration
        found = np.asarray(one.segments.labels) == one.segmenter.clusters.k
        if one.segmenter.clusters.k == before + 1 and found.shape == asked.shape and found.any():
            held, more = (found & asked).sum() / asked.sum(), (found & ~asked).sum() / found.sum()
            told = f"The new cluster holds {held:.0%} of the selection; {more:.0%} of it are pixels alike elsewhere."
            self.runner.say(told)

    def _ask(self, make: Callable[[], None], swallowed: list[str]) -> None:
        """Ask whether the new cluster shall take the place of others."""
        *most, last = swallowed
        names = f"{', '.join(most)} and {last}" if most else last
        self.question.setText(
            f"The new cluster would take nearly all of {names}. A smaller selection would leave more."
        )
        self._agreed = make
        self.asking.show()

    def _agree(self) -> None:
        make = self._agreed
        if make is not None and not self.runner.running:
            make()

    def _reconsider(self) -> None:
        """Ask no more."""
        self._agreed = None
        self.asking.hide()

    def _lassoed(self, corners: list[tuple[float, float]], closed: bool) -> None:
        if self.look is None:
            return
        self._lasso = corners
        self._reconsider()
        inside = self.look.plane.inside(corners)
        self.selection.show(self.look.exploration.image.to_source(inside))
        if closed:
            self._lit()
            self._enable()

    def _painted(self) -> None:
        """Pixels were chosen in the image: they light up on the plane."""
        self._lasso = []
        self._reconsider()
        self.plane.clear()
        self._lit()
        self._enable()

    def _lit(self) -> None:
        mask = self.selection.mask
        if self.look is None or mask is None or mask.shape != self.look.exploration.image.label_shape:
            self.plane.show_light(None)
            return
        plane, image = self.look.plane, self.look.exploration.image
        self.plane.show_light(plane.light(plane.places(np.ascontiguousarray(image.from_source(mask)))))

    def _pointed(self, index: tuple[int, ...] | None) -> None:
        if self._bins is None or index is None or len(index) != self._bins.ndim:
            self.plane.show_cross(None)
            return
        self.plane.show_cross(looking.place(int(self._bins[index])))

    def _follow(self, what: str = "result") -> None:
        """The Segment dock shows something else."""
        if what != "result":
            return
        result = self.result
        self.nothing.setVisible(result is None)
        self.body.setVisible(result is not None)
        if result is None:
            self.look = None
            self._reconsider()
            self.selection.end()
            return
        names = [segments.name for segments in result.segments]
        with signals_blocked(self.which):
            self.which.offer(dict(enumerate(names)))
        self.which.setVisible(len(names) > 1)
        QTimer.singleShot(0, self.refresh)

    def _segments_layer(self, number: int) -> Any:
        layer = current().layers.get(number)
        return layer if layer in self._viewer.layers else None

    def _free(self, busy: bool) -> None:
        self._enable()
        if not busy:
            QTimer.singleShot(0, self.refresh)

    def _enable(self, *_: Any) -> None:
        some = self.selection.mask is not None
        self.make_button.setEnabled(some and not self.runner.running)
        self.make_button.setToolTip(
            tooltip("Make a cluster of what is selected; Ctrl+Z undoes it." if some else NO_SELECTION)
        )
        self.clear_button.setEnabled(some)
        self.report_button.setEnabled(self.look is not None and not self.runner.running)

    def _cleared(self) -> None:
        self.selection.clear()
        self._painted()

    def _build(self) -> None:
        self.nothing = sentence(NOTHING)
        self.which, self.of, self.method, self.points, self.by = (Combo() for _ in range(5))
        self.of.offer({"latents": "latents", "features": "features clustered"})
        self.method.offer({"pca": "principal directions", "umap": "UMAP"})
        self.points.offer({"pixels": "pixels", "objects": "objects"})
        self.by.offer({"cluster": "cluster"})
        for combo, name in ((self.of, "of"), (self.method, "projection"), (self.points, "points"), (self.by, "by")):
            combo.setObjectName(name)
        self.plane, self.words = PlaneView(), sentence()
        self.make_button, self.clear_button = QPushButton("New cluster"), QPushButton("Clear")
        self.report_button = QPushButton("Report…")
        self.report_button.setToolTip(tooltip("One web page on this segmentation, with pictures, to keep or to print."))
        self.question = sentence()
        self.agree_button, self.leave_button = QPushButton("Make it anyway"), QPushButton("Leave it")
        self.asking = QWidget()
        asking = column(self.asking, spacing=4)
        asking.addWidget(self.question)
        asking.addWidget(beside(self.agree_button, self.leave_button, equal=True))
        self.asking.hide()
        self.runner = Runner()
        self.strip, self.units, self.numbers, self.says = Strip(), Units(), Numbers(), sentence()
        chosen = QWidget()
        number = column(chosen)
        number.addWidget(self.numbers)
        number.addWidget(self.says)
        self.body = QWidget()
        layout = column(self.body, spacing=10)
        layout.addWidget(self.which)
        layout.addWidget(row_of({"Colour by": self.by}))
        layout.addWidget(self.plane)
        layout.addWidget(self.words)
        layout.addWidget(beside(self.make_button, self.clear_button, self.report_button, equal=True))
        layout.addWidget(self.asking)
        layout.addWidget(self.runner)
        layout.addWidget(fold("Plane", row_of({"Points": self.points, "Of": self.of, "Laid out by": self.method})))
        pictures = fold("Prototypes and typical patches", self.strip)
        pictures.expand(animate=False)
        self.phenotyping = Phenotyping(self._viewer, self._explored, self.runner)
        self.folds = (
            pictures,
            fold("Units", self.units),
            fold("Number of clusters", chosen),
            fold("Phenotypes of objects", self.phenotyping),
        )
        for folded in self.folds:
            layout.addWidget(folded)
        outer = QWidget()
        whole = column(outer, spacing=10, margin=8)
        whole.addWidget(self.nothing)
        whole.addWidget(self.body)
        whole.addStretch(1)
        area = scrolling(outer)
        area.setMinimumHeight(HEIGHT)
        column(self).addWidget(area)

    def _connect(self) -> None:
        self.plane.lassoed.connect(self._lassoed)
        self.selection.changed.connect(self._painted)
        self.selection.pointed.connect(self._pointed)
        self.units.chosen.connect(self.show_unit)
        self.make_button.clicked.connect(self.make_cluster)
        self.clear_button.clicked.connect(self._cleared)
        self.agree_button.clicked.connect(self._agree)
        self.leave_button.clicked.connect(self._reconsider)
        self.report_button.clicked.connect(lambda: self.report())
        self.runner.busy.connect(self._free)
        for combo in (self.which, self.of, self.method, self.points, self.by):
            combo.currentIndexChanged.connect(lambda _: self.refresh())
        heed(self, current().changed, self._follow)
