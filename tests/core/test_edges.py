"""Edges: slopes, curvatures and the grain of directions, the same for a tile as for the whole."""

import pytest
import torch

from napari_ae_seg.core.edges import count, edges, halo


@pytest.mark.parametrize("anisotropy", [(1.0, 1.0), (2.0, 1.0), (2.0, 1.0, 1.0)])
def test_a_tile_with_its_halo_has_the_edges_of_the_whole(anisotropy):
    side = 2 * halo(anisotropy) + 12
    image = torch.rand((1, *(side if len(anisotropy) == 2 else min(side, 24) for _ in anisotropy[:-1]), side + 20))
    around = halo(anisotropy)
    whole, tile = edges(image, anisotropy), edges(image[..., 10:], anisotropy)
    assert whole.shape == (count(len(anisotropy)), *image.shape[1:])
    torch.testing.assert_close(tile[..., around:], whole[..., 10 + around :], atol=1e-5, rtol=0)


def test_a_line_is_as_curved_whichever_way_it_runs():
    lying = torch.zeros(1, 64, 64)
    lying[0, 32] = 1
    torch.testing.assert_close(edges(lying, (1.0, 1.0))[:, 32, 32], edges(lying.mT, (1.0, 1.0))[:, 32, 32])


def test_places_without_data_leave_no_edge():
    image, valid = torch.ones(1, 40, 40), torch.ones(40, 40, dtype=torch.bool)
    image[0, :, :10], valid[:, :10] = 0, False
    found = edges(image, (1.0, 1.0), valid)[:, :, 20:]
    assert float(found.abs().max()) < 1e-4
