"""Interrupts and kills verbs at random moments: each runs in a child of this process, which has imported everything already.

`python faults_driver.py FOLDER TIMES SEED` prints one JSON line a try.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sounds import write_wav

from emote3d.checkpoint import load_component, save_component
from emote3d.cli import main
from emote3d.files import discard_unfinished
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig

torch.set_num_threads(1)  # a forked child has no OpenMP threads
OLD = b"what was there before\n"
CONFIG = SpeechEncoderConfig(feature_d=8, content_d=8)


def command(*arguments: str | Path) -> None:
    """Run a verb as a user does; SystemExit gives its code."""
    sys.argv = ["emote3d", *map(str, arguments)]
    main()


def tone(path: Path, seconds: float) -> Path:
    """A voiced sound with pauses."""
    time_s = np.arange(int(16000 * seconds)) / 16000
    return write_wav(path, 0.3 * np.sign(np.sin(2 * np.pi * 140 * time_s)) * np.abs(np.sin(2 * np.pi * 3 * time_s)))


class Scene:
    """The verbs, what each writes, and what is written when nothing disturbs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        speech, motion = tone(folder / "speech.wav", 1.0), folder / "motion.npz"
        command("animate", speech, "-o", motion, "-q")
        software = ("--size", "128x128", "--backend", "software", "-q")
        self.verbs: dict[str, tuple[Path, tuple[str | Path, ...]]] = {
            "render": (folder / "talk.mp4", ("render", speech, "-o", folder / "talk.mp4", *software)),
            "animate": (folder / "made.npz", ("animate", speech, "-o", folder / "made.npz", "-q")),
            "export": (folder / "made.glb", ("export", motion, "-o", folder / "made.glb", "-q")),
        }
        self.new: dict[str, bytes] = {}
        self.seconds: dict[str, float] = {"component": 0.2}
        for name, (output, arguments) in self.verbs.items():
            began = time.monotonic()
            command(*arguments)
            self.seconds[name], self.new[name] = time.monotonic() - began, output.read_bytes()
            output.write_bytes(OLD)

    def run(self, name: str) -> None:
        """Once, as a user does; the component is saved over and over."""
        if name != "component":
            command(*self.verbs[name][1])
            return
        try:
            self._save_without_end()
        except KeyboardInterrupt:
            discard_unfinished()

    def _save_without_end(self) -> None:
        generator = random.Random(0)
        while True:
            torch.manual_seed(generator.randrange(1000))
            save_component(self.folder / "component", SpeechEncoder(CONFIG), CONFIG, {"training_command": "none"})

    def problem(self, name: str) -> str | None:
        """What is wrong with what is there now."""
        if name == "component":
            if (self.folder / "component").exists():
                load_component(self.folder / "component", SpeechEncoder, SpeechEncoderConfig)
            return None
        content = self.verbs[name][0].read_bytes()
        whole = content in (OLD, self.new[name])
        return None if whole else f"{len(content)} bytes, neither the old nor the new file"

    def unfinished(self) -> list[str]:
        """Hidden leftovers."""
        return [path.name for path in self.folder.rglob(".*")]


def one(scene: Scene, name: str, number: signal.Signals, after_s: float) -> dict[str, object]:
    """Send a signal some time after the start."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 0
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(os.open(str(scene.folder / "stderr"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        try:
            scene.run(name)
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        finally:
            os._exit(code)
    time.sleep(after_s)
    sent = time.monotonic()
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    result: dict[str, object] = {
        "verb": name,
        "after_s": round(after_s, 3),
        "signal": number.name,
        "ended_s": round(time.monotonic() - sent, 3),
    }
    code = os.waitstatus_to_exitcode(status)
    said = (scene.folder / "stderr").read_text().splitlines() if (scene.folder / "stderr").exists() else []
    result |= {"code": code, "said": said, "problem": scene.problem(name)}
    result["left"] = [] if number == signal.SIGKILL else scene.unfinished()
    return result


def run() -> None:
    """All tries."""
    folder, times, seed = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are told to ignore it
    scene, chance = Scene(Path(folder)), random.Random(int(seed))
    for number in (signal.SIGINT, signal.SIGKILL):  # a killed process may leave a hidden file, the other one may not
        for name in (*scene.verbs, "component"):
            for _ in range(int(times)):
                moment = chance.uniform(0.02, 0.95) * scene.seconds[name]
                print(json.dumps(one(scene, name, number, moment)), flush=True)


if __name__ == "__main__":
    run()
