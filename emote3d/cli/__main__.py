"""`python -m emote3d.cli`."""

from emote3d.cli import main

main()
