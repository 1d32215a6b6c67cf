# %% [markdown]
# # Magnetic resonance of a head
#
# A drawn head: fluid, grey matter, white matter, and air around it; noise, and a shade across the field as a coil
# gives it. Learn inside a region of interest, so that air does not take a cluster.

# %%
import numpy as np
from pictures import agreement, show
from scipy import ndimage

import napari_ae_seg as ae

rng = np.random.default_rng(1)
z, y, x = np.meshgrid(np.linspace(-1, 1, 24), np.linspace(-1, 1, 112), np.linspace(-1, 1, 96), indexing="ij")
folds = 0.08 * ndimage.gaussian_filter(rng.normal(0, 12, z.shape), (2, 4, 4))
depth = np.sqrt(z**2 + (y / 0.9) ** 2 + (x / 0.8) ** 2) + folds
truth = np.select([depth < 0.25, depth < 0.65, depth < 0.85], [1, 3, 2], 0)  # fluid, white, grey, air
clean = np.array([0.02, 0.25, 0.6, 0.85])[truth] * (1 + 0.15 * y)
image = (np.abs(clean + rng.normal(0, 0.04, z.shape)) * 1000).astype(np.float32)
stack = ae.read(image, axes="ZYX", spacing=(2, 1, 1))

# %% [markdown]
# NaN is no data: it gets label 0 and has no say. Here everything outside the head is made so; `--roi` on the command
# line and *Learn inside* in the docks do it with a mask.

# %%
inside = ndimage.binary_opening(ndimage.gaussian_filter(image, 2) > 150, iterations=2)
stack = ae.read(np.where(inside, image, np.nan), axes="ZYX", spacing=(2, 1, 1))
segments = ae.segment(stack, 3)
middle = len(image) // 2
show(slice=image[middle], labels=segments.labels[middle], drawn=truth[middle].astype(np.int32))
score = agreement(segments.labels[inside], truth[inside])
print(f"agreement inside the head: {score:.2f}")

# %% [markdown]
# The thin rim in the color of fluid is a fault: a pixel at the edge of the head holds half air and half brain, and is
# as dark as fluid. A mask that is a pixel smaller leaves the rim out.

# %%
smaller = ndimage.binary_erosion(inside)
segments = ae.segment(ae.read(np.where(smaller, image, np.nan), axes="ZYX", spacing=(2, 1, 1)), 3)
show(labels=segments.labels[middle], drawn=truth[middle].astype(np.int32))
score = agreement(segments.labels[smaller], truth[smaller])
print(f"agreement inside the smaller mask: {score:.2f}")

# %% [markdown]
# NIfTI and DICOM are read with `pip install "napari-ae-seg[medical]"`, and labels are written as NIfTI in the same
# place. For research, not for diagnosis.
