"""What the clusters are: latents on a plane, prototypes beside typical patches, the units that fire."""
