"""`python -m napari_ae_seg` is `napari-ae-seg`."""

from .cli.app import main

main()
