"""Docks of the plugin that are open at the same time lie on each other as tabs."""

import itertools

import pytest
from qtpy.QtWidgets import QDockWidget, QTabBar

NAMES = ("Segment", "Train autoencoder", "Explore latents", "Classify")


def frame(viewer, widget):
    return next(one for one in viewer.window._qt_window.findChildren(QDockWidget) if one.isAncestorOf(widget))


def test_docks_opened_one_after_another_are_tabs_of_one_place(viewer, dock, qtbot):
    window = viewer.window._qt_window
    frames = []
    for name in NAMES:
        frames.append(frame(viewer, dock(name)))
        qtbot.wait(20)
    for one, other in itertools.permutations(frames, 2):
        assert other in window.tabifiedDockWidgets(one)
    assert not any(part in window.tabifiedDockWidgets(frames[0]) for part in others(window, frames))
    bar = next(bar for bar in window.findChildren(QTabBar) if bar.count() == len(NAMES))
    assert [bar.tabText(tab) for tab in range(bar.count())] == ["Segment", "Train", "Explore", "Classify"]


def test_a_dock_that_floats_stays_by_itself(viewer, dock, qtbot):
    first = frame(viewer, dock("Train autoencoder"))
    first.setFloating(True)
    second = frame(viewer, dock("Segment"))
    qtbot.wait(20)
    assert not second.isFloating()
    assert viewer.window._qt_window.tabifiedDockWidgets(second) == []


@pytest.mark.parametrize("area", ["left", "bottom"])
def test_docks_in_another_place_are_left_there(viewer, dock, qtbot, area):
    from qtpy.QtCore import Qt

    places = {"left": Qt.DockWidgetArea.LeftDockWidgetArea, "bottom": Qt.DockWidgetArea.BottomDockWidgetArea}
    first = frame(viewer, dock("Train autoencoder"))
    viewer.window._qt_window.addDockWidget(places[area], first)
    second = frame(viewer, dock("Segment"))
    qtbot.wait(20)
    assert viewer.window._qt_window.dockWidgetArea(first) == places[area]
    assert first not in viewer.window._qt_window.tabifiedDockWidgets(second)


def others(window, frames):
    return [one for one in window.findChildren(QDockWidget) if one not in frames]
