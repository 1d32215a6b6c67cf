"""What every room stands on: errors, progress, devices, whole files, model files, filters."""
