"""Stage 1, recording to audio features."""
