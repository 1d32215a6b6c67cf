"""The Explore latents dock."""
