"""Stage 2, audio features to content, emotion and style latents."""
