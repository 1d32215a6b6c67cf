"""Where the number of clusters was left open, the likeliest ones are pictures to click."""

from ..conftest import press, settle


def test_a_click_on_an_offered_number_gives_as_many_clusters(viewer, segment_dock, qtbot, image):
    viewer.add_image(image)
    segment_dock.forms[0].write({"n_clusters": 0})
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    offers = segment_dock.results.offers
    qtbot.waitUntil(lambda: len(offers.buttons) > 1, timeout=20_000)
    chosen = segment_dock.result.segmenter.clusters.k
    assert offers.buttons[chosen].isChecked()
    other = next(k for k in offers.buttons if k != chosen)
    offers.buttons[other].click()
    settle(qtbot, segment_dock)
    assert segment_dock.result.segmenter.clusters.k == other
    assert segment_dock.config().n_clusters == other
    assert set(offers.buttons) >= {chosen, other}  # the way back stays
    assert offers.buttons[other].isChecked()


def test_a_number_that_was_asked_for_is_not_questioned(viewer, segment_dock, qtbot, image):
    viewer.add_image(image)
    segment_dock.forms[0].write({"n_clusters": 3})
    press(qtbot, segment_dock.button)
    settle(qtbot, segment_dock)
    assert segment_dock.result.segmenter.previews() == {}
    assert not segment_dock.results.offers.buttons
