# %% [markdown]
# # Membranes in electron microscopy
#
# Grey plasma, dark seams, mitochondria nearly as dark. Thin dark lines are what smoothing erases first, so the
# smoothing is the setting to look at.

# %%
import numpy as np
from pictures import agreement, show

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes

image, truth = scenes.electron(np.random.default_rng(3), 256)
stack = ae.read(image, axes="YX", spacing=0.005)
segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2, stride=1))
membrane = (truth == 2).astype(np.int32) + 1
found = {}
for smoothing in (0, 2, 6):
    found[smoothing] = segmenter.recluster(smoothing=smoothing).apply(stack).labels
    print(f"smoothing {smoothing}: agreement with the membranes drawn {agreement(found[smoothing], membrane):.2f}")
show(image=image, smoothing_0=found[0], smoothing_6=found[6])
score = agreement(found[2], membrane)

# %% [markdown]
# The confidence says where a look is worth while: along seams, and at what is as dark as a seam and is none. Clusters
# tell apart what *looks* different. That a dark ring is a mitochondrion and a dark line a membrane is meaning, and
# needs [strokes](../segment.md#what-you-paint-stays).

# %%
segments = segmenter.apply(stack)
show(image=image, labels=segments.labels, confidence=segments.confidence)
