"""The Train autoencoder dock, driven by its controls."""

import errno
import os

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

import napari_ae_seg as ae
from napari_ae_seg.gui.parts.preferences import models_folder
from napari_ae_seg.gui.session import current

from ..conftest import blobs, press, settle, small


def started(qtbot, widget, steps=1):
    press(qtbot, widget.train_button)
    qtbot.waitUntil(lambda: widget.fit is not None and widget.fit.number >= steps, timeout=60_000)


def test_the_device_and_the_cost_are_found_after_opening(viewer, train_dock, qtbot, image):
    viewer.add_image(image)
    qtbot.waitUntil(lambda: train_dock.cost.text() != "", timeout=60_000)
    assert train_dock.reason.text().startswith("Runs on the ")
    assert train_dock.cost.text().startswith("About ")


def test_a_grayed_out_button_says_why(viewer, train_dock, qtbot, image):
    assert not train_dock.train_button.isEnabled()
    assert "Open an image" in train_dock.why.text()
    layer = viewer.add_image(image)
    assert train_dock.train_button.isEnabled()
    train_dock.images.tick(layer, False)
    assert not train_dock.train_button.isEnabled()
    assert "Tick at least one image" in train_dock.why.text()
    assert "no trained model yet" in train_dock.save_button.toolTip()
    viewer.layers.clear()
    assert "Open an image" in train_dock.why.text()


def test_training_draws_its_course_and_gives_a_model(viewer, train_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    assert [number for number, _ in train_dock.curve.losses] == list(range(1, 13))
    assert train_dock.curve.checks
    assert len(train_dock.pair._pictures) == 2
    assert "Learnt in 12 steps" in train_dock.runner.text.text()
    assert current().model is train_dock.model
    assert train_dock.model.training.steps == 12
    assert train_dock.model.network.width == 4


def test_pause_and_resume_end_where_an_unbroken_training_ends(viewer, train_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    whole = dict(train_dock.curve.losses)
    train_dock.forms[1].write({"steps": 12})
    started(qtbot, train_dock)
    press(qtbot, train_dock.pause_button)
    qtbot.waitUntil(lambda: not train_dock.runner.running, timeout=60_000)
    if train_dock.model is None:  # it was not over before the click
        assert train_dock.pause_button.text() == "Resume"
        press(qtbot, train_dock.pause_button)
    settle(qtbot, train_dock)
    assert dict(train_dock.curve.losses) == whole


def test_stop_keeps_what_was_learnt_and_it_can_be_saved_and_used_elsewhere(viewer, train_dock, dock, qtbot, image):
    viewer.add_image(image, name="cells")
    train_dock.forms[1].write({"steps": 100_000})
    started(qtbot, train_dock, steps=3)
    press(qtbot, train_dock.stop_button)
    qtbot.waitUntil(lambda: train_dock.model is not None, timeout=60_000)
    settle(qtbot, train_dock)
    assert 3 <= train_dock.model.info["runs"][-1]["steps"] < 100_000
    segment = dock("Segment")
    press(qtbot, train_dock.save_button)
    settle(qtbot, train_dock)
    assert "cells" in train_dock.history.item(0).text()
    assert segment.models.model.name == "trained on cells"
    assert "cells" in [segment.models.itemText(row) for row in range(segment.models.count())]
    viewer.add_image(blobs(seed=5), name="other")
    segment.image.choose(viewer.layers["other"])
    press(qtbot, segment.button)
    settle(qtbot, segment)
    assert viewer.layers["other segments"].data.shape == image.shape


def test_a_saved_model_learns_further(viewer, train_dock, qtbot, image, tiny_model):
    viewer.add_image(image, name="cells")
    train_dock.start.open(tiny_model)
    assert not train_dock.forms[0].isEnabled()
    assert "keeps its network" in train_dock.forms[0].toolTip()
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    assert [run["steps"] for run in train_dock.model.info["runs"]] == [4, 12]


def test_every_field_of_the_form_arrives_in_the_model(viewer, train_dock, qtbot, image):
    wanted = {
        "kind": "conv",
        "latents": 5,
        "sparsity": "topk",
        "active": 3,
        "width": 5,
        "levels": 2,
        "down": "max",
        "up": "unpool",
        "dropout": 0.1,
        "steps": 3,
        "seed": 7,
        "batch": 3,
        "patch": 16,
        "loss": "huber",
        "optimizer": "adam",
        "learning_rate": 0.002,
        "warmup": 0.3,
        "weight_decay": 0.02,
        "clip": 0.5,
        "corruption": "noise",
        "noise": 0.2,
        "alpha": 0.9,
        "contrastive_weight": 0.1,
        "validation": 0.2,
        "patience": 9,
        "target_loss": 0.001,
        "max_minutes": 2.0,
        "flips": False,
        "brightness_jitter": 0.1,
        "focus": 0.3,
        "precision": "fp32",
        "threads": 1,
    }
    viewer.add_image(image)
    for _ in range(2):  # fields that appear once others are set
        for form in train_dock.forms:
            form.write(wanted)
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    model = train_dock.model
    reached = {**dict(model.network), **dict(model.training)}
    assert {name: reached[name] for name in wanted} == wanted


def test_a_preset_sets_its_fields_and_puts_the_others_back(train_dock):
    train_dock.forms[1].write({"steps": 33})
    train_dock.preset.choose("dense")
    assert train_dock.network().kind == "dense"
    assert train_dock.network().latents == 256
    assert train_dock.training().steps == 200
    train_dock.preset.choose("fast")
    assert train_dock.network().kind == "shipped"
    assert train_dock.training().steps == 60


def test_contradicting_fields_are_said_in_the_dock(viewer, train_dock, image):
    viewer.add_image(image)
    train_dock.forms[0].write({"kind": "conv", "sparsity": "topk", "latents": 2})
    train_dock.forms[2].write({"active": 5})
    assert not train_dock.train_button.isEnabled()
    assert "5 active latents are more than the 2 there are" in train_dock.why.text()


def test_a_region_limits_what_is_learnt(viewer, train_dock, qtbot, image):
    viewer.add_image(image, name="cells", scale=(0.5, 0.5))
    square = np.array([[5, 5], [5, 20], [20, 20], [20, 5]])
    viewer.add_shapes([square], shape_type="polygon", name="here")
    train_dock.region.choose(viewer.layers["here"])
    (mask,) = train_dock.planned().stack.roi
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 40, 10, 40)


def test_what_was_trained_can_be_copied(viewer, train_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    train_dock.copy_menu.menu().actions()[0].trigger()
    given = {"viewer": viewer}
    exec(QApplication.clipboard().text(), given)
    made, again = train_dock.model.net.state_dict(), given["model"].net.state_dict()
    assert all((made[name] == again[name]).all() for name in made)
    train_dock.copy_menu.menu().actions()[1].trigger()
    assert "napari-ae-seg train cells.tif --model model.aeseg" in QApplication.clipboard().text()


def test_latents_that_all_fell_silent_are_said(viewer, train_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    for _ in range(2):  # the sparsity weight appears once there is a penalty
        for form in train_dock.forms:
            form.write({"sparsity": "l0", "beta": 1000.0, "learning_rate": 0.1, "steps": 60})
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    assert "All 4 latents are silent: lower the sparsity weight." in train_dock.runner.text.text()


def test_it_says_before_training_what_the_model_is_for(viewer, train_dock, qtbot, image):
    viewer.add_image(image, name="cells")
    assert "Segment" in train_dock.purpose.text()
    assert "clustered" in train_dock.purpose.text()


def shown_rows(widget):
    """Names of the training's settings that are in sight, or would be if they were unfolded."""
    return set().union(*(form.relevant() for form in widget.forms))


def test_only_what_matters_of_the_corruption_is_shown(viewer, dock, image, tiny_model):
    train = dock("Train autoencoder")
    viewer.add_image(image, name="cells")
    hides, noise = {"masked_share", "masked_block"}, {"noise"}
    assert shown_rows(train) & (hides | noise) == noise
    train.forms[0].write({"kind": "conv"})
    assert shown_rows(train) & (hides | noise) == hides
    train.forms[3].write({"corruption": "noise"})
    assert shown_rows(train) & (hides | noise) == noise
    train.forms[3].write({"corruption": "auto"})
    train.forms[0].write({"kind": "shipped"})
    assert {"noise", "stay"} <= shown_rows(train)
    train.start.open(tiny_model)
    assert shown_rows(train) & {*hides, *noise, "stay"} == hides


def test_in_volumes_the_shipped_encoder_repairs_hidden_blocks(viewer, dock, image):
    volume = viewer.add_image(np.stack([image] * 12), name="volume", axis_labels=("z", "y", "x"))
    train = dock("Train autoencoder")
    assert train.images.layers == [volume]
    assert shown_rows(train) & {"masked_block", "noise", "stay"} == {"masked_block"}
    train.forms[2].write({"ndim": 2})
    assert shown_rows(train) & {"masked_block", "noise", "stay"} == {"noise", "stay"}


def test_a_model_that_cannot_learn_from_the_image_says_why(viewer, train_dock, image, tiny_model):
    viewer.add_image(np.stack([image] * 3, -1).astype(np.uint8), name="color")
    train_dock.start.open(tiny_model)
    assert not train_dock.train_button.isEnabled()
    assert "1 channel, the image has 3" in train_dock.why.text()


def test_a_full_disk_costs_no_model(viewer, train_dock, qtbot, image, tmp_path, monkeypatch):
    viewer.add_image(image, name="cells")
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        press(qtbot, train_dock.save_button)
        settle(qtbot, train_dock)
    assert "cells.aeseg': No space left on device" in train_dock.runner.text.text()
    assert list(models_folder().iterdir()) == []
    assert train_dock.save_button.isEnabled()
    train_dock.save(str(tmp_path / "elsewhere.aeseg"))
    settle(qtbot, train_dock)
    assert ae.Autoencoder.load(tmp_path / "elsewhere.aeseg").training.steps == 12


def full(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_models_folder_that_cannot_be_made_is_said_when_a_model_is_saved(
    viewer, plugin, dock, qtbot, image, tmp_path
):
    (tmp_path / "file").touch()
    if plugin is None:
        pytest.skip("this napari has no Preferences of plugins")
    plugin.models.folder = str(tmp_path / "file" / "models")
    viewer.add_image(image, name="cells")
    train = small(dock("Train autoencoder"))
    press(qtbot, train.train_button)
    settle(qtbot, train)
    press(qtbot, train.save_button)
    settle(qtbot, train)
    assert "Cannot write" in train.runner.text.text()
    assert train.save_button.isEnabled()


def close(viewer, name):
    viewer.window.remove_dock_widget(viewer.window._wrapped_dock_widgets[f"{name} (napari-ae-seg)"])


def test_a_training_whose_dock_was_closed_goes_on_in_the_next_one(viewer, train_dock, dock, qtbot, image):
    viewer.add_image(image, name="cells")
    train_dock.forms[1].write({"steps": 2000})
    started(qtbot, train_dock, steps=3)
    fit = train_dock.fit
    close(viewer, "Train autoencoder")
    qtbot.waitUntil(lambda: not train_dock.runner.running, timeout=60_000)
    again = dock("Train autoencoder")
    reached = fit.number
    assert again.pause_button.text() == "Resume"
    assert [layer.name for layer in again.images.layers] == ["cells"]
    assert again.training() == train_dock.plan.training
    assert len(again.curve.losses) >= 3
    press(qtbot, again.pause_button)
    qtbot.waitUntil(lambda: fit.number > reached + 2, timeout=60_000)
    press(qtbot, again.stop_button)
    qtbot.waitUntil(lambda: again.model is not None, timeout=60_000)
    settle(qtbot, again)


def test_a_model_whose_dock_was_closed_can_still_be_saved(viewer, train_dock, dock, qtbot, image):
    viewer.add_image(image, name="cells")
    press(qtbot, train_dock.train_button)
    settle(qtbot, train_dock)
    close(viewer, "Train autoencoder")
    again = dock("Train autoencoder")
    press(qtbot, again.save_button)
    settle(qtbot, again)
    assert [path.name for path in models_folder().glob("*.aeseg")] == ["cells.aeseg"]
