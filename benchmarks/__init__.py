"""Speed, memory and accuracy of the package; `python -m benchmarks` runs all, or those named."""
