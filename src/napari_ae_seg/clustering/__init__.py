"""Points become clusters; knows numbers and neighbors, neither images nor networks."""
