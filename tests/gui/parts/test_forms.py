"""Forms made from configurations."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_ae_seg.config import TrainingConfig
from napari_ae_seg.gui.parts.forms import Form


@pytest.mark.parametrize("pixels", [13, 18])
def test_no_caption_is_cut(qtbot, pixels):
    form = Form(TrainingConfig, ["contrastive_weight", "steps"])
    qtbot.addWidget(form)
    form.setStyleSheet(f"font-size: {pixels}px")
    form.show()
    qtbot.waitExposed(form)
    captions = [label for label in form.findChildren(QLabel) if label.text() in ("Contrastive weight", "Steps")]
    assert len(captions) == 2
    for label in captions:
        room = label.contentsRect()
        needs = label.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, label.text())
        assert (needs.width() <= room.width(), needs.height() <= room.height()) == (True, True)
