"""Writers of what the engine makes."""
