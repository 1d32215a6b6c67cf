"""The versions of the libraries that results depend on."""

from importlib import metadata

LIBRARIES = ("napari-ae-seg", "numpy", "scipy", "torch", "scikit-learn", "scikit-image", "zarr", "tifffile")


def versions() -> dict[str, str]:
    """The versions of the libraries that results depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
