"""The examples: each runs in a short form and prints a table that says what it is there to show."""

import numpy as np
from examples import convolutional, dense, recognition, regions, sparse


def test_a_dense_network_redraws_the_image_with_either_loss():
    table = dense.main(short=True)
    assert table["loss"] == ["mse", "bce"]
    assert max(table["error"]) < 0.3
    assert min(table["active units"]) > 1


def test_clusters_of_latents_of_any_length_are_drawn_again_worse_than_the_latents_themselves():
    table = convolutional.main(short=True)
    assert table["latents"] == [2, 2, 8, 8, 32, 32]
    assert table["clusters by"] == ["kmeans", "gmm"] * 3
    assert all(whole <= of for whole, of in zip(table["redrawn"], table["of clusters"], strict=True))


def test_a_heavier_penalty_leaves_fewer_units_active():
    table = sparse.main(short=True)
    for kind in ("l1", "l0"):
        active = [units for units, name in zip(table["active units"], table["penalty"], strict=True) if name == kind]
        assert active[-1] <= active[0]
    assert sparse.curve(table).count("#") > 4


def test_textures_are_recognised_among_patches_held_back():
    table, said = recognition.main(short=True)
    assert max(table["held back"]) > 0.7
    assert "least after" in said
    assert "rests most on" in said


def test_tiny_regions_have_scores_and_merge_at_rising_cost():
    scores, merged = regions.main(short=True)
    assert np.isfinite(scores["score 0"]).all()
    assert merged["regions"] == sorted(merged["regions"], reverse=True)
    assert merged["cost"] == sorted(merged["cost"])
