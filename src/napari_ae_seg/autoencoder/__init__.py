"""The autoencoder: networks, training, encoding and decoding."""
