# %% [markdown]
# # Cells in phase contrast
#
# Here brightness misleads: a cell is hardly darker than the ground, its halo brighter, and the ground is uneven.
# Compare what brightness alone gives with what is chosen from the image: the latents, which know what surrounds a
# pixel.

# %%
import numpy as np
from pictures import agreement, show

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes

image, truth = scenes.phase(np.random.default_rng(4), 256)
brightness = ae.segment(image, 2, features="intensity")
segments = ae.segment(image, 2)
print(segments.sentence)
show(image=image, by_brightness=brightness.labels, as_it_comes=segments.labels)
score = agreement(segments.labels, truth)
print(
    f"agreement with what was drawn: {agreement(brightness.labels, truth):.2f} by brightness, {score:.2f} as it comes"
)

# %% [markdown]
# Where that is not enough, a few strokes say what is meant: here five dabs each, on cells and on the ground, as a
# brush would paint them. `guided` learns from them, and the rest of the image follows. To see that it does, it starts
# from the clusters of brightness, which are wrong.

# %%
stack = ae.read(image, axes="YX")
segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2, features="intensity"))
strokes = np.zeros(image.shape, np.int32)
for label in (1, 2):
    ys, xs = np.nonzero(truth == label)
    rows = np.linspace(0, len(ys) - 1, 7).astype(int)[1:-1]
    for y, x in zip(ys[rows], xs[rows], strict=True):
        strokes[y : y + 4, x : x + 4] = np.where(truth[y : y + 4, x : x + 4] == label, label, 0)
guided = segmenter.guided(segmenter.prepare(stack), strokes).apply(stack)
show(image=image, strokes=strokes, guided=guided.labels)
print(f"guided: agreement with what was drawn {agreement(guided.labels, truth):.2f}")
