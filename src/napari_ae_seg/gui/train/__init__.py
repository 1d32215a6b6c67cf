"""The Train autoencoder dock."""
