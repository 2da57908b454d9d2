"""Stage 9, the same flow chunk by chunk for a live engine."""
