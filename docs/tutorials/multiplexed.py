# %% [markdown]
# # Multiplexed tissue
#
# Any number of channels, here six: nuclei in the first, a marker of one type of cell in each of three others, and two
# that show nothing but noise. No channel has to be chosen beforehand.

# %%
import numpy as np
from pictures import agreement, show
from scipy import ndimage

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes

rng = np.random.default_rng(0)
nuclei, where = scenes.nuclei(rng, 256, radius=9)
numbers, count = ndimage.label(where == 2)
kind = np.concatenate([[0], rng.integers(1, 4, count)])[numbers]  # a type for each nucleus
channels = [nuclei] + [
    ndimage.gaussian_filter((kind == k) * 1.0, 1) + rng.normal(0, 0.15, kind.shape) for k in (1, 2, 3)
]
channels += [rng.normal(0, 0.15, kind.shape) for _ in range(2)]
image = np.stack(channels).astype(np.float32)
segments = ae.segment(image, 4, axes="CYX")
show(nuclei=image[0], first_marker=image[1], second_marker=image[2], labels=segments.labels)
score = agreement(segments.labels, kind)
print(f"agreement with the types drawn: {score:.2f}")

# %% [markdown]
# The table has the mean of every channel in every cluster, which says what a cluster is:

# %%
for row, name in enumerate(segments.table["name"]):
    means = [segments.table[f"mean channel {c}"][row] for c in range(len(image))]
    print(name, " ".join(f"{mean:5.2f}" for mean in means))

# %% [markdown]
# `ae.read(image, axes="CYX", channels=[0, 1, 2, 3])` looks at some channels only.
