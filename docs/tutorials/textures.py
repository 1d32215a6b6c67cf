# %% [markdown]
# # Textures
#
# Five surfaces of the same mean brightness. Here the encoder does the work: what it says of a place, averaged over
# some distance, is what tells the surfaces apart.

# %%
from pictures import agreement, show

import napari_ae_seg as ae

sample = ae.samples.draw("textures")
labels = {name: ae.segment(sample.image, 5, features=name).labels for name in ("intensity", "texture")}
show(image=sample.image, by_intensity=labels["intensity"], by_texture=labels["texture"])
for name, found in labels.items():
    print(f"{name}: agreement with what was drawn {agreement(found, sample.truth):.2f}")
score = agreement(labels["texture"], sample.truth)

# %% [markdown]
# Left alone, the features are chosen from the image, and a sentence says which:

# %%
print(ae.segment(sample.image, 5).sentence)

# %% [markdown]
# Where the surfaces are unlike anything the encoder has seen, let it learn yours first. Fifty steps are a start. Here
# it was not needed, and the number does not rise: look at whether the clusters get better, not at the loss.

# %%
model = ae.train(sample.image, ae.TrainingConfig(steps=50), model=ae.Autoencoder.shipped(2))
tuned = ae.segment(sample.image, 5, model=model, features="texture")
print(f"after 50 steps on this image: {agreement(tuned.labels, sample.truth):.2f}")
