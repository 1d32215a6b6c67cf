# %% [markdown]
# # Nuclei in fluorescence
#
# From an image to a table of nuclei. The image is one that the package draws; a path, a napari layer or an array of
# your own goes in its place.

# %%
from pictures import agreement, show

import napari_ae_seg as ae

sample = ae.samples.draw("nuclei")
stack = ae.read(sample.image, axes=sample.axes, spacing=sample.spacing)
segmenter = ae.Segmenter.fit(None, stack, ae.SegmentationConfig(n_clusters=2))
segments = segmenter.apply(stack)
print(segments.sentence)
show(image=sample.image, labels=segments.labels)

# %% [markdown]
# Which of the two clusters holds the nuclei? The table says how bright each is. Give it a name, so that it is kept.

# %%
brightness = segments.table["mean channel 0"]
nuclei = segments.table["index"][brightness.index(max(brightness))]
segmenter = segmenter.rename(nuclei, "nuclei")
print(dict(zip(segments.table["name"], brightness, strict=True)))

# %% [markdown]
# `objects` numbers what touches within the cluster; touching nuclei are parted where they are narrow. Sizes are in
# the unit of the spacing, here square micrometres.

# %%
config = ae.ObjectsConfig(method="distance", min_size=40)
objects = segments.objects(stack, labels=[nuclei], config=config)
sizes = objects.table["measure"]
print(f"{objects.count} nuclei, of {sum(sizes) / len(sizes):.0f} square micrometres on average")
show(image=sample.image, nuclei=objects.labels)

# %% [markdown]
# What was drawn is known, so the result can be judged: the mean intersection over union of the two classes is

# %%
score = agreement(segments.labels, sample.truth)
print(f"{score:.2f}")

# %% [markdown]
# In napari, `viewer.add_image(sample.image, scale=sample.spacing)` and `viewer.add_labels(segments.labels,
# **segments.layer)` show the same, and the [Segment dock](../segment.md) does all of it with the mouse.
