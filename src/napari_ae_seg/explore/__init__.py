"""Exploring clusters: latents on a plane, prototypes beside typical patches, and the active units."""
