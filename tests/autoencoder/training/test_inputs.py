import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import napari_ae_seg as ae
from napari_ae_seg import AssumptionWarning, Fit, NetworkConfig, TrainingConfig, estimate, train
from napari_ae_seg.autoencoder.training.augment import augment
from napari_ae_seg.autoencoder.training.material import Material
from napari_ae_seg.autoencoder.training.schedule import Watch, rate

NETWORK = NetworkConfig(width=4, levels=2, latents=3)
SMALL = TrainingConfig(steps=6, batch=2, patch=16, threads=1)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.full((30, 30), 7.0), id="constant"),
        pytest.param(np.array([[3.0]]), id="one pixel"),
        pytest.param(np.where(noise(40, 40) > 110, np.nan, noise(40, 40)), id="NaN"),
        pytest.param(np.where(noise(40, 40) > 130, np.inf, noise(40, 40)), id="infinite"),
        pytest.param(noise(5, 90), id="narrow"),
        pytest.param((noise(20, 20) * 1e30).astype(np.float64), id="huge values"),
        pytest.param(noise(20, 20) > 100, id="bool"),
    ],
)
def test_odd_images_train_to_finite_weights(image):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained = train(ae.read(image, axes="YX"), SMALL, NETWORK)
    assert all(tensor.isfinite().all() for tensor in trained.net.state_dict().values())


@pytest.mark.parametrize("image", [np.full((20, 20), np.nan), np.full((20, 20), np.inf)])
def test_an_image_without_a_single_value_is_one_clear_sentence(image):
    with pytest.raises(ValueError, match="no finite value to learn from"):
        train(ae.read(image), SMALL, NETWORK)


def test_images_of_different_sizes_train_one_network():
    stack = ae.read([noise(30, 40), noise(64, 20, seed=1), noise(3, 3, seed=2)])
    trained = train(stack, SMALL, NETWORK)
    assert trained.info["shapes"] == [[1, 1, 30, 40], [1, 1, 64, 20], [1, 1, 3, 3]]


@pytest.mark.parametrize("kind", [{"kind": "conv"}, {"kind": "dense", "latents": 8, "window": 5}])
@pytest.mark.parametrize(("shape", "axes"), [((24, 20), "YX"), ((2, 24, 20), "CYX"), ((9, 20, 16), "ZYX")])
def test_every_kind_of_network_trains_in_every_number_of_axes(kind, shape, axes):
    network = NetworkConfig(**{"width": 4, "levels": 2, "latents": 3, **kind})
    fit = Fit.on(ae.read(noise(*shape), axes=axes), SMALL.but(patch=8), network)
    assert all(np.isfinite(step.loss) for step in fit)
    assert fit.model.ndim == (3 if "Z" in axes else 2)
    assert fit.model.channels == (2 if "C" in axes else 1)


@pytest.mark.parametrize("patch", [4, 8])
def test_a_volume_gives_the_same_weights_whatever_lay_in_memory_before(patch):
    stack = ae.read(noise(12, 20, 20), axes="ZYX")
    results = []
    for _ in range(3):
        _ = [torch.full((2**size,), torch.nan, dtype=torch.bfloat16) for size in range(6, 20)]
        results.append([step.loss for step in Fit.on(stack, SMALL.but(patch=patch), NETWORK.but(levels=3))])
    assert results[0] == results[1] == results[2]


def test_sixteen_bits_are_refused_where_torch_gets_them_wrong():
    with pytest.warns(AssumptionWarning, match="training in 32 bits"):
        fit = Fit.on(ae.read(noise(9, 9, 9), axes="ZYX"), SMALL.but(precision="mixed", device="cpu"), NETWORK)
    assert fit.learner.precision == "fp32"


@pytest.mark.parametrize("network", [{"levels": 4}, {"kind": "dense", "window": 8, "sparsity": "l1"}])
def test_a_single_patch_of_a_single_place_can_be_learnt_from(network):
    fit = Fit.on(ae.read(noise(20, 20)), SMALL.but(batch=1, patch=8), NetworkConfig(**network))
    assert all(np.isfinite(step.loss) for step in fit)


@pytest.mark.parametrize("loss", ["mse", "bce", "l1", "huber"])
def test_every_loss_gets_smaller(loss):
    y = np.mgrid[:64, :48][0]
    fit = Fit.on(ae.read(np.sin(y / 3)), SMALL.but(steps=60, loss=loss, learning_rate=1e-2), NETWORK)
    losses = [step.loss for step in fit]
    assert np.mean(losses[-10:]) < np.mean(losses[:5])


def test_a_volume_is_learnt_from_slice_by_slice_on_request():
    trained = train(ae.read(noise(9, 20, 20), axes="ZYX"), SMALL, NETWORK.but(ndim=2))
    assert (trained.ndim, trained.network.ndim) == (2, 2)


def test_only_the_region_of_interest_is_learnt_from():
    image = noise(80, 80)
    image[:, 40:] = 1e6
    roi = np.zeros((80, 80), bool)
    roi[10:70, :30] = True
    stack = ae.read(image, roi=roi)
    fit = Fit.on(stack, SMALL, NETWORK)
    assert fit.material.normalizer.high[0] < 300
    seen = np.concatenate([fit.sampler.draw(2) for _ in range(20)])
    inside = fit.material.normalizer.apply(image[None, 10:70, :30])
    assert np.isin(np.round(seen, 3), np.round(inside, 3)).all()


def test_latents_are_chosen_from_the_image_and_said_how():
    mosaic = np.concatenate([np.sin(np.mgrid[:64, :64][i % 2] / (1 + i)) for i in range(5)], axis=1)
    sizes = {}
    for name, image in {"flat": np.zeros((64, 320)), "mosaic": mosaic + noise(64, 320) / 100}.items():
        trained = train(ae.read(image), SMALL.but(patch=32), NETWORK.but(latents=0))
        sizes[name] = trained.network.latents
        assert str(sizes[name]) in trained.info["latents"]
        assert trained.net.latents == sizes[name]
    assert sizes["flat"] < sizes["mosaic"]


def test_more_weight_on_sparsity_leaves_more_zeros_and_the_model_reports_them():
    stack = ae.read(np.sin(np.mgrid[:64, :64][0] / 3) + noise(64, 64) / 200)
    network = NETWORK.but(sparsity="l1", latents=8)
    reports = [
        train(stack, SMALL.but(steps=80, beta=beta, learning_rate=2e-2), network).info["sparsity"]
        for beta in (0.0, 0.02, 1.0)
    ]
    zeros = [report["zeros"] for report in reports]
    assert zeros[0] < zeros[1] < zeros[2]
    assert [len(report["usage"]) for report in reports] == [8, 8, 8]
    assert all((share == 0) == (unit in reports[2]["dead"]) for unit, share in enumerate(reports[2]["usage"]))


def test_an_image_larger_than_the_sample_is_read_in_parts(tmp_path):
    import zarr

    array = zarr.create_array(tmp_path / "large.zarr", shape=(5000, 5000), chunks=(500, 500), dtype="uint8")
    array[:500] = np.broadcast_to((np.arange(5000) % 250).astype(np.uint8), (500, 5000))
    fit = Fit.on(ae.read(array, axes="YX"), SMALL, NETWORK)
    assert sum(block.data.size for block in fit.material.blocks) <= 16_000_000
    list(fit)
    assert fit.model.info["shapes"] == [[1, 1, 5000, 5000]]


def test_a_loss_that_is_no_number_is_one_clear_sentence():
    fit = Fit.on(ae.read(noise(40, 40)), SMALL.but(steps=200, optimizer="sgd", learning_rate=10, clip=0), NETWORK)
    for weight in fit.learner.net.parameters():
        weight.data *= 1e30
    with pytest.raises(FloatingPointError, match="no longer a number at step"):
        list(fit)


def test_the_rate_rises_and_falls():
    training = TrainingConfig(steps=200, learning_rate=4e-3)
    rates = [rate(number, training) for number in range(200)]
    assert max(rates) == rates[39] == training.learning_rate
    assert all(a < b for a, b in itertools.pairwise(rates[:40]))
    assert all(a > b for a, b in itertools.pairwise(rates[39:]))
    assert all(
        0 < rate(number, TrainingConfig(steps=n, learning_rate=4e-3)) <= 4e-3 for n in (1, 2, 3) for number in range(n)
    )


def test_the_last_weights_stay_unless_patience_asks_for_the_best_or_they_are_far_worse():
    losses = [1.0, 0.5, 0.55]
    assert Watch(TrainingConfig(), losses).keeps_last
    assert not Watch(TrainingConfig(patience=5), losses).keeps_last
    assert not Watch(TrainingConfig(), [1.0, 0.5, 0.9]).keeps_last


@pytest.mark.parametrize(("shape", "ways"), [((2, 3, 3), 8), ((2, 2, 3, 3), 16)])
def test_patches_are_shown_in_all_their_flips_and_turns_and_in_no_other_way(shape, ways):
    random = torch.Generator().manual_seed(0)
    patch = torch.randn(shape, generator=random)
    seen = {tuple(p.flatten().tolist()) for p in augment(patch.expand(400, *shape), True, 0.0, random)}
    assert len(seen) == ways
    assert all(sorted(one) == sorted(patch.flatten().tolist()) for one in seen)
    assert tuple(torch.rot90(patch, 1, (-2, -1)).flatten().tolist()) in seen


def test_intensity_changes_brightness_and_contrast_of_each_patch():
    random = torch.Generator().manual_seed(0)
    patches = torch.randn((5, 2, 8, 8), generator=random)
    changed = augment(patches, False, 0.3, random)
    for before, after in zip(patches, changed, strict=True):
        slope, offset = np.polyfit(before.flatten(), after.flatten(), 1)
        assert 0.7 <= slope <= 1.3
        assert abs(offset) <= 0.3
        torch.testing.assert_close(after, slope * before + offset, atol=1e-5, rtol=1e-5)
    assert torch.equal(augment(patches, False, 0.0, random), patches)


def test_tiles_are_the_whole_image_if_small_and_parts_of_it_if_not():
    material = Material.of(ae.read(noise(30, 50)), 0)
    (tile,) = material.tiles(8, 0, 10_000)
    assert tile.shape == (1, 1, 32, 56)
    np.testing.assert_array_equal(tile[0, :, :30, :50], material.blocks[0].data)
    parts = list(material.tiles(1, 0, pixels=300))
    assert sum(part.size for part in parts) <= 300
    rows = material.blocks[0].data[0].tobytes()
    assert all(part[0, 0, 0].tobytes() in rows for part in parts)


def test_a_training_is_estimated_before_it_starts():
    stack = ae.read(noise(200, 200))
    training = TrainingConfig(steps=30, threads=1)
    expected = estimate(stack, training)
    fit = Fit.on(stack, training)
    list(fit)
    assert fit.seconds / 8 < expected.seconds < fit.seconds * 8  # a busy machine may be that uneven
    assert 50 * 2**20 < expected.bytes < 4 * 2**30
    wide = estimate(stack, training, NetworkConfig(width=32))
    assert wide.seconds > expected.seconds
    assert wide.bytes > expected.bytes
    assert "GiB" in str(expected)


@pytest.mark.gpu
def test_training_on_a_gpu_agrees_with_the_cpu():
    stack = ae.read(noise(96, 96))
    training = SMALL.but(steps=10, precision="fp32", patch=32)
    losses = {d: [s.loss for s in Fit.on(stack, training.but(device=d), NETWORK)] for d in ("cpu", "cuda")}
    np.testing.assert_allclose(losses["cuda"], losses["cpu"], rtol=0.02)


@pytest.mark.gpu
def test_the_same_seed_gives_the_same_losses_on_a_gpu():
    stack = ae.read(noise(96, 96))
    first, second = ([s.loss for s in Fit.on(stack, SMALL.but(device="cuda"), NETWORK)] for _ in range(2))
    np.testing.assert_allclose(first, second, rtol=1e-3)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the memory of a process as Linux does")
def test_a_batch_that_does_not_fit_into_memory_is_halved_and_training_goes_on():
    code = """
import pathlib, resource, warnings
import numpy as np, torch
import napari_ae_seg as ae

torch.backends.mkldnn.enabled = False  # where memory ends, its kernels may crash instead of saying so
stack = ae.read(np.random.default_rng(0).random((128, 128)))
training = ae.TrainingConfig(steps=2, threads=1, batch=256, precision="fp32", device="cpu")
list(ae.Fit.on(stack, training.but(batch=2)))
used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20,) * 2)
with warnings.catch_warnings(record=True) as notices:
    warnings.simplefilter("always")
    fit = ae.Fit.on(stack, training)
    assert all(np.isfinite(step.loss) for step in fit)
print(fit.number, fit.batch < 256, notices[0].category.__name__, notices[0].message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    assert done.stdout == "2 True AssumptionWarning memory ran out on cpu: going on with a batch of 128\n"
