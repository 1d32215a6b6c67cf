"""What docks share."""
