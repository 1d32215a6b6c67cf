# %% [markdown]
# # Gallery
#
# Successes and failures, as they come: the number of clusters is given, nothing else. All images are drawn by the
# package, so what is right is known; the number under each row is the mean intersection over union with it, and the
# words say what to look for. The pictures are made anew whenever this page is.

# %%
import numpy as np
from pictures import agreement, show
from scipy import ndimage

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes


def row(image, truth, **fields):
    """Segment and show one image."""
    axes = "YXC" if image.ndim == 3 else "YX"
    found = ae.segment(image, len(np.unique(truth)), axes=axes, **fields)
    show(image=image, labels=found.labels, drawn=truth.astype(np.int32))
    print(f"{agreement(found.labels, truth):.2f}  {found.sentence}")


# %% [markdown]
# ## Where it does well
#
# Nuclei on a dark ground differ in brightness: the easy case. Dim ones and rims are what is missed.

# %%
row(*scenes.nuclei(np.random.default_rng(7), 256, radius=12))

# %% [markdown]
# Fibres in patches on a dark ground: the gaps between threads belong to the patch, and smoothing closes them.

# %%
row(*scenes.fibers(np.random.default_rng(5), 256))

# %% [markdown]
# A blood smear: four colors, and nuclei of white cells among them.

# %%
row(*scenes.blood(np.random.default_rng(2), 256))

# %% [markdown]
# Five textures of equal brightness.

# %%
sample = ae.samples.draw("textures")
row(sample.image, sample.truth)

# %% [markdown]
# ## Where it does poorly, and what helps
#
# Phase contrast: bodies, halos and ground are three brightnesses, and two of them mean the same.
# [Strokes](../segment.md#what-you-paint-stays) help.

# %%
row(*scenes.phase(np.random.default_rng(3), 256))

# %% [markdown]
# Cells with membranes and faint nuclei: a nucleus is hardly brighter than plasma, so a cluster is spent on noise or
# on rims instead. A stain of its own, or strokes, help.

# %%
row(*scenes.cells(np.random.default_rng(3), 256, diameter=40))

# %% [markdown]
# Organelles in electron microscopy that differ in meaning, not in look: a mitochondrion is as dark as a membrane.
# Strokes help where the inside looks different; else a model trained on labels does.

# %%
row(*scenes.electron(np.random.default_rng(8), 256))

# %% [markdown]
# Strong shade across the image and no texture: the same thing is dark on one side and bright on the other.

# %%
image, truth = scenes.nuclei(np.random.default_rng(9), 256, radius=12)
shade = np.linspace(0.1, 1, 256)[None] ** 2
row((image * shade + 0.4 * shade).astype(np.float32), truth)

# %% [markdown]
# The same objects in very few pixels: smoothing takes what is two pixels wide. `smoothing=0`, `stride=1` and a larger
# image help.

# %%
rng = np.random.default_rng(0)
truth = (ndimage.gaussian_filter(rng.random((128, 128)), 1.0) > 0.62).astype(int) + 1
row((truth + rng.normal(0, 0.35, truth.shape)).astype(np.float32), truth)

# %% [markdown]
# Nothing but noise has no parts. Two clusters are made when two are asked for; their confidence says that they mean
# little.

# %%
noise = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
found = ae.segment(noise, 2)
show(image=noise, labels=found.labels, confidence=found.confidence)
print(f"confidence {found.confidence.mean():.2f} on average")
