"""One self-contained web page on a segmentation: what a person puts in a paper's supplement."""
