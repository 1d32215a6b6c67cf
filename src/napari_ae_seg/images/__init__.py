"""Reading images as lazy stacks, normalising them, and cutting them into patches and tiles; never imports torch."""
