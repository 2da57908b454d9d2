"""Training of the shipped checkpoints."""
