"""From features to labels: spaces, clustering, smoothing, regions, guidance; knows nothing of networks or files."""
