"""Peak memory of `emote3d animate` and `emote3d render` on long recordings, and whether it grows with their length.

    python scripts/bench_memory.py [--minutes 5,20] [--verbs animate,render] [--size 512x512] [--view face]

The recording is the demo's, over and over. Each verb runs in a process of its own; its memory is looked at twice a second, its peak is the system's word.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from emote3d.audio.load import load_speech
from emote3d.files import asset_path

BAR_MB = 2000


def recording(path: Path, minutes: float) -> Path:
    """The demo's recording repeated, 16 kHz."""
    speech = load_speech(asset_path("assets", "audio", "demo-congrats.flac"))
    samples = (speech.waveform.numpy() * 32767).astype("<i2")
    wanted = round(60 * minutes * speech.sample_rate)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.sample_rate)
        for start in range(0, wanted, len(samples)):
            file.writeframes(samples[: wanted - start].tobytes())
    return path


def memory_mb(process: int) -> tuple[float, float]:
    """Memory of a process now, and the most that it has had; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0, 0.0
    found = {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines if line.startswith(("VmRSS:", "VmHWM:"))}
    return found.get("VmRSS", 0.0), found.get("VmHWM", 0.0)


def measured(arguments: list[str]) -> dict[str, object]:
    """Run a verb and look at its memory."""
    began, seen, peak = time.monotonic(), [0.0], 0.0
    with subprocess.Popen([sys.executable, "-m", "emote3d", *arguments], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            now, most = memory_mb(process.pid)
            seen.append(now)
            peak = max(peak, most)
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"emote3d {arguments[0]} ended with {process.returncode}")
    parts = np.array_split(np.array(seen), 4)
    return {
        "peak_mb": round(peak),
        "peak_by_quarter_mb": [round(float(part.max(initial=0))) for part in parts],
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> int:
    """Measure and print a line of JSON a run; the exit code is 1 where a peak is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", default="5,20")
    parser.add_argument("--verbs", default="animate,render")
    parser.add_argument("--size", default="512x512")
    parser.add_argument("--view", default="face")
    arguments = parser.parse_args()
    worst = 0.0
    for minutes in map(float, arguments.minutes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            speech = str(recording(Path(folder) / "long.wav", minutes))
            outputs = {
                "animate": ["animate", speech, "-o", f"{folder}/m.npz"],
                "render": [
                    "render",
                    speech,
                    "-o",
                    f"{folder}/m.mp4",
                    "--view",
                    arguments.view,
                    "--size",
                    arguments.size,
                ],
            }
            for verb in arguments.verbs.split(","):
                result = measured([*outputs[verb], "-q"])
                worst = max(worst, float(str(result["peak_mb"])))
                print(
                    json.dumps({"verb": verb, "minutes": minutes, "load": round(os.getloadavg()[0], 1), **result}),
                    flush=True,
                )
    return 1 if worst > BAR_MB else 0


if __name__ == "__main__":
    sys.exit(main())
