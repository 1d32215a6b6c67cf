# %% [markdown]
# # A stack in 3D
#
# A z axis longer than seven slices is taken as a volume: a label means the same above and below. The spacing matters,
# for slices lie farther apart than pixels; files bring theirs along.

# %%
import numpy as np
from pictures import agreement, show

import napari_ae_seg as ae

sample = ae.samples.draw("volume")
stack = ae.read(sample.image, axes="ZYX", spacing=sample.spacing)
print(stack)

# %%
segments = ae.segment(stack, 2)
middle = len(sample.image) // 2
upright = np.repeat(segments.labels[:, 64], 3, axis=0)  # a slice is as thick as three pixels are wide
show(slice=sample.image[middle], labels=segments.labels[middle], cut_along_z=upright)
score = agreement(segments.labels, sample.truth)
print(f"agreement with what was drawn: {score:.2f}")

# %% [markdown]
# Objects are counted in 3D, too. `ae.read(..., ndim=2)` takes each slice alone instead, with the same clusters in all
# of them: for stacks of few slices, or slices that do not fit each other.

# %%
objects = segments.objects(stack, labels=[2], config=ae.ObjectsConfig(method="distance", min_size=50))
print(objects.count, "nuclei")
