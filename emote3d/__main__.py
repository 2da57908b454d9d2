"""Where the program starts, as `emote3d` or `python -m emote3d`: Ctrl-C is heeded while the command line is still being imported."""

from __future__ import annotations

import sys

from emote3d.errors import INTERRUPTED, INTERRUPTED_CODE


def main() -> None:
    """Run the command line (see `emote3d.cli`)."""
    try:
        from emote3d.cli import main as run

        run()
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        sys.exit(INTERRUPTED_CODE)


if __name__ == "__main__":
    main()
