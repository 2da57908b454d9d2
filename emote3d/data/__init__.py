"""Readers and builders of training sets, and the teachers that act them."""
