"""Training that starts from the encoder that comes along: it stays close to it, and it is used."""

import numpy as np
import pytest
import torch

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.encode import encode_array
from napari_ae_seg.autoencoder.training import train

BRIEF = ae.TrainingConfig(steps=6, batch=1, patch=64, threads=1, validation=0)


def spots():
    """Bright spots on a noisy ground."""
    y, x = np.mgrid[:96, :96]
    spots = (np.hypot(y % 24 - 12, x % 24 - 12) < 6).astype(np.float32)
    return spots + np.random.default_rng(0).normal(0, 0.1, spots.shape).astype(np.float32)


def moved(model, image):
    """How far latents of an image are from those of the encoder that comes along."""
    shipped = ae.Autoencoder.shipped(2).suited_to(image)
    own, theirs = (encode_array(one, image[None]).levels[-1].float() for one in (model, shipped))
    return float((own - theirs).square().mean())


def test_nothing_asked_for_begins_with_the_encoder_that_comes_along():
    model = train(spots(), BRIEF.but(steps=0))
    assert model.network.kind == "unet"
    assert moved(model, spots()) < 1e-10
    assert train(spots(), BRIEF.but(steps=1), ae.NetworkConfig(levels=2)).network.kind == "conv"


def test_it_learns_to_redraw_and_stays_close():
    close, free = (train(spots(), BRIEF.but(steps=20, learning_rate=2e-3, stay=stay)) for stay in (10.0, 0.0))
    assert 0 < moved(close, spots()) < moved(free, spots()) / 2
    first, last = (np.mean([step.loss for step in ae.Fit.on(spots(), BRIEF.but(steps=n))][-5:]) for n in (5, 40))
    assert last < first


def test_fewer_latents_are_its_first():
    whole, few = (ae.Fit.on(spots(), BRIEF, ae.NetworkConfig(latents=n)).learner.net.eval() for n in (16, 3))
    x = torch.from_numpy(spots())[None, None].repeat(1, 3, 1, 1)[..., :64, :64]
    with torch.no_grad():
        all_of_it, some = whole._features(x)[0], few._features(x)[0]
        assert torch.equal(all_of_it, some)
        assert torch.allclose(whole.to_z(all_of_it)[:, :3], few.to_z(some), atol=1e-5)
    assert ae.Autoencoder.load(saved(train(spots(), BRIEF, ae.NetworkConfig(latents=3)))).net.latents == 3


def test_more_latents_than_it_has_mean_a_new_network_or_are_refused():
    assert ae.NetworkConfig(latents=32).kind == "conv"
    with pytest.raises(ValueError, match="has 16 latents, 32 need a new network: kind='conv'"):
        ae.NetworkConfig(kind="shipped", latents=32)


def test_a_checkpoint_goes_on_as_if_never_stopped(tmp_path):
    whole = train(spots(), BRIEF)
    fit = ae.Fit.on(spots(), BRIEF)
    for step in fit:
        if step.number == 3:
            break
    fit.save(tmp_path / "c.aeseg")
    fit = ae.Fit.load(tmp_path / "c.aeseg", spots())
    assert [step.number for step in fit] == [4, 5, 6]
    for one, other in zip(fit.model.net.parameters(), whole.net.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_was_trained_is_what_is_clustered():
    model = train(spots(), BRIEF)
    own = ae.Segmenter.fit(model, ae.read(spots()), ae.SegmentationConfig(n_clusters=2))
    assert "encoder that was trained on your images" in own.sentence
    flat = np.kron(np.array([[0.0, 1.0], [2.0, 3.0]], np.float32), np.ones((20, 20), np.float32))
    plain = ae.Segmenter.fit(ae.Autoencoder.shipped(2), ae.read(flat), ae.SegmentationConfig(n_clusters=4))
    assert "Brightness" in plain.sentence
    again = ae.Segmenter.fit(train(flat, BRIEF), ae.read(flat), ae.SegmentationConfig(n_clusters=4))
    assert "encoder that was trained on your images" in again.sentence


def saved(model, name="m.aeseg"):
    """The file of a model."""
    import tempfile

    path = f"{tempfile.mkdtemp()}/{name}"
    model.save(path)
    return path


def test_volumes_begin_with_theirs_which_has_its_latents_or_none():
    volume = np.random.default_rng(0).random((16, 24, 24)).astype(np.float32)
    brief = ae.TrainingConfig(steps=1, batch=1, patch=16, threads=1, validation=0)
    model = train(ae.read(volume, axes="ZYX"), brief)
    assert (model.ndim, model.net.latents) == (3, ae.Autoencoder.shipped(3).net.latents)
    assert "1 steps" in repr(model)
    with pytest.raises(ValueError, match="for 3D has 16 latents, 4 need a new network: kind='conv'"):
        train(ae.read(volume, axes="ZYX"), brief, ae.NetworkConfig(latents=4))
