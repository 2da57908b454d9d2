"""An imported AMUSE body under a direction: emotion and style come from voices, hands and feet are put right."""

from __future__ import annotations

from pathlib import Path

import torch

from emote3d.audio.load import load_speech
from emote3d.errors import Emote3DError
from emote3d.latents.direction import GESTURES, Direction
from emote3d.latents.emotions import AUTO
from emote3d.performers.amuse import AmuseBody, AmuseHeard
from emote3d.performers.face import Heard
from emote3d.performers.footing import Footing
from emote3d.prior.body import TRANSLATION, channels_from_body
from emote3d.records import BodyMotion, Speech

_SWAY_M = 0.25
"""How far the pelvis may be from the middle of the feet."""
_OF_A_LABEL = {"emotion", *GESTURES}
_ANY_VOICE = ("neutral", AUTO)
"""Emotions of a direction that leave the body to the voice."""


class AmuseGestures:
    """AMUSE's body as `render` and `animate` perform it."""

    def __init__(self, body: AmuseBody) -> None:
        self.body, self.footing = body, Footing()

    @classmethod
    def from_pretrained(cls, folder: Path) -> AmuseGestures:
        """Load what `emote3d import-checkpoint amuse` wrote."""
        return cls(AmuseBody.from_pretrained(folder))

    @property
    def fps(self) -> float:
        """Frame rate of the checkpoint, 30."""
        return self.body.fps

    def check(self, direction: Direction) -> None:
        """Raise `Emote3DError` for what AMUSE has no latent for: named emotions, motion files, sizes of gestures."""
        problems = [f"--emotion {direction.emotion}"] if direction.emotion.partition(":")[0] not in _ANY_VOICE else []
        problems += [f"--at {key.text}" for key in direction.key_frames() if _OF_A_LABEL & key.settings.keys()]
        problems += [f"--word {word}" for word, settings in direction.words() if _OF_A_LABEL & settings.keys()]
        files = {"emotion-from": direction.emotion_from, "style-from": direction.style_from}
        problems += [f"--{name} {path}" for name, path in files.items() if path and path.suffix.lower() == ".npz"]
        usual = Direction()
        changed = [name for name in GESTURES if getattr(direction, name) != getattr(usual, name)]
        problems += [f"--{name.replace('_', '-')}" for name in changed]
        if problems:
            raise Emote3DError(
                f"an AMUSE body takes emotion and style from voices only and cannot do {', '.join(problems)}; "
                "give recordings as --emotion-from and --style-from, or --no-body"
            )

    def listen(self, speech: Speech, heard: Heard | None = None) -> AmuseHeard:
        """Latents of a recording; nothing that the face heard is of use."""
        return self.body.listen(speech)

    def perform(self, sound: AmuseHeard, heard: Heard, direction: Direction, seed: int) -> BodyMotion:
        """Perform; the intensity is how far the way to the other voice's emotion is gone (1: all of it)."""
        for part in ("emotion", "style"):
            source: Path | None = getattr(direction, f"{part}_from")
            if source is not None:
                other = self.body.listen(load_speech(source), parts=(part,))
                share = direction.intensity if part == "emotion" else 1.0
                sound = sound.with_(**{part: other}, share=share)  # pyright: ignore[reportArgumentType]
        channels = channels_from_body(self.body.act(sound, seed))
        place = channels[:, TRANSLATION]
        channels[:, TRANSLATION] = (place - place.median(dim=0).values).clamp(-_SWAY_M, _SWAY_M)
        with torch.inference_mode():
            return self.footing.grounded(channels, self.footing.stance(0.0, seed))
