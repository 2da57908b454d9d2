"""`emote3d serve`: live faces for other programs over WebSocket, Live Link Face and VMC. Needs the extra [serve]."""
