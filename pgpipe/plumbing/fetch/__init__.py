"""Large files from the network or from a user: known by their hash, there whole or not at all."""
