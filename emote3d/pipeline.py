"""The whole flow on one page: speech to motion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emote3d.audio.load import load_speech
from emote3d.errors import Emote3DError
from emote3d.files import asset_path
from emote3d.latents.direction import GESTURES, Direction
from emote3d.motion import resample_motion
from emote3d.performers import FacePerformer, Heard, Redirectable, load_performer
from emote3d.performers.bodies import BodyPerformer, load_body
from emote3d.performers.gesturing import in_step
from emote3d.performers.memory import heard_again, remember
from emote3d.performers.open_face import MOTION_FPS
from emote3d.performers.reference import referenced
from emote3d.records import Motion, Speech
from emote3d.transcript import spoken_in

if TYPE_CHECKING:
    from emote3d.body import BodyModel
    from emote3d.retarget import RetargetMap
    from emote3d.stream.gestures import BodyMaker
    from emote3d.stream.model import LiveModel
    from emote3d.stream.session import Stream

Source = str | Path | tuple[np.ndarray, int] | Speech
"""A recording: a path, a (samples, rate) pair, or a `Speech`."""


class Emote3D:
    """Speech in, motion out."""

    def __init__(self, face: FacePerformer, body_folder: Path | None = None) -> None:
        self.face, self._body_folder = face, body_folder

    @classmethod
    def from_pretrained(cls, checkpoint: Path | str | None = None, *, demo_compat: bool = False) -> Emote3D:
        """Load a checkpoint folder, by default the shipped `checkpoints/open-v1`; damaged ones raise `Emote3DError`.

        Args:
            demo_compat: with an EMOTE checkpoint, hear the audio as its own demo does, with its padding mistake.
        """
        folder = Path(checkpoint) if checkpoint is not None else asset_path("checkpoints", "open-v1")
        return cls(load_performer(folder, demo_compat), folder)

    @cached_property
    def body(self) -> BodyPerformer | None:
        """What moves the body: the checkpoint's own, else the shipped one; None where no folder was given."""
        return None if self._body_folder is None else load_body(self._body_folder)

    @cached_property
    def retarget(self) -> RetargetMap | None:
        """The map from the checkpoint's coefficients to ARKit's shapes, where it holds one; damaged ones raise `Emote3DError`."""
        from emote3d.retarget import kept_map

        return None if self._body_folder is None else kept_map(self._body_folder)

    @cached_property
    def avatar(self) -> BodyModel:
        """The open avatar."""
        from emote3d.body import open_avatar

        return open_avatar()

    @cached_property
    def live(self) -> LiveModel:
        """The live networks, loaded when a stream is first opened."""
        from emote3d.stream.model import LiveModel

        return LiveModel.from_pretrained()

    def stream(
        self, direction: Direction | None = None, *, look_ahead_ms: float = 80.0, seed: int = 0, body: bool = False
    ) -> Stream:
        """Perform sound as it comes in; see `Stream`. Several streams may go on side by side.

        Args:
            body: whether `Stream.bodies` gives a body as well, later than the face.

        Raises:
            Emote3DError: a look-ahead or a direction that a live stream cannot do; a body is asked of a checkpoint without.
        """
        from emote3d.stream.session import Stream

        return Stream(self.live, direction or Direction(), look_ahead_ms, seed, self.live_body if body else None)

    @cached_property
    def live_body(self) -> BodyMaker:
        """Makes live bodies.

        Raises:
            Emote3DError: the checkpoint has no body that can gesture live.
        """
        from emote3d.performers.live_body import live_bodies

        return live_bodies(self.body)

    def animate(
        self,
        source: Source,
        direction: Direction | None = None,
        *,
        seed: int = 0,
        fps: float = MOTION_FPS,
        body: bool = True,
    ) -> Motion:
        """Perform a recording. The same seed gives the same motion.

        Args:
            body: whether the body gestures (the shipped one, where the checkpoint has none); without, only the face does.

        Raises:
            Emote3DError: the recording cannot be used, or the direction asks for what the checkpoint cannot do.
        """
        return self.animate_each(source, [direction or Direction()], seed=seed, fps=fps, body=body)[0]

    def animate_each(
        self,
        source: Source,
        directions: Iterable[Direction],
        *,
        seed: int = 0,
        fps: float = MOTION_FPS,
        body: bool = True,
    ) -> list[Motion]:
        """Perform a recording under several directions; it is listened to once. Raises as `animate`."""
        speech, directions = load_speech(source), list(directions)
        mover = self.body if body else None
        for one in directions:
            self.face.check(one)
            if mover is not None:
                mover.check(one)
        heard = self.face.listen(speech)
        sound = None if mover is None else mover.listen(speech, heard)
        said, duration_s = [spoken_in(speech, one) for one in directions], speech.duration_s
        del speech  # an hour of it is 230 MB
        motions = [
            self._act(replace(heard, words=words), one, seed, duration_s, sound)
            for words, one in zip(said, directions, strict=True)
        ]
        return [resample_motion(motion, fps, duration_s) for motion in motions]

    def redirect(self, motion: Motion, direction: Direction, *, seed: int | None = None) -> Motion:
        """Perform what a motion was made from in another way, without the audio; a body stays as it is.

        Args:
            seed: of blinks, gaze and head drift (default: as before).

        Raises:
            Emote3DError: the motion does not say what it was made from, or another checkpoint made it.
        """
        origin = motion.origin
        if origin is None:
            raise Emote3DError("this motion does not say what it was made from; animate the recording again")
        if not isinstance(self.face, Redirectable) or origin.model != self.face.fingerprint:
            raise Emote3DError("this motion was made by another checkpoint; name it, or animate the recording again")
        if direction.transcript is not None:
            raise Emote3DError(
                "a transcript is aligned with the recording: give it to animate, redirect remembers its words"
            )
        if any(getattr(direction, name) != getattr(Direction(), name) for name in GESTURES):
            raise Emote3DError(
                f"redirect leaves the body as it is; for {', '.join(GESTURES)} animate the recording again"
            )
        seed = origin.seed if seed is None else seed
        new = self._act(heard_again(origin), direction, seed, origin.duration_s)
        return replace(resample_motion(new, motion.fps, origin.duration_s), body=motion.body)

    def _act(self, heard: Heard, direction: Direction, seed: int, duration_s: float, sound: object = None) -> Motion:
        performed, listened = referenced(direction, heard, self.face, self.redirect)
        face = self.face.act(listened, performed, seed)
        origin = None
        if isinstance(self.face, Redirectable):
            origin = remember(heard, direction, self.face, seed, duration_s)
        body = None
        if sound is not None and self.body is not None:
            moved = self.body.perform(sound, listened, performed, seed)
            body = in_step(moved, self.body.fps, face, self.face.fps)
        return Motion(face=face, body=body, fps=self.face.fps, origin=origin)
