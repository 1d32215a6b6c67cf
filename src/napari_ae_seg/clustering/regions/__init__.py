"""Tiny regions, merged by what they look like and by the edges between them."""
