import itertools

import numpy as np
import pytest
import torch

import napari_ae_seg as ae
from napari_ae_seg import Fit, ModelFileError, NetworkConfig, TrainingConfig, train

NETWORK = NetworkConfig(width=4, levels=2, latents=3)
SMALL = TrainingConfig(steps=24, batch=2, patch=16, threads=1, learning_rate=4e-3, corruption="masked")


def picture(height=48, width=40, seed=0):
    """Stripes on the left, noise on the right."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    return (np.where(x < width // 2, np.sin(y / 2) * 100 + 300, random.normal(200, 50, x.shape))).astype(np.float32)


def weights(source):
    net = source.net if isinstance(source, ae.Autoencoder) else source.learner.net
    return torch.cat([tensor.detach().double().flatten() for tensor in net.state_dict().values()])


def test_training_learns():
    fit = Fit.on(ae.read(picture()[:, :20]), SMALL.but(steps=60, corruption="none"), NETWORK)
    steps = list(fit)
    assert [step.number for step in steps] == list(range(1, 61))
    assert np.mean([s.loss for s in steps[-10:]]) < 0.5 * np.mean([s.loss for s in steps[:5]])
    assert fit.finished
    assert list(fit) == []


def test_progress_says_what_is_left():
    steps = list(Fit.on(ae.read(picture()), SMALL, NETWORK))
    assert steps[-1].eta == 0 < steps[0].eta
    assert all(a.seconds < b.seconds for a, b in itertools.pairwise(steps))
    assert [step.number for step in steps if step.validation is not None] == [10, 20, 24]
    assert steps[0].parts.keys() == {"reconstruction"}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    stack = ae.read(picture())
    first, second, other = (weights(train(stack, SMALL.but(seed=seed), NETWORK)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("training", "network"),
    [
        ({}, {}),
        (
            {"precision": "fp32", "optimizer": "sgd", "contrastive_weight": 0.1, "brightness_jitter": 0.2},
            {"dropout": 0.2},
        ),
        ({"optimizer": "adam", "corruption": "noise", "loss": "bce"}, {"variational": True}),
        ({"precision": "mixed", "beta": 0.1}, {"sparsity": "l0"}),
    ],
)
def test_pausing_and_checkpoints_change_no_bit(tmp_path, training, network):
    stack = ae.read(picture())
    training, network = SMALL.but(**training), NETWORK.but(**network)
    fit = Fit.on(stack, training, network)
    straight = [step.loss for step in fit]
    expected = weights(fit.model)

    paused = Fit.on(stack, training, network)
    losses = []
    for step in paused:
        losses.append(step.loss)
        if step.number == 7:
            break
    looked_at = weights(paused.model)
    paused.save(tmp_path / "pause.aeseg")
    torch.rand(3)  # what happens elsewhere does not matter
    again = Fit.load(tmp_path / "pause.aeseg", stack)
    assert torch.equal(weights(again.model), looked_at)
    assert losses + [step.loss for step in paused] == straight
    assert losses + [step.loss for step in again] == straight
    assert torch.equal(weights(paused.model), expected)
    assert torch.equal(weights(again.model), expected)
    assert [{**check, "seconds": 0} for check in again.history] == [{**check, "seconds": 0} for check in fit.history]


def test_training_leaves_the_random_numbers_of_others_alone():
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002 - the state that others share is what is looked at
    expected = torch.rand(2), np.random.rand(2)  # noqa: NPY002
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    train(ae.read(picture()), SMALL.but(steps=3), NETWORK.but(variational=True, dropout=0.5))
    assert torch.equal(torch.rand(2), expected[0])
    assert np.array_equal(np.random.rand(2), expected[1])  # noqa: NPY002


def test_a_checkpoint_belongs_to_its_images(tmp_path):
    fit = Fit.on(ae.read(picture()), SMALL, NETWORK)
    next(iter(fit))
    fit.save(tmp_path / "c.aeseg")
    with pytest.raises(ValueError, match="was trained on other images"):
        Fit.load(tmp_path / "c.aeseg", ae.read(picture(seed=1)))
    with pytest.raises(ModelFileError, match="holds a checkpoint, no autoencoder"):
        ae.Autoencoder.load(tmp_path / "c.aeseg")
    fit.model.save(tmp_path / "m.aeseg")
    with pytest.raises(ModelFileError, match="no checkpoint"):
        Fit.load(tmp_path / "m.aeseg", ae.read(picture()))


def test_patience_stops_and_the_best_weights_are_kept():
    # A rate that keeps rising makes things worse sooner or later.
    fit = Fit.on(
        ae.read(picture()), SMALL.but(steps=2000, patience=2, optimizer="sgd", learning_rate=0.5, warmup=0.2), NETWORK
    )
    losses = [step.validation for step in fit if step.validation is not None]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 40
    assert "has not improved in 2 checks" in fit.stopped
    kept = fit.learner.net.state_dict().keys()
    assert all(torch.equal(fit.best[name], fit.model.net.state_dict()[name]) for name in kept if "weight" in name)
    fit.learner.net.load_state_dict(fit.best)
    assert fit._validated() == losses[best]


def test_training_stops_at_the_target_and_when_time_is_up():
    stack = ae.read(picture())
    first = next(iter(Fit.on(stack, SMALL, NETWORK))).loss
    fit = Fit.on(stack, SMALL.but(steps=500, target_loss=0.7 * first), NETWORK)
    checks = [step.validation for step in fit if step.validation is not None]
    assert fit.number < 500
    assert checks[-1] <= 0.7 * first < min(checks[:-1], default=np.inf)
    assert "the target is" in fit.stopped

    fit = Fit.on(stack, SMALL.but(steps=100_000, max_minutes=0.005), NETWORK)
    for _ in fit:
        pass
    assert 0.3 <= fit.seconds < 3
    assert "minutes are over" in fit.stopped


def test_without_anything_held_back_nothing_is_checked():
    fit = Fit.on(ae.read(picture()), SMALL.but(validation=0), NETWORK)
    assert all(step.validation is None for step in fit)
    assert [check["validation"] for check in fit.history] == [None] * 3


def test_the_model_knows_where_it_comes_from(tmp_path):
    image = ae.read(picture(), spacing=(0.5, 0.25))
    trained = train(image, SMALL, NETWORK)
    assert trained.network == NETWORK.but(ndim=2)
    assert trained.training == SMALL
    assert trained.spacing == (0.5, 0.25)
    assert trained.info["runs"][0] | {"seconds": 0, "date": 0} == {
        "date": 0,
        "steps": 24,
        "seconds": 0,
        "stopped": "",
        "seed": 0,
        "batch": 2,
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "precision": trained.info["runs"][0]["precision"],
        "threads": 1,
    }
    assert trained.info["trained_on"] == [image.image.name]
    assert 0 < trained.info["errors"]["mean"] <= trained.info["errors"]["most"]
    trained.save(tmp_path / "m.aeseg")
    assert ae.Autoencoder.load(tmp_path / "m.aeseg").info == trained.info


def test_statistics_are_those_of_the_whole_image_and_frozen():
    trained = train(ae.read(picture(48, 40)), SMALL, NETWORK)
    x = torch.from_numpy(trained.normalizer.apply(picture()[None]))[None]
    seen = {}
    norm = trained.net.encoder[0][0][1]
    norm.register_forward_pre_hook(lambda _, inputs: seen.update(x=inputs[0]))
    trained.reconstruct(x)
    torch.testing.assert_close(norm.running_mean, seen["x"].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, seen["x"].var((0, 2, 3), correction=0), rtol=1e-4, atol=1e-5)
    before = norm.running_mean.clone()
    trained.reconstruct(10 * x)
    assert torch.equal(norm.running_mean, before)


def test_a_model_is_trained_further(tmp_path):
    stack = ae.read(picture())
    first = train(stack, SMALL, NETWORK)
    first.save(tmp_path / "m.aeseg")
    loaded = ae.Autoencoder.load(tmp_path / "m.aeseg")
    before = weights(loaded)
    fit = Fit.on(ae.read(picture(seed=5)), SMALL.but(steps=5), model=loaded)
    steps = list(fit)
    assert len(steps) == 5
    assert torch.equal(weights(loaded), before)
    assert not torch.equal(weights(fit.model), before)
    assert fit.model.normalizer.deviation == loaded.normalizer.deviation
    assert [run["steps"] for run in fit.model.info["runs"]] == [24, 5]
    assert len(fit.model.history) == len(first.history) + 1
    with pytest.raises(ValueError, match="takes 1 channels, the images have 2"):
        Fit.on(ae.read(np.zeros((2, 30, 30)), axes="CYX"), SMALL, model=loaded)
    with pytest.raises(ValueError, match="network or model, not both"):
        Fit.on(stack, SMALL, NETWORK.but(width=8), model=loaded)


def test_no_steps_give_an_untrained_but_usable_model():
    untrained = train(ae.read(picture()), SMALL.but(steps=0), NETWORK)
    assert np.isfinite(untrained.errors(np.ones((1, 1, 16, 16), np.float32))).all()
