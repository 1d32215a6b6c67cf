"""Segment an image by what a vision transformer says of it.

    python examples/transformer.py MODEL.pt IMAGE LABELS.tif [K]

MODEL.pt is a TorchScript file on this computer, such as one written from DINOv2:

    model = torch.hub.load("facebookresearch/dinov2", "dinov2_vits14")
    traced = torch.jit.trace(Tokens(model), torch.zeros(1, 3, 224, 224))

where `Tokens` calls `model.forward_features(x)["x_norm_patchtokens"]`. A module that is loaded in Python needs no such
file: `ae.Autoencoder.of(model)`.
"""

import sys

import tifffile

import napari_ae_seg as ae

if len(sys.argv) < 4:
    sys.exit(__doc__)
path, image, out, k = [*sys.argv[1:4], int(sys.argv[4]) if len(sys.argv) > 4 else 4]
model = ae.Autoencoder.of(path, halo=112)
print(model)
segments = ae.segment(image, k, model=model, features="latent")
tifffile.imwrite(out, segments.labels)
print(segments)
