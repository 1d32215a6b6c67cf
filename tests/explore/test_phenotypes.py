"""Phenotypes: kinds of cells under many stains come apart, however bright each is; channels are chosen and weighed."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import napari_ae_seg as ae
from napari_ae_seg.samples.multiplexed import KINDS, MARKERS, multiplexed


@pytest.fixture(scope="module")
def tissue():
    """A stack of 20 channels, the number of every cell, and the kind of each."""
    picture, kinds, cells = multiplexed(np.random.default_rng(1), 112)
    stack = ae.read(picture * np.geomspace(1, 1000, len(picture))[:, None, None], axes="CYX")
    return stack, cells, {int(n): int(kinds[cells == n][0]) for n in np.unique(cells[cells > 0])}


def agreement(found, kinds):
    index, own = found.objects["index"], found.objects["phenotype"]
    return adjusted_rand_score([kinds[n] for n in index], own)


@pytest.mark.parametrize(("scaling", "least"), [("deviation", 0.8), ("rank", 0.6)])  # ranks spread what is all dark
def test_kinds_of_cells_are_found_and_named_by_their_markers(tissue, scaling, least):
    stack, cells, kinds = tissue
    found = ae.phenotypes(cells, stack, ae.PhenotypeConfig(n_phenotypes=len(KINDS), scaling=scaling))
    assert agreement(found, kinds) > least
    assert found.table["count"] == sorted(found.table["count"], reverse=True)
    assert sum(found.table["count"]) == len(kinds)
    assert found.heat.shape == (len(KINDS), 20)
    tumour = next(row for row, name in enumerate(found.table["name"]) if f"channel {MARKERS.index('PanCK')}+" in name)
    assert found.table[f"channel {MARKERS.index('CD3')}"][tumour] < 0


def test_every_pixel_of_an_object_has_the_number_of_its_phenotype(tissue):
    stack, cells, _ = tissue
    found = ae.phenotypes(cells, stack, ae.PhenotypeConfig(n_phenotypes=3))
    known = dict(zip(found.objects["index"], found.objects["phenotype"], strict=True))
    assert (found.labels[cells == 0] == 0).all()
    assert all((found.labels[cells == n] == known[n]).all() for n in list(known)[:10])


def test_channels_of_weight_0_have_no_say(tissue):
    stack, cells, kinds = tissue
    names = [f"channel {c}" for c in range(20)]
    told = {name: float(marker in ("PanCK", "ECad")) for name, marker in zip(names, MARKERS, strict=True)}
    found = ae.phenotypes(cells, stack, ae.PhenotypeConfig(n_phenotypes=2), weights=told)
    assert (
        adjusted_rand_score([kinds[n] == 2 for n in found.objects["index"]], found.objects["phenotype"]) > 0.9
    )  # tumour and the others


def test_latents_of_the_objects_count_if_a_model_is_given(tissue):
    stack, cells, kinds = tissue
    config = ae.PhenotypeConfig(n_phenotypes=len(KINDS), latents=0.3)
    found = ae.phenotypes(cells, stack, config, model=ae.Autoencoder.shipped(2))
    assert agreement(found, kinds) > 0.6


def test_what_cannot_be_grouped_is_said():
    labels, image = np.ones((4, 4), int), np.ones((4, 4))
    with pytest.raises(ValueError, match="groups of objects; there is 1"):
        ae.phenotypes(labels, image)
    with pytest.raises(ValueError, match="no channel 'CD3' to weigh"):
        ae.phenotypes(np.arange(16).reshape(4, 4), image, weights={"CD3": 1.0})


def test_a_constant_channel_and_objects_all_alike_give_one_group():
    labels = np.arange(16).reshape(4, 4)
    found = ae.phenotypes(labels, np.ones((4, 4)), ae.PhenotypeConfig(n_phenotypes=2))
    assert found.table["count"] == [15]
    assert found.table["name"] == ["none in particular"]
