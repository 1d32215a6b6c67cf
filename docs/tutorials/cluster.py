# %% [markdown]
# # A cluster of machines
#
# An image that is too large for one computer, or for one night, is labelled in blocks by as many as there are. They
# share a folder, and nothing else has to be set up. Here three tasks take turns on one computer, and one of them is
# stopped in the middle.

# %%
import numpy as np
import zarr
from pictures import show

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes

tiles = [scenes.nuclei(np.random.default_rng(number), 512, radius=14)[0] for number in range(4)]
slide = np.tile(np.block([tiles[:2], tiles[2:]]), (2, 3))[:1100, :2600]
zarr.save_array("slide.zarr", (4000 * slide).astype(np.uint16))
stack = ae.read("slide.zarr", axes="YX", spacing=0.5)
print(stack)

# %% [markdown]
# Clusters are found once, on samples of the image, and saved: all machines use this file, so a label means the same in
# every block. Brightness is looked at here, which is quick; leave `features` out to have them chosen.

# %%
config = ae.SegmentationConfig(n_clusters=2, features="intensity")
ae.Segmenter.fit(None, stack, config).rename(2, "nuclei").save("slide.aeseg")

# %% [markdown]
# On a cluster, each task of a job array runs one line, with its own number and the number of all tasks:
#
#     napari-ae-seg segment slide.zarr --axes YX --model slide.aeseg --out labels.zarr --part 0/3
#
# The same from Python. The second task is stopped after its first block, as if its machine had lost power.

# %%
segmenter = ae.Segmenter.load("slide.aeseg")
for number in range(3):
    for done in ae.Job(segmenter, stack.image, "labels.zarr", share=(number, 3)):
        print(f"task {number}: {done.stage}, {done.done} of {done.total} blocks are done")
        if number == 1:
            break

# %% [markdown]
# The last step is the same line without `--part`. It does what is missing, and nothing twice; then the result gets its
# name.

# %%
job = ae.Job(segmenter, stack.image, "labels.zarr")
for done in job:
    print(f"last step: {done.stage}, {done.done} of {done.total} blocks are done")
labels = np.asarray(job.segments.labels)
show(slide=slide, labels=labels.astype(np.int32))

# %% [markdown]
# Does it matter that it was done in blocks? An image this small can be done in one piece, too, and compared:

# %%
whole = segmenter.apply(stack).labels
score = (labels == whole).mean()
print(f"pixels with the same label as in one piece: {score:.0%}")

# %% [markdown]
# With a scheduler of dask, `ae.Workers(address="tcp://10.0.0.1:8786")` or `--scheduler` hands out the blocks instead,
# and `--workers 4` starts four processes on one computer. Recipes: [SLURM](../slurm.md),
# [Kubernetes](../kubernetes.md), [Snakemake](../snakemake.md); what is kept when something breaks:
# [large images](../large.md).
