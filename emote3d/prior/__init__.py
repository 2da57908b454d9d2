"""Stage 4, the temporal motion prior."""
