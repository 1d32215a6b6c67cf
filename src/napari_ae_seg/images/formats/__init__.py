"""One file a format: how images are read and labels are written."""
