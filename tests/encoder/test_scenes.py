import numpy as np
import pytest
import torch
from encoder import pool
from encoder.scenes.appearance import MODES
from encoder.scenes.layouts import KINDS, draw
from encoder.scenes.optics import normalized
from encoder.scenes.scene import Dice, Scenes, render


def scenes(seed: int, kind: str = "cells", mode: str | None = None, ndim: int = 2, n: int = 2) -> Scenes:
    layouts = [draw(np.random.default_rng((seed, i)), 48 if ndim == 2 else 24, ndim, kind) for i in range(n)]
    return render(layouts, Dice(seed), modes=[mode] * n)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_layout_has_the_classes_it_says_and_objects_inside_their_borders(kind, ndim):
    layout = draw(np.random.default_rng(3), 64 if ndim == 2 else 28, ndim, kind)

    assert np.unique(layout.classes).tolist() == list(range(layout.classes.max() + 1))
    assert (layout.classes.max() > 0) == (kind != "blank")
    inside = layout.instances > 0
    assert (layout.distance[inside] > 0).all()
    assert (layout.distance[~inside] < 0).all()
    assert (layout.center[~inside] == 0).all()
    for one in np.unique(layout.instances[inside]):
        assert layout.center[layout.instances == one].max() == 255


@pytest.mark.parametrize("kind", ["nuclei", "touching", "worms"])
def test_objects_are_what_is_not_background(kind):
    layout = draw(np.random.default_rng(5), 96, kind=kind)
    crumbs = (layout.parts > 0) & (layout.instances == 0)

    assert crumbs.sum() < 0.01 * crumbs.size
    assert (layout.parts[layout.instances > 0] > 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_seed_draws_the_same_scene_again_and_another_seed_another(mode):
    one, again, other = scenes(1, mode=mode), scenes(1, mode=mode), scenes(2, mode=mode)

    assert torch.equal(one.image, again.image)
    assert torch.equal(one.classes, again.classes)
    assert not torch.equal(one.image, other.image)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("mode", MODES)
def test_images_come_normalized_and_finite(mode, ndim):
    made = scenes(4, mode=mode, ndim=ndim)

    assert made.image.isfinite().all()
    assert made.clean.isfinite().all()
    torch.testing.assert_close(made.image.flatten(1).mean(1), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(made.image.flatten(1).std(1), torch.ones(2), atol=1e-2, rtol=0)


def test_classes_of_other_tone_are_apart_in_the_clean_image():
    made = scenes(6, "mosaic", "tone", n=1)
    means = torch.stack([made.clean[0][:, made.classes[0] == c].mean(1) for c in made.classes.unique()])

    assert torch.pdist(means).min() > 0.3


def test_classes_of_other_texture_have_about_the_same_mean():
    made = scenes(6, "mosaic", "texture", n=4)
    spread = [
        torch.stack([made.clean[i, 0][made.classes[i] == c].mean() for c in made.classes[i].unique()]).std()
        for i in range(4)
    ]

    assert torch.stack(spread).mean() < 0.5


def test_a_crop_is_turned_and_flipped_with_its_truth():
    layout = draw(np.random.default_rng(0), 64, kind="nuclei")
    made = render([layout] * 6, Dice(0), crop=32)

    for i in range(6):
        assert made.image[i].shape == (3, 32, 32)
        assert ((made.instances[i] > 0) == (made.distance[i] > 0)).all()
    assert len({tuple(c.flatten().tolist()) for c in made.classes}) > 1


def test_a_dim_channel_counts_for_less_but_is_not_lost():
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 0.04, 0])[:, None, None]
    deviations = normalized(x)[0].flatten(1).std(1)

    assert 0.15 < float(deviations[1] / deviations[0]) < 0.25
    assert float(deviations[2]) == 0


def test_a_shard_on_disk_is_the_shard_that_was_drawn(tmp_path):
    pool.fill(tmp_path, 2, shards=1, each=3, side=40)
    drawn, read = pool.shard(0, 2, each=3, side=40), pool.read(tmp_path, 0)

    assert [a.kind for a in read] == [a.kind for a in drawn]
    for a, b in zip(read, drawn, strict=True):
        assert a.has_objects is b.has_objects
        np.testing.assert_array_equal(a.classes, b.classes)
        np.testing.assert_array_equal(a.distance, b.distance)
