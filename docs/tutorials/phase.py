# %% [markdown]
# # Cells in phase contrast
#
# Here brightness misleads: a cell is darker than the ground, its halo brighter, and the ground is uneven. Compare
# what brightness alone gives with features that know what surrounds a pixel.

# %%
import numpy as np
from pictures import agreement, show

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes

image, truth = scenes.phase(np.random.default_rng(4), 256)
labels = {name: ae.segment(image, 2, features=name).labels for name in ("intensity", "texture")}
show(image=image, by_intensity=labels["intensity"], by_texture=labels["texture"])
for name, found in labels.items():
    print(f"{name}: agreement with what was drawn {agreement(found, truth):.2f}")

# %% [markdown]
# Neither may be good enough. A few strokes say what is meant: here five dabs each, on cells and on the ground, as a
# brush would paint them. `guided` learns from them, and the rest of the image follows.

# %%
stack = ae.read(image, axes="YX")
segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2))
strokes = np.zeros(image.shape, np.int32)
for label in (1, 2):
    ys, xs = np.nonzero(truth == label)
    rows = np.linspace(0, len(ys) - 1, 7).astype(int)[1:-1]
    for y, x in zip(ys[rows], xs[rows], strict=True):
        strokes[y : y + 4, x : x + 4] = np.where(truth[y : y + 4, x : x + 4] == label, label, 0)
guided = segmenter.guided(segmenter.prepare(stack), strokes).apply(stack)
show(image=image, strokes=strokes, guided=guided.labels)
score = agreement(guided.labels, truth)
print(f"guided: agreement with what was drawn {score:.2f}")
