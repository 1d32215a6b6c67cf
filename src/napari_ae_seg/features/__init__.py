"""What is clustered: spaces of features, fitted once and frozen."""
