"""Scenes with known truth: what is where (layouts), how it looks (appearance), what the microscope adds (optics)."""
