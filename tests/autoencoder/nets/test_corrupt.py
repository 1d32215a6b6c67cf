"""What is hidden or disturbed while a network learns."""

import pytest
import torch

from napari_ae_seg.autoencoder.nets.corrupt import block_mask, corrupt
from napari_ae_seg.config import TrainingConfig


@pytest.mark.parametrize("ndim", [2, 3])
def test_masked_blocks_are_hidden_and_the_rest_is_untouched(ndim):
    x = torch.randn(2, 3, *[16] * ndim)
    seen, mask = corrupt(x, TrainingConfig(corruption="masked", masked_block=4), torch.Generator().manual_seed(0))
    hidden = mask.bool().expand_as(x)
    assert (seen[hidden] == 0).all()
    assert torch.equal(seen[~hidden], x[~hidden])
    blocks = mask[:, 0]
    for axis in range(1, 1 + ndim):
        blocks = blocks.unfold(axis, 4, 4)
    within = blocks.flatten(1 + ndim)
    assert (within == within[..., :1]).all()


def test_the_share_of_hidden_blocks_is_exact():
    generator = torch.Generator().manual_seed(0)
    mask = block_mask((50, 40, 40), block=8, share=0.4, generator=generator)
    assert (mask.mean((1, 2, 3)) == 0.4).all()
    # of 4 blocks, 40% are hidden on average over images
    assert float(block_mask((3000, 16, 16), 8, 0.4, generator).mean()) == pytest.approx(0.4, abs=0.01)
    assert block_mask((1, 20, 13), 8, 0.5, generator).shape == (1, 1, 20, 13)


def test_noise_has_the_strength_asked_for():
    x = torch.zeros(1, 1, 100, 100)
    seen, mask = corrupt(x, TrainingConfig(corruption="noise", noise=0.5), torch.Generator().manual_seed(0))
    assert mask is None
    assert float(seen.std()) == pytest.approx(0.5, abs=0.02)


def test_none_changes_nothing():
    x = torch.randn(1, 1, 8, 8)
    assert corrupt(x, TrainingConfig(corruption="none"))[0] is x


@pytest.mark.parametrize("corruption", ["masked", "noise"])
def test_the_generator_decides(corruption):
    x, config = torch.randn(1, 1, 64, 64), TrainingConfig(corruption=corruption)
    one, again, other = (corrupt(x, config, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
