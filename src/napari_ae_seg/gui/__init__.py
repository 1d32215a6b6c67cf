"""The napari docks; the only room that imports napari and Qt."""
