# %% [markdown]
# # Gallery
#
# Successes and failures, as they come: the number of clusters is given, nothing else. Each row shows the image, the
# labels that were found, and what is right: the package drew the images, so that is known. The number below is the
# mean intersection over union with it: 1 is perfect. All pictures are made anew whenever this page is.

# %%
import numpy as np
from pictures import agreement, like, show
from scipy import ndimage

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes


def row(image, truth, **fields):
    """Segment and show one image."""
    axes = "YXC" if image.ndim == 3 else "YX"
    found = ae.segment(image, len(np.unique(truth)), axes=axes, **fields)
    show(image=image, labels=like(truth, found.labels), what_is_right=truth.astype(np.int32))
    print(f"{agreement(found.labels, truth):.2f}  {found.sentence}")


# %% [markdown]
# ## Where it does well
#
# Nuclei on a dark ground differ in brightness: the easy case. Dim ones and rims are what is missed.

# %%
row(*scenes.nuclei(np.random.default_rng(7), 256, radius=12))

# %% [markdown]
# Cells in phase contrast: a cell is as bright as the ground, with a bright halo. The encoder knows what surrounds a
# pixel.

# %%
row(*scenes.phase(np.random.default_rng(3), 256))

# %% [markdown]
# Fibres in patches on a dark ground: the gaps between threads belong to the patch.

# %%
row(*scenes.fibers(np.random.default_rng(5), 256))

# %% [markdown]
# Cells with bright membranes and faint nuclei.

# %%
row(*scenes.cells(np.random.default_rng(3), 256, diameter=40))

# %% [markdown]
# Five textures of equal brightness.

# %%
sample = ae.samples.draw("textures")
row(sample.image, sample.truth)

# %% [markdown]
# ## Where it does poorly, and what helps
#
# A blood smear. Red cells and glass are right. The violet rim of white cells is a thin thing between two others, and is
# taken for red cells and nuclei. A few [strokes](../segment.md#what-you-paint-stays) on rims help.

# %%
row(*scenes.blood(np.random.default_rng(2), 256))

# %% [markdown]
# Organelles in electron microscopy that differ in meaning, not in look: a mitochondrion is as dark as a membrane, so
# the third cluster is spent on something else. Ask for two clusters, or use strokes where the inside looks different;
# else a model trained on labels.

# %%
row(*scenes.electron(np.random.default_rng(8), 256))

# %% [markdown]
# Strong shade across the image: what lies in the dark is lost, and `features="corrected"` does not bring it
# back here. Take out the shade before.

# %%
image, truth = scenes.nuclei(np.random.default_rng(9), 256, radius=12)
shade = np.linspace(0.1, 1, 256)[None] ** 2
row((image * shade + 0.4 * shade).astype(np.float32), truth)

# %% [markdown]
# Things of two or three pixels under noise: the encoder sees noise, and parts the image somewhere.

# %%
rng = np.random.default_rng(0)
truth = (ndimage.gaussian_filter(rng.random((128, 128)), 1.0) > 0.62).astype(int) + 1
specks = (truth + rng.normal(0, 0.35, truth.shape)).astype(np.float32)
row(specks, truth)

# %% [markdown]
# Here brightness is what tells, and `features="intensity"` looks at nothing else.

# %%
row(specks, truth, features="intensity")

# %% [markdown]
# Nothing but noise has no parts. Two clusters are made all the same when two are asked for, and the confidence does not
# warn of them: it says how clear the choice between *these* clusters is. Look at the labels, and at a second image.

# %%
noise = np.random.default_rng(0).normal(size=(128, 128)).astype(np.float32)
found = ae.segment(noise, 2)
show(image=noise, labels=found.labels, confidence=found.confidence)
print(f"confidence {found.confidence.mean():.2f} on average")
