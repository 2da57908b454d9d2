"""Damaged files for `scripts/fuzz.py`: good ones of every kind, and ways to damage each so that its reader gets to see the damage."""
