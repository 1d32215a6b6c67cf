"""The arithmetic that a network is charged for."""

from benchmarks.cost import flops

from napari_ae_seg.autoencoder.nets import build
from napari_ae_seg.config import NetworkConfig


def test_a_dense_network_costs_two_operations_per_weight_and_patch():
    net = build(NetworkConfig(kind="dense"), 1, 2)
    assert flops(net, (3, 1, 28, 28)) == 3 * 2 * 2 * 784 * 256


def test_training_costs_almost_three_times_a_pass_and_leaves_the_network_alone():
    net = build(NetworkConfig(kind="conv"), 1, 2).eval()
    once, trained = flops(net, (1, 1, 64, 64)), flops(net, (1, 1, 64, 64), training=True)
    assert 2.9 * once < trained < 3 * once  # the image itself needs no gradient
    assert not net.training
    assert all(weight.grad is None for weight in net.parameters())
    assert int(net.encoder[0][0][1].num_batches_tracked) == 0


def test_a_volume_costs_what_its_layers_say():
    net = build(NetworkConfig(levels=1, width=4, latents=2), 1, 3)
    per_voxel = 27 * 4 + 27 * 16 + 4 * 2 + 27 * 8 + 4
    assert flops(net, (1, 1, 8, 8, 8)) == 2 * 8**3 * per_voxel
