"""From features to labels: feature spaces, clustering, smoothing, regions, guidance; knows nothing of networks or files."""
