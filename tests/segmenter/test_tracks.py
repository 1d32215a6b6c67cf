"""Tracks: objects keep their number, what divides and merges is noted, and others read what is written."""

import csv

import numpy as np
import pytest
import tifffile
from benchmarks.tracks import judged

import napari_ae_seg as ae
from napari_ae_seg.samples import stacks


def film(*frames):
    """A movie (T, 24, 48) of boxes, per frame a list of (y, x, height, width), numbered in the order given."""
    out = np.zeros((len(frames), 24, 48), int)
    for t, boxes in enumerate(frames):
        for number, (y, x, height, width) in enumerate(boxes, 1):
            out[t, y : y + height, x : x + width] = number
    return out


def tracked(labels, **fields):
    return ae.track(labels, ae.read(labels, axes="TYX"), ae.TrackingConfig(**fields))


def test_objects_keep_their_number_whatever_it_was_in_each_frame():
    labels = film([(2, 2, 8, 8), (12, 30, 8, 8)], [(12, 31, 8, 8), (2, 4, 8, 8)])
    tracks = tracked(labels)
    assert tracks.labels[0, 4, 4] == tracks.labels[1, 4, 6] == 1
    assert tracks.labels[0, 14, 33] == tracks.labels[1, 14, 34] == 2
    assert tracks.table["object"] == [1, 2, 2, 1]


def test_a_fast_object_is_found_by_distance_and_then_by_where_it_was_heading():
    labels = film(*[[(8, 2 + 7 * t, 6, 6)] for t in range(5)])
    assert tracked(labels, reach=1.5).count == 1
    assert tracked(labels, reach=0.5).count == 5


def test_what_divides_ends_and_its_parts_know_where_they_came_from():
    labels = film([(6, 10, 10, 16)], [(6, 8, 10, 8), (6, 20, 10, 8)], [(6, 6, 10, 8), (6, 22, 10, 8)])
    tracks = tracked(labels)
    assert tracks.splits == {1: [2, 3]}
    assert tracks.graph == {2: [1], 3: [1]}
    assert tracks.summary["from"] == ["", "1", "1"]
    assert tracks.summary["into"] == ["2 3", "", ""]
    assert tracked(labels, splits=False).graph == {}


def test_halves_that_flew_apart_are_a_division_too_but_a_newcomer_on_one_side_is_not():
    apart = film([(8, 20, 8, 8)], [(8, 11, 8, 8), (8, 29, 8, 8)])
    assert tracked(apart, reach=1.5).splits == {1: [2, 3]}
    for x in (19, 20, 21):
        beside = film([(8, 20, 8, 8)], [(8, x, 8, 8), (8, 29, 8, 8)])
        assert tracked(beside, reach=1.5).splits == {}


def merging():
    apart = [(6, 6, 10, 10), (6, 26, 10, 10)]
    return film(apart, [(6, 9, 10, 10), (6, 23, 10, 10)], [(6, 12, 10, 18)])


def test_cells_that_run_into_one_are_parted_again_and_keep_their_numbers():
    tracks = tracked(merging())
    assert tracks.merges == {}
    assert np.unique(tracks.labels[2]).tolist() == [0, 1, 2]
    assert tracks.labels[2, 10, 13] == 1
    assert tracks.labels[2, 10, 28] == 2


def discs(*frames):
    """A movie (T, 32, 64), per frame a list of objects, each of one or more discs (y, x) with a radius of 6 pixels."""
    y, x = np.mgrid[:32, :64]
    out = np.zeros((len(frames), 32, 64), int)
    for t, objects in enumerate(frames):
        for number, middles in enumerate(objects, 1):
            for middle in middles:
                out[t][np.hypot(y - middle[0], x - middle[1]) < 6] = number
    return out


def test_cells_that_touch_at_first_are_two_from_the_start_once_they_come_apart():
    touching, apart = [[(16, 20), (16, 30)]], [[(16, 18)], [(16, 32)]]
    tracks = tracked(discs(touching, touching, apart, apart))
    assert tracks.count == 2
    assert tracks.graph == {}
    assert (tracks.labels[:, 16, 18] != tracks.labels[:, 16, 32]).all()


def test_a_cell_without_a_neck_is_one_until_it_divides():
    halves = [[(16, 12)], [(16, 24)]]
    tracks = tracked(discs([[(16, 18)]], [[(16, 18)]], halves, halves))
    assert tracks.splits == {1: [2, 3]}
    assert tracks.summary["first t"] == [0, 2, 2]


def test_a_daughter_born_beside_another_cell_is_parted_from_it():
    before = [[(16, 26)], [(16, 44)]]
    born = [[(16, 20)], [(16, 33), (16, 43)]]
    tracks = tracked(discs(before, before, born, born))
    assert list(tracks.splits) == [tracks.labels[0, 16, 26]]
    assert tracks.labels[3, 16, 44] == tracks.labels[0, 16, 44]
    assert set(tracks.splits[tracks.labels[0, 16, 26]]) == {tracks.labels[3, 16, 20], tracks.labels[3, 16, 31]}


def test_one_frame_that_cuts_a_cell_in_two_does_not_cut_the_others():
    whole, cut = [[(16, 20), (16, 30)]], [[(16, 20)], [(16, 30)]]
    tracks = tracked(discs(whole, whole, cut, whole, whole))
    assert [len(np.unique(frame)) - 1 for frame in tracks.labels] == [1, 1, 2, 1, 1]


def test_droplets_that_merge_begin_anew_or_one_keeps_its_number():
    assert tracked(merging(), merges="note").merges == {3: [1, 2]}
    assert tracked(merging(), merges="ignore").graph == {}
    assert len(np.unique(tracked(merging(), merges="ignore").labels[2])) == 2


def test_who_is_missing_in_a_frame_keeps_the_number_unless_gaps_are_off():
    labels = film([(8, 8, 8, 8)], [], [(8, 10, 8, 8)])
    assert tracked(labels).table["t"] == [0, 2]
    assert tracked(labels).count == 1
    assert tracked(labels, gap=0).count == 2


def test_the_cluster_of_a_track_is_the_one_it_has_most_often():
    labels = np.repeat(film([(8, 8, 8, 8)]), 3, 0) * np.array([2, 5, 2])[:, None, None]
    stack = ae.read(labels, axes="TYX")
    found = [ae.segmenter.objects.find_objects(frame) for frame in labels]
    numbered = np.stack([frame.labels + t * (frame.labels > 0) for t, frame in enumerate(found)])
    objects = ae.Objects(numbered, {"index": [1, 2, 3], "cluster": [2, 5, 2]})
    assert ae.track(objects, stack).table["cluster"] == [2, 2, 2]


def test_lengths_are_in_units_and_volumes_are_followed_as_well():
    labels = np.zeros((2, 8, 16, 16), int)
    labels[0, 1:5, 2:8, 2:8], labels[1, 2:6, 2:8, 2:8] = 1, 1
    tracks = ae.track(labels, ae.read(labels, axes="TZYX", spacing=(3.0, 1.0, 1.0), ndim=3))
    assert tracks.summary["path"] == [3.0]
    assert tracks.data.tolist() == [[1, 0, 2.5, 4.5, 4.5], [1, 1, 3.5, 4.5, 4.5]]


def test_every_position_is_a_movie_of_its_own_and_numbers_go_on():
    labels = np.stack([film([(8, 8, 8, 8)], [(8, 9, 8, 8)])] * 2)
    tracks = ae.track(labels, ae.read(labels, axes="PTYX"))
    assert [np.unique(part[part > 0]).tolist() for part in tracks.labels] == [[1], [2]]
    assert tracks.table["P"] == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="time as the first axis"):
        _ = tracks.data


def test_empty_frames_and_single_ones_give_tables_without_surprises():
    assert tracked(film([], [])).count == 0
    assert tracked(film([(1, 1, 4, 4)])).summary["speed"] == [0.0]


@pytest.mark.parametrize(
    ("labels", "axes", "error", "says"),
    [
        (np.ones((8, 8), int), "YX", ValueError, "axes YX: objects are tracked through T"),
        (np.ones((2, 8, 8)), "TYX", TypeError, "integers, got float64"),
    ],
)
def test_what_is_no_movie_is_refused(labels, axes, error, says):
    with pytest.raises(error, match=says):
        ae.track(labels, ae.read(np.ones(labels.shape), axes=axes))


def test_napari_shows_tracks_where_the_image_lies():
    from napari.layers import Tracks

    labels = film([(6, 10, 10, 16)], [(6, 8, 10, 8), (6, 20, 10, 8)])
    tracks = ae.track(labels, ae.read(labels, axes="TYX", spacing=0.5))
    layer = Tracks(tracks.data, **tracks.layer)
    assert layer.graph == {2: [1], 3: [1]}
    assert np.allclose(layer.scale, [1, 0.5, 0.5])


def test_the_cell_tracking_challenge_format_holds_every_frame_and_the_lineage(tmp_path):
    labels = film([(6, 10, 10, 16)], [(6, 8, 10, 8), (6, 20, 10, 8)])
    tracks = tracked(labels)
    for _ in range(2):  # a folder of its own is replaced
        tracks.to_ctc(tmp_path / "ctc")
    assert (tmp_path / "ctc" / "res_track.txt").read_text().splitlines() == ["1 0 0 0", "2 1 1 1", "3 1 1 1"]
    frames = [tifffile.imread(tmp_path / "ctc" / f"mask00{t}.tif") for t in range(2)]
    assert (np.stack(frames) == tracks.labels).all()
    assert frames[0].dtype == np.uint16


def test_after_a_gap_the_folder_has_a_track_that_came_from_the_one_before(tmp_path):
    halves = [(6, 8, 10, 8), (6, 20, 10, 8)]
    labels = film([(6, 10, 10, 16)], [], [(6, 10, 10, 16)], halves)
    tracks = tracked(labels)
    assert tracks.table["track"] == [1, 1, 2, 3]
    tracks.to_ctc(tmp_path / "ctc")
    lines = np.loadtxt(tmp_path / "ctc" / "res_track.txt", int).tolist()
    assert lines == [[1, 0, 0, 0], [4, 2, 2, 1], [2, 3, 3, 4], [3, 3, 3, 4]]
    frames = [set(np.unique(tifffile.imread(tmp_path / "ctc" / f"mask00{t}.tif"))) - {0} for t in range(4)]
    assert frames == [{number for number, start, stop, _ in lines if start <= t <= stop} for t in range(4)]


def test_the_table_is_numbers_alone_under_the_names_that_btrack_reads(tmp_path):
    tracked(film([(6, 10, 10, 16)], [(6, 8, 10, 8)])).table.save(tmp_path / "tracks.csv")
    with (tmp_path / "tracks.csv").open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert {"t", "x", "y", "z"} <= set(rows[0])
    btrack = pytest.importorskip("btrack.io", reason="btrack is no dependency")
    assert [one.x for one in btrack.import_CSV(tmp_path / "tracks.csv")] == [row["x"] for row in rows]


def test_in_the_drawn_movie_cells_keep_their_number_and_divisions_are_found():
    movie = stacks.movie(np.random.default_rng(8))
    told = judged(movie, ae.track(movie.cells, ae.read(movie.image, axes="TYX")))
    assert told["kept"] > 0.98
    assert told["hit"] >= 0.9 * told["divisions"]
    assert told["false"] <= 1
