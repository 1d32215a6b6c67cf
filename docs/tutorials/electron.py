# %% [markdown]
# # Membranes in electron microscopy
#
# Bright plasma, dark seams, mitochondria nearly as dark. Seams are thin: `stride=1` looks at every pixel rather than
# every second one.

# %%
import numpy as np
from pictures import agreement, show

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes

image, truth = scenes.electron(np.random.default_rng(3), 256)
stack = ae.read(image, axes="YX", spacing=0.005)
segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2, stride=1))
segments = segmenter.apply(stack)
membrane = (truth == 2).astype(np.int32) + 1
score = agreement(segments.labels, membrane)
show(image=image, labels=segments.labels, membranes_drawn=membrane)
print(f"agreement with the membranes drawn: {score:.2f}")

# %% [markdown]
# Smoothing erases thin things first. `recluster` changes it without looking at the image again.

# %%
found = {}
for smoothing in (0, 6, 20):
    found[smoothing] = segmenter.recluster(smoothing=smoothing).apply(stack).labels
    print(f"smoothing {smoothing}: {agreement(found[smoothing], membrane):.2f}")
show(smoothing_0=found[0], smoothing_6=found[6], smoothing_20=found[20])

# %% [markdown]
# The confidence says where a look is worth while: along seams, and at what is as dark as a seam and is none. Clusters
# tell apart what *looks* different. That a dark ring is a mitochondrion and a dark line a membrane is meaning, and
# needs [strokes](../segment.md#what-you-paint-stays).

# %%
show(image=image, labels=segments.labels, confidence=segments.confidence)
