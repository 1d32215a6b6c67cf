"""Objects: what a cluster is made of, told apart, numbered and measured."""

import numpy as np
import pytest

from napari_ae_seg.config import ObjectsConfig
from napari_ae_seg.segmenter.objects import find_objects


def found_in(labels, clusters=None, *, intensity=None, spacing=(), **fields):
    return find_objects(labels, clusters, ObjectsConfig(**fields), intensity=intensity, spacing=spacing)


def balls(shape, centers, radius, spacing=(1.0, 1.0, 1.0)):
    """1 within `radius` (in units) of any of the centres (in units)."""
    grid = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(shape, spacing, strict=False)), indexing="ij"), -1)
    away = np.min([np.linalg.norm(grid - np.array(c), axis=-1) for c in centers], axis=0)
    return (away <= radius).astype(np.int32)


def test_what_touches_is_one_component_and_clusters_are_kept_apart():
    labels = np.array([[1, 1, 2], [0, 0, 2], [1, 0, 0]])
    objects = found_in(labels)
    assert objects.labels.tolist() == [[1, 1, 2], [0, 0, 2], [3, 0, 0]]
    assert objects.table["cluster"] == [1, 2, 1]


def test_only_the_chosen_clusters_become_objects():
    labels = np.array([[1, 0, 2], [1, 0, 2]])
    assert found_in(labels, [2]).labels.tolist() == [[0, 0, 1], [0, 0, 1]]


def test_two_overlapping_discs_are_parted_where_they_are_narrow():
    disc = balls((40, 60), [(20, 18), (20, 40)], 12)
    objects = found_in(disc, method="distance")
    assert found_in(disc).count == 1
    assert objects.count == 2
    assert objects.labels[20, 10] != objects.labels[20, 50]
    assert np.allclose(objects.table["centroid x"], [18, 40], atol=1.5)


def test_one_long_bar_stays_one_object():
    bar = np.zeros((20, 80), int)
    bar[6:13, 5:75] = 1
    assert found_in(bar, method="distance").count == 1


def test_peaks_of_intensity_part_what_the_outline_does_not():
    box = np.ones((20, 40), int)
    x = np.arange(40)
    bright = np.tile(np.exp(-((x - 10) ** 2) / 30) + np.exp(-((x - 30) ** 2) / 30), (20, 1))
    bright += 0.02 * np.random.default_rng(0).standard_normal(box.shape)
    objects = found_in(box, method="intensity", intensity=bright, blur=2.0)
    assert objects.count == 2
    assert objects.table["size"] == pytest.approx([400, 400], abs=60)


def test_in_a_volume_with_thick_slices_distances_are_physical():
    spacing = (4.0, 1.0, 1.0)
    volume = balls((12, 40, 60), [(24, 20, 18), (24, 20, 40)], 12, spacing)
    objects = found_in(volume, method="distance", spacing=spacing)
    assert objects.count == 2
    assert objects.table["centroid z"] == pytest.approx([24, 24], abs=1)
    assert objects.table["measure"][0] == objects.table["size"][0] * 4
    above = balls((24, 40, 40), [(24, 20, 20), (70, 20, 20)], 12, spacing)
    assert found_in(above, method="distance", spacing=spacing).count == 2


def test_objects_too_small_or_too_large_are_left_out():
    labels = np.array([[1, 0, 1, 1, 0, 1, 1, 1]])
    assert found_in(labels, min_size=2, max_size=2).labels.tolist() == [[0, 0, 1, 1, 0, 0, 0, 0]]


def test_numbers_follow_the_first_pixel_whatever_the_method():
    discs = balls((30, 90), [(15, 15), (12, 45), (15, 75)], 9)
    for method in ("components", "distance"):
        found = found_in(discs, method=method)
        firsts = [int(np.flatnonzero(found.labels == i)[0]) for i in found.table["index"]]
        assert firsts == sorted(firsts)


def test_nothing_to_find_gives_an_empty_table():
    objects = found_in(np.zeros((4, 4), int), method="distance")
    assert objects.count == 0
    assert not objects.labels.any()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "snake"}, "components"),
        ({"method": "intensity"}, "needs intensities"),
        ({"spacing": (1, 2, 3)}, "each of 2 axes"),
        ({"depth": 1.5}, "less than 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        found_in(np.ones((3, 3), int), **options)


def test_taken_together_what_touches_is_one_object_of_the_cluster_it_mostly_is():
    labels = np.array([[2, 2, 3, 0, 3]])
    assert find_objects(labels, [2, 3]).count == 3
    found = find_objects(labels, [2, 3], together=True)
    assert found.labels.tolist() == [[1, 1, 1, 0, 2]]
    assert found.table["cluster"] == [2, 3]
