"""The short form of `make torture`: nothing lost, nothing silent, nothing raw; and what would be is counted as such."""

import numpy as np
import pytest
from benchmarks import mistreated
from benchmarks.tally import Tally, is_ours

import napari_ae_seg as ae


@pytest.mark.parametrize(("part", "count"), [(mistreated.inputs, 4), (mistreated.arrays, 8), (mistreated.kills, 1)])
def test_a_few_tries_end_well(part, count, capsys):
    tally = part(count, 11)
    assert tally.tries >= count
    assert not tally.bad, capsys.readouterr().out


def test_an_error_from_elsewhere_is_no_sentence_of_ours(tmp_path):
    with pytest.raises(IndexError) as raw:
        np.zeros(2)[5]
    with pytest.raises(ae.ImageReadError) as told:
        ae.read(tmp_path / "nowhere.tif")
    assert not is_ours(raw.value)
    assert is_ours(told.value)


def test_labels_that_break_a_promise_are_silent():
    stack = ae.read(np.eye(40))
    found = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2)).apply(stack)
    assert mistreated._broken_promise(found, stack, 2) == ""
    found.labels[3, 3] = 7
    assert mistreated._broken_promise(found, stack, 2) == "labels 1 to 7 of 2"


def test_tallies_add_up():
    tally = Tally(3, raw=1)
    tally.add(Tally(2, lost=1))
    assert str(tally) == "5 tries: 1 lost, 0 silent, 1 raw errors"
    assert tally.bad == 2
