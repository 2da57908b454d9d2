"""Readers that nobody here wrote."""
