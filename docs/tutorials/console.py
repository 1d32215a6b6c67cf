# %% [markdown]
# # In napari's console
#
# The docks and the console look at the same things. `ae.current()` has the model, segmenter, segments and layer of
# what the Segment dock shows; layers go wherever an image goes. What follows is what one types; here a layer is made
# without a window.

# %%
from napari.layers import Image
from pictures import show

import napari_ae_seg as ae

sample = ae.samples.draw("cells")
layer = Image(sample.image[:256, :256], name="cells", scale=sample.spacing, units=("um", "um"))
segments = ae.segment(layer, 3)
print(segments)

# %% [markdown]
# `segments.layer` has name, colors, scale, units and the table: `viewer.add_labels(segments.labels,
# **segments.layer)`.

# %%
print(segments.layer["scale"], segments.layer["name"])
show(image=layer.data, labels=segments.labels)

# %% [markdown]
# Latents as an image, to look at or to use elsewhere:

# %%
model = ae.Autoencoder.shipped(2)
latents = ae.encode(model, layer, stride=1).array[0]
print(latents.shape)
show(latent_0=latents[0], latent_1=latents[1], latent_2=latents[2])

# %% [markdown]
# Every setting is explained by `help(ae.SegmentationConfig)`; `segments` and `segmenter` show a picture and a table
# in a notebook.
