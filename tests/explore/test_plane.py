"""The plane of latents: a lasso holds what lies in it, pixels find their places, and the picture shows both."""

import sys

import numpy as np
import pytest

from napari_ae_seg.core.errors import MissingExtraError
from napari_ae_seg.explore.plane import NOWHERE, SIDE, Plane, binned, polygon_mask, principal, tally, umap


@pytest.fixture
def halves():
    """A picture whose left half lies left on the plane, its right half right, with one pixel of no data."""
    points = np.random.default_rng(0).normal(0, 0.3, (1, 40, 60, 2))
    points[:, :, 30:, 0] += 5
    points[0, 0, 0] = np.nan
    bins = binned(points)
    return Plane(bins, tally(bins), "")


def test_a_lasso_holds_the_pixels_whose_points_it_encloses(halves):
    left = halves.inside([(0, 0), (SIDE / 2, 0), (SIDE / 2, SIDE), (0, SIDE)])
    assert left[0, 1:, :30].all()
    assert not left[0, :, 30:].any()
    assert not left[0, 0, 0]


def test_a_line_is_no_lasso(halves):
    assert not halves.inside([(0, 0), (SIDE, SIDE)]).any()


def test_chosen_pixels_light_up_where_the_lasso_that_holds_them_is(halves):
    chosen = np.zeros(halves.bins.shape, bool)
    chosen[0, 5:10, 40:50] = True
    places = halves.places(chosen)
    assert places.sum() == chosen.sum()
    assert places[:, : SIDE // 2].sum() == 0
    column, row = halves.at(0, (5, 40))
    assert places[row, column] >= 1
    assert halves.at(0, (0, 0)) is None


def test_up_is_more():
    rows = binned(np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.2]])) // SIDE
    assert rows[1] < rows[2] < rows[0]


def test_points_that_all_agree_lie_in_one_bin():
    assert len(np.unique(binned(np.ones((4, 4, 2))))) == 1
    assert (binned(np.full((3, 2), np.nan)) == NOWHERE).all()


def test_one_point_among_many_can_be_seen(halves):
    light = halves.light(halves.counts)
    assert light.max() == pytest.approx(1)
    single = np.zeros((SIDE, SIDE))
    single[100, 100] = 1
    assert halves.light(single)[100, 100] > 0.1


def test_the_picture_has_the_colors_of_the_pixels_in_a_bin(halves):
    colors = np.zeros((*halves.bins.shape, 3))
    colors[:, :, :30, 0] = 1
    colors[:, :, 30:, 2] = 1
    picture = halves.picture(colors).astype(int)
    assert picture[:, : SIDE // 2, 2].max() == 0
    assert picture[:, SIDE // 2 :, 0].max() == 0
    assert picture[..., 0].max() > 150
    assert halves.picture().shape == (SIDE, SIDE, 3)


def test_principal_directions_are_those_of_most_difference_with_fixed_signs():
    x = np.random.default_rng(1).normal(size=(500, 4)) * (1, 9, 2, 4)
    found = principal(x)(x)
    assert abs(np.corrcoef(found[:, 0], x[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(found[:, 1], x[:, 3])[0, 1]) > 0.99
    np.testing.assert_allclose(principal(x[::-1])(x), found, atol=1e-4)
    assert principal(x[:, :1])(x[:, :1]).shape == (500, 2)


def test_umap_names_its_extra_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match=r"napari-ae-seg\[umap\]"):
        umap(np.zeros((5, 2)))


def test_umap_keeps_apart_what_is_apart_and_lays_out_new_points_among_their_like():
    pytest.importorskip("umap")
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (60, 5)), rng.normal(20, 1, (60, 5))]).astype(np.float32)
    project = umap(x)
    laid = project(x)
    low, high = laid[:60], laid[60:]
    between = np.linalg.norm(low.mean(0) - high.mean(0))
    assert between > 2 * max(low.std(), high.std())
    new = project(np.full((1, 5), 20, np.float32))[0]
    assert np.linalg.norm(new - high.mean(0)) < np.linalg.norm(new - low.mean(0))
    np.testing.assert_array_equal(umap(x)(x), laid)


def test_a_mask_of_few_corners_is_what_they_enclose():
    mask = polygon_mask([(0, 0), (SIDE, 0), (0, SIDE)])
    assert mask[10, 10]
    assert not mask[-10, -10]
    assert mask.mean() == pytest.approx(0.5, abs=0.01)
