"""What the clusters are: centres, prototypes, typical patches, units, and a cluster made of a lasso."""

import numpy as np
import pytest

import napari_ae_seg as ae
from napari_ae_seg.explore.exploration import Exploration

CORNER = slice(50, 70), slice(40, 70)


def scene(seed=0):
    """Dark ground, a grey square with a lighter corner, and a bright stripe, with a little noise."""
    image = np.zeros((96, 128), np.float32)
    image[20:70, 16:70] = 1
    image[CORNER] = 1.25
    image[:, 96:] = 2
    return image + np.random.default_rng(seed).normal(0, 0.05, image.shape).astype(np.float32)


@pytest.fixture(scope="module")
def stack():
    return ae.read(scene())


@pytest.fixture(scope="module")
def model(stack):
    network = ae.NetworkConfig(width=8, levels=3, latents=6)
    training = ae.TrainingConfig(steps=150, patch=32, batch=4, corruption="none", validation=0.0)
    return ae.train(stack, training, network)


@pytest.fixture(scope="module")
def explored(model, stack):
    segmenter = ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=3, features="intensity"))
    return Exploration.of(segmenter, stack)


def test_a_center_is_the_mean_of_the_latents_of_its_pixels(explored):
    bright = explored.pixels[0][::4, ::4] == 3
    plain = explored.z[0][:, bright].mean(1)
    assert np.abs(explored.centers[2] - plain).max() < 0.2 * explored.spread.max()
    assert explored.centers.shape == (3, 6)


def test_a_prototype_looks_like_its_cluster_in_input_units(explored):
    assert explored.prototypes.shape == (3, 1, 16, 16)
    np.testing.assert_allclose(explored.prototypes.mean((1, 2, 3)), [0, 1, 2], atol=0.5)


def test_typical_patches_lie_in_their_cluster_and_apart(explored):
    patches = explored.typical(4)
    for level, found in enumerate(patches):
        assert 2 <= len(found) <= 4
        assert found[0].shape == (1, 16, 16)
        assert abs(found[0].mean() - level) < 0.3
    assert not np.array_equal(patches[0][0], patches[0][1])


def test_the_segmented_image_is_flat_where_a_cluster_is(explored):
    drawn = explored.segmented()[0, 0]
    assert drawn.shape == (96, 128)
    assert drawn[30:60, 30:60].std() < 0.1
    assert abs(drawn[40:50, 40:50].mean() - 1) < 0.5


def test_the_table_names_the_latents_that_set_a_cluster_apart(explored, tmp_path):
    table = explored.table
    unit = int(np.abs(explored.contrasts[2]).argmax())
    assert table["set apart by"][2].startswith(f"z{unit} ")
    assert "fires" not in table
    explored.to_csv(tmp_path / "clusters.csv")
    assert (tmp_path / "clusters.csv").read_text().splitlines()[0].startswith("index,name,size")


def test_every_pixel_lies_on_the_plane_and_clusters_lie_apart(explored):
    plane = explored.plane("features")
    assert plane.counts.sum() == 96 * 128
    where = [np.stack(np.divmod(plane.bins[explored.pixels == label], 512), 1).mean(0) for label in (1, 2, 3)]
    assert min(np.linalg.norm(where[a] - where[b]) for a, b in ((0, 1), (1, 2), (0, 2))) > 50


def test_objects_are_points_whose_pixels_light_up_together(explored):
    objects = np.zeros((96, 128), int)
    objects[:40, :40], objects[50:, :40], objects[:, 100:] = 1, 2, 3
    plane = explored.plane(objects=objects)
    assert plane.counts.sum() == 3
    column, row = plane.at(0, (10, 10))
    lasso = [(column - 4, row - 4), (column + 4, row - 4), (column + 4, row + 4), (column - 4, row + 4)]
    assert (plane.inside(lasso)[0] == (objects == 1)).all()
    with pytest.raises(ValueError, match="three or more"):
        explored.plane(objects=(objects == 1).astype(int))


@pytest.mark.parametrize("by", ["density", "cluster", "confidence", "channel 0"])
def test_the_plane_can_be_colored(explored, by):
    assert by in explored.colorings
    assert explored.plane().picture(explored.colors(by)).max() > 60


@pytest.fixture(scope="module")
def corner():
    """Pixels of the lighter corner, which is one cluster with the square."""
    inside = np.zeros((1, 96, 128), bool)
    inside[0][CORNER] = True
    return inside


def overlap(a, b):
    return (a & b).sum() / (a | b).sum()


def test_a_lasso_makes_a_cluster_and_leaves_the_others(explored, corner):
    assert set(explored.pixels[corner]) == {2}
    segmenter = explored.segmenter.separate(explored.parted(corner), "corner")
    segments = segmenter.label(explored.prepared)
    assert segments.names[4] == "corner"
    assert overlap(segments.labels == 4, corner[0]) > 0.8
    others = segments.labels != 4
    assert (segments.labels[others] == explored.pixels[0][others]).mean() > 0.99
    assert segments.colors[4] not in [segments.colors[label] for label in (1, 2, 3)]
    assert explored.segmenter.clusters.k == 3


def test_a_lasso_drawn_on_the_plane_does_the_same(explored, corner):
    plane = explored.plane("features")
    columns = plane.bins[corner] % 512
    low, high = np.percentile(columns, (20, 100))
    lasso = [(low, 0), (high, 0), (high, 511), (low, 511)]
    parted = explored.parted(lasso, "features", made="words")
    assert repr(parted) == "words"
    found = explored.segmenter.separate(parted).label(explored.prepared).labels
    assert overlap(found == 4, corner[0]) > 0.7


def test_a_new_cluster_is_saved_and_means_the_same_in_the_next_image(explored, corner, tmp_path):
    segmenter = explored.segmenter.separate(explored.parted(corner))
    segmenter.save(tmp_path / "m.aeseg")
    other = ae.read(scene(seed=1))
    found = ae.Segmenter.load(tmp_path / "m.aeseg").apply(other).labels
    assert (found == segmenter.apply(other).labels).all()
    assert overlap(found == 4, corner[0]) > 0.8


def test_a_lasso_that_cannot_make_a_cluster_says_why(explored, corner):
    with pytest.raises(ValueError, match="no place"):
        explored.segmenter.separate(explored.parted(corner & False))
    with pytest.raises(ValueError, match="all of cluster 3"):
        explored.segmenter.separate(explored.parted(explored.pixels == 3))
    with pytest.raises(ValueError, match="granularity"):
        explored.segmenter.cut(2).separate(explored.parted(corner))
    with pytest.raises(ValueError, match="split"):
        explored.segmenter.split(1).separate(explored.parted(corner))


@pytest.mark.parametrize("method", ["gmm", "spherical", "ward"])
def test_clusters_of_every_kind_take_a_new_one(explored, model, stack, corner, method):
    config = ae.SegmentationConfig(
        n_clusters=2, features="intensity" if method != "spherical" else "mixed", method=method
    )
    segmenter = ae.Segmenter.fit(model, stack, config)
    one = Exploration.of(segmenter, stack)
    found = segmenter.separate(one.parted(corner)).label(one.prepared).labels
    assert overlap(found == 3, corner[0]) > 0.6


def test_the_units_of_a_sparse_network(stack):
    network = ae.NetworkConfig(width=4, levels=2, latents=8, sparsity="topk", active=2)
    model = ae.train(stack, ae.TrainingConfig(steps=10, patch=16, batch=2), network)
    one = Exploration.of(ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2)), stack)
    assert one.usage.shape == (2, 8)
    assert one.usage.sum(1).max() <= 2.001
    assert max(one.table["active units"]) <= 2.01
    unit = int(one.usage[1].argmax())
    assert f"z{unit} " in one.table["fires"][1]
    fires = one.activation(unit)
    assert fires.shape == (96, 128)
    assert np.abs(fires).max() > 0
    with pytest.raises(ValueError, match="0 to 7"):
        one.activation(8)


def test_an_unpooling_network_draws_prototypes_with_the_maxima_of_its_center(stack):
    network = ae.NetworkConfig(width=4, levels=2, latents=4, down="max", up="unpool")
    model = ae.train(stack, ae.TrainingConfig(steps=60, patch=16, validation=0.0, corruption="none"), network)
    one = Exploration.of(ae.Segmenter.fit(model, stack, ae.SegmentationConfig(n_clusters=2)), stack)
    assert one.prototypes.shape == (2, 1, 16, 16)
    assert one.prototypes[1].mean() > one.prototypes[0].mean()
    drawn = one.segmented()[0, 0]
    assert drawn[one.pixels[0] == 2].mean() > drawn[one.pixels[0] == 1].mean()


def test_the_curve_that_chose_the_number_or_would_have(explored):
    assert max(explored.curve, key=explored.curve.get) in (3, 4, 5)
