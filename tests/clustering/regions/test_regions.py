"""Regions: tiny ones on the image's edges, merged into a tree that is cut anywhere."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import cut_tree, linkage

from napari_ae_seg.clustering.regions.borders import borders, region_means
from napari_ae_seg.clustering.regions.merging import TEXTURES, Rule, merge_alike, merge_tree
from napari_ae_seg.clustering.regions.watershed import fit_regions

RNG = np.random.default_rng(0)


def quarters(side=40, noise=0.1, ndim=2):
    """An image of four flat quarters (columns along the last two axes), and which pixel is in which."""
    half = np.arange(side) >= side // 2
    truth = np.broadcast_to(half[:, None] * 2 + half[None], (8, side, side)[3 - ndim :])
    image = np.array([0.0, 3.0, 7.0, 1.5])[truth] + noise * RNG.standard_normal(truth.shape)
    return image[None].astype(np.float32), truth


def agreement(labels, truth):
    """Share of the pixels that carry the most frequent label of their part of the truth, one label per part."""
    best = [np.bincount(labels[truth == part]).argmax() for part in np.unique(truth)]
    assert len(set(best)) == len(best)
    return np.mean(
        [(labels[truth == part] == label).mean() for part, label in zip(np.unique(truth), best, strict=True)]
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_flat_quarters_are_found_as_they_are(ndim):
    image, truth = quarters(ndim=ndim)
    labels = fit_regions(image, image, k=4).labels()
    assert labels.min() == 1
    assert labels.max() == 4
    assert agreement(labels, truth) > 0.98


def test_the_number_of_regions_is_found_where_nobody_gives_it():
    image, _ = quarters(side=80)
    assert fit_regions(image, image).labels().max() == 4


def test_finer_cuts_split_regions_and_keep_the_other_labels():
    image, _ = quarters(noise=1.0)
    regions = fit_regions(image, image, k=2)
    for k in range(2, 20):
        coarse, fine = regions.labels(k), regions.labels(k + 1)
        assert fine.max() == k + 1
        assert np.array_equal(np.where(fine == k + 1, coarse[fine == k + 1][0], fine), coarse)


def test_features_on_a_coarser_grid_separate_what_the_image_does_not():
    image = RNG.standard_normal((1, 48, 48)).astype(np.float32)
    features = np.repeat([0.0, 1.0], 12)[None, None].repeat(24, axis=1).astype(np.float32)
    labels = fit_regions(features, image, k=2, rule=TEXTURES).labels()
    assert agreement(labels, np.broadcast_to(np.arange(48) >= 24, (48, 48))) > 0.9


def test_places_without_data_are_no_region_even_if_they_cut_the_image_in_two():
    image, _ = quarters()
    image[:, :, 17:19] = np.nan
    valid = np.isfinite(image[0])
    regions = fit_regions(np.nan_to_num(image), image, valid, k=2)
    labels = regions.labels()
    assert np.array_equal(labels == 0, ~valid)
    assert labels.max() == 2
    assert len(regions.tree) == regions.tiny.max() - 1


def test_even_a_constant_image_gives_as_many_regions_as_asked():
    image = np.zeros((1, 12, 12), np.float32)
    assert sorted(np.unique(fit_regions(image, image, k=5).labels())) == [1, 2, 3, 4, 5]


def test_there_are_at_most_as_many_tiny_regions_as_asked():
    noise = RNG.standard_normal((1, 64, 64)).astype(np.float32)
    assert fit_regions(noise, noise, k=2, superpixels=30).tiny.max() <= 30


def test_prototypes_are_the_mean_features_of_each_region():
    image, _ = quarters()
    regions = fit_regions(image, image, k=4)
    labels = regions.labels()
    assert np.allclose(regions.prototypes()[:, 0], [image[0][labels == i].mean() for i in range(1, 5)], atol=1e-4)


def test_borders_are_the_shared_pixel_faces_and_the_stronger_side_of_the_edge():
    found = borders(np.array([[1, 1, 2], [0, 3, 3]]), np.array([[0.0, 1.0, 4.0], [9.0, 2.0, 0.0]]))
    assert found.pairs.tolist() == [[1, 2], [1, 3], [2, 3]]
    assert found.length.tolist() == [1, 1, 1]
    assert found.strength.tolist() == [4.0, 2.0, 4.0]


def test_heights_never_fall_and_every_region_joins_once():
    labels = RNG.permutation(64).reshape(8, 8) + 1
    means = region_means(RNG.standard_normal((2, 8, 8)), labels, 65)[1:]
    tree = merge_tree(np.ones(64), means, borders(labels))
    assert (np.diff(tree[:, 2]) >= 0).all()
    assert sorted(tree[:, :2].ravel().astype(int)) == list(range(126))


def test_a_strong_edge_keeps_apart_what_looks_alike():
    rule = Rule(size=0.0, difference=1.0, edge=1.0, share=0.0, threshold=1.0, balance=0.0)
    found = borders(np.array([[1, 2, 3]]), np.array([[0.0, 1.0, 9.0]]))
    first = merge_tree(np.ones(3), np.array([[0.0], [1.0], [2.0]]), found, rule)[0]
    assert sorted(first[:2]) == [0, 1]


def test_an_image_without_any_data_says_so():
    with pytest.raises(ValueError, match="no valid pixel"):
        fit_regions(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), np.zeros((4, 4), bool))


def test_fewer_regions_than_there_are_join_what_looks_alike_wherever_it_lies():
    y, x = np.mgrid[:90, :90]
    spots = ((y % 30 - 15) ** 2 + (x % 30 - 15) ** 2 < 49).astype(int)
    image = (4.0 * spots + 0.1 * RNG.standard_normal(spots.shape))[None].astype(np.float32)
    assert fit_regions(image, image).labels().max() == 10
    assert agreement(fit_regions(image, image, k=2).labels(), spots) > 0.95


def test_alike_regions_merge_in_the_order_of_wards_method():
    points = RNG.standard_normal((30, 3))
    merged = merge_alike(np.empty((0, 4)), 30, np.ones(30), points)
    expected = linkage(points, "ward")
    for groups in (2, 5, 12):
        ours, theirs = (cut_tree(tree, groups)[:, 0] for tree in (merged, expected))
        assert len({*zip(ours.tolist(), theirs.tolist(), strict=True)}) == groups
    np.testing.assert_allclose(np.sqrt(2 * merged[:, 2]), expected[:, 2])


def test_large_regions_weigh_more_in_what_is_alike():
    tree = merge_tree(np.ones(2), np.zeros((2, 1)), borders(np.array([[1, 2]]), np.zeros((1, 2))))
    assert merge_alike(tree, 1, np.ones(2), np.zeros((2, 1))).tolist() == tree.tolist()
    sizes, means = np.array([50, 1, 50]), np.array([[0.0], [4.0], [6.0]])
    first = merge_alike(np.empty((0, 4)), 3, sizes, means)[0]
    assert sorted(first[:2]) == [1, 2]
    assert first[3] == 51
