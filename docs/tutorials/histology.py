# %% [markdown]
# # Tissue stained with H&E
#
# A color image with four things in it: glass, fibrous stroma, plasma and nuclei. First with the number chosen from
# the data.

# %%
from pictures import agreement, show

import napari_ae_seg as ae

sample = ae.samples.draw("tissue")
stack = ae.read(sample.image, axes=sample.axes, spacing=sample.spacing)
segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig())
print(segmenter.apply(stack).sentence)

# %% [markdown]
# The number is yours to say. `recluster` keeps the features and answers at once; the numbers of the clusters stay
# where they can.

# %%
segmenter = segmenter.recluster(n_clusters=4)
segments = segmenter.apply(stack)
show(image=sample.image, labels=segments.labels)
score = agreement(segments.labels, sample.truth)
print(f"agreement with what was drawn: {score:.2f}")

# %% [markdown]
# Share of each cluster of the section, how sure its pixels are, and its mean color:

# %%
for row in zip(*(segments.table[name] for name in ("name", "share", "confidence")), strict=True):
    print("{}: {:.0%} of the image, confidence {:.2f}".format(*row))
segments.to_csv("tissue.csv")

# %% [markdown]
# Where two clusters are one thing to you, `segmenter.merge(1, 3)` makes them one; where one is two,
# `segmenter.split(2)` parts it. Each gives a new segmenter, so the one before is the way back.
# `segmenter.save("tissue.aeseg")` keeps all of it for the next slide.
