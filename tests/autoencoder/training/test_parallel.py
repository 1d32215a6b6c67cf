"""Several processes train one network: with the mean of what their shares of a batch teach."""

import numpy as np
import pytest
import torch

import napari_ae_seg as ae
from napari_ae_seg.autoencoder.training import parallel
from napari_ae_seg.autoencoder.training.schedule import rate

IMAGE = np.random.default_rng(0).random((64, 64), np.float32)
TRAINING = ae.TrainingConfig(
    steps=3,
    learning_rate=4e-3,
    corruption="masked",
    batch=4,
    gpus=2,
    device="cpu",
    threads=1,
    validation=0,
    precision="fp32",
    seed=5,
)
NETWORK = ae.NetworkConfig(width=4, levels=2, latents=4)


def by_hand(steps):
    """The weights after the same steps, one process being both."""
    first = ae.Fit.on(IMAGE, TRAINING, NETWORK)
    second = ae.Fit(first.material, TRAINING, type(first.learner.net)(first.learner.net.config, 1, 2), 1, rank=1)
    for number in range(steps):
        second.learner.net.load_state_dict(first.learner.net.state_dict())
        second.sampler.begin_at(number, 1)
        gradients = []
        for fit in (first, second):
            held, fit.learner.optimizer.step = fit.learner.optimizer.step, lambda *_: None
            fit.number = number
            fit._learn(4, torch.device("cpu"))
            fit.learner.optimizer.step = held
            gradients.append([weight.grad for weight in fit.learner.net.parameters()])
        for weight, one, other in zip(first.learner.net.parameters(), *gradients, strict=True):
            weight.grad = (one + other) / 2
        first.learner.optimizer.step(rate(number, TRAINING), TRAINING.clip)
    return list(first.learner.net.parameters())


def test_two_processes_learn_the_mean_of_their_gradients_also_from_a_checkpoint_on(tmp_path):
    fit = ae.Fit.on(IMAGE, TRAINING, NETWORK)
    for step in fit:
        if step.number == 2:
            break
    fit.save(tmp_path / "c.aeseg")
    fit = ae.Fit.load(tmp_path / "c.aeseg", IMAGE)
    assert [step.number for step in fit] == [3]
    for found, expected in zip(fit.learner.net.parameters(), by_hand(3), strict=True):
        assert torch.allclose(found, expected, atol=1e-6)
    assert fit.model.channels == 1


def test_more_gpus_than_there_are_are_refused(monkeypatch):
    monkeypatch.setattr(parallel.devices, "resolve", lambda _: type("Chosen", (), {"device": torch.device("cuda")}))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ValueError, match="gpus=3: this machine has 2"):
        parallel.device_of(0, ae.TrainingConfig(gpus=3))
    assert parallel.device_of(1, ae.TrainingConfig(gpus=2)) == torch.device("cuda", 1)
