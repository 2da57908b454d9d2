"""Stage 3, latents to latents of the motion prior; and what the voice does not determine."""
