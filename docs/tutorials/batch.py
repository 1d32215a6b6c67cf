# %% [markdown]
# # A folder of images
#
# Clusters found once mean the same in every image. Find them on a few, look, and apply them to the rest. Here the
# folder is drawn first.

# %%
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile
from pictures import show

import napari_ae_seg as ae
from napari_ae_seg.samples import scenes

folder = Path("images")
folder.mkdir(exist_ok=True)
for number in range(4):
    picture, _ = scenes.nuclei(np.random.default_rng(number), 192, radius=9)
    tifffile.imwrite(folder / f"well{number}.tif", (4000 * picture).astype(np.uint16))

# %%
first = ae.read([folder / "well0.tif", folder / "well1.tif"])
segmenter = ae.Segmenter.fit(None, first, ae.SegmentationConfig(n_clusters=2)).rename(2, "nuclei")
segmenter.save("wells.aeseg")

# %% [markdown]
# From the command line, for all of them. An image that cannot be read is listed at the end, and the others are done.

# %%
command = [sys.executable, "-m", "napari_ae_seg", "segment", *map(str, sorted(folder.glob("*.tif")))]
done = subprocess.run(
    [*command, "--model", "wells.aeseg", "--out", "labels", "--table", "wells.csv", "--quiet"],
    env=os.environ,
    check=True,
    capture_output=True,
    text=True,
)
written = sorted(path.name for path in Path("labels").iterdir())
print(*written, sep="\n")
print(Path("wells.csv").read_text().splitlines()[0][:100])

# %%
labels = [tifffile.imread(Path("labels") / name).astype(np.int32) for name in written]
show(**{f"well_{number}": label for number, label in enumerate(labels)})

# %% [markdown]
# The same from the dock: *Folder of images* under the table of clusters. An image unlike those the model was made for
# is warned of.
