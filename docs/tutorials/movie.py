# %% [markdown]
# # A movie
#
# Frames are clustered together, so that label 2 of the first frame and of the last are the same thing.

# %%
from pictures import agreement, show

import napari_ae_seg as ae

sample = ae.samples.draw("divisions")
segments = ae.segment(sample.image, 2, axes="TYX", spacing=sample.spacing)
show(first=sample.image[0], last=sample.image[-1], first_labels=segments.labels[0], last_labels=segments.labels[-1])
score = agreement(segments.labels, sample.truth)
print(f"agreement with what was drawn: {score:.2f}")

# %% [markdown]
# How much of each frame is nuclei:

# %%
for number, frame in enumerate(segments.labels):
    print(f"frame {number}: {(frame == 2).mean():.0%}")
