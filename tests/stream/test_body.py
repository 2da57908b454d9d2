"""The body of a stream: behind the face and never in its way, the same however the sound is cut, without seams."""

import numpy as np
import torch

from emote3d import Direction
from emote3d.body.limits import excess_deg
from emote3d.metrics.gestures import faults, foot_slide_cm_s, joint_speed_deg, places_of, rotations_of, seam_ratio
from emote3d.performers.open_body import OpenBody
from emote3d.records import BodyMotion, Motion, Speech
from emote3d.stream.gestures import BodyMaker
from emote3d.stream.model import LiveModel
from emote3d.stream.session import Stream


def joined(motions: list[Motion]) -> BodyMotion:
    bodies = [motion.body for motion in motions if motion.body is not None]
    return BodyMotion(
        joints_axis_angle=torch.cat([body.joints_axis_angle for body in bodies]),
        translation_m=torch.cat([body.translation_m for body in bodies]),
    )


def expressions(motions: list[Motion]) -> torch.Tensor:
    return torch.cat([motion.face.expression for motion in motions if motion.face is not None])


def run(model: LiveModel, maker: BodyMaker, samples: torch.Tensor, chunk: int) -> tuple[list[Motion], list[Motion]]:
    """What feed and flush give, and what bodies gives."""
    with Stream(model, Direction(emotion="happy"), seed=3, body=maker) as stream:
        faces, whole = [], []
        for part in samples.split(chunk):
            faces += stream.feed(part)
            whole += stream.bodies()
        faces.append(stream.flush())
        return faces, whole + stream.bodies(wait=True)


def test_the_chunking_leaves_no_trace_and_the_face_is_as_without(tiny: LiveModel, maker: BodyMaker, demo: Speech):
    faces, whole = run(tiny, maker, demo.waveform, 10**9)
    _, again = run(tiny, maker, demo.waveform[:32000], 701)
    assert torch.equal(joined(whole).joints_axis_angle[:16], joined(again).joints_axis_angle[:16])
    alone = Stream(tiny, Direction(emotion="happy"), seed=3)
    assert torch.equal(expressions(faces), expressions([*alone.feed(demo.waveform), alone.flush()]))
    assert torch.equal(expressions(whole), expressions(faces))
    assert len(joined(whole).translation_m) == 120


def test_it_gestures_without_seams_and_faults(open_body: OpenBody, tiny: LiveModel, maker: BodyMaker, demo: Speech):
    moved = joined(run(tiny, maker, demo.waveform, 4000)[1])
    _, inside_mm = faults(moved, open_body.skeleton, open_body.torso)
    excess = excess_deg(rotations_of(moved))
    assert seam_ratio(moved, 30) < 3
    assert excess.max() == 0 and inside_mm == 0
    assert foot_slide_cm_s(places_of(moved, open_body.skeleton), 30) < 1
    assert 10 < joint_speed_deg(moved, 30)[[16, 17, 18, 19, 20, 21]].mean() < 150


def test_a_frame_depends_on_no_more_sound_than_stated(tiny: LiveModel, maker: BodyMaker, demo: Speech):
    stream = Stream(tiny, Direction(), body=maker)
    stated_ms = stream.latency.body_look_ahead_ms
    assert stated_ms is not None and stated_ms < 2000
    frame = 40
    stream.feed(demo.waveform[: int((frame / 30 + stated_ms / 1000) * 16000) + 1])
    assert sum(motion.frames for motion in stream.bodies(wait=True)) > frame
    stream.close()


def test_it_goes_on_from_its_pose_after_a_barge_in(tiny: LiveModel, maker: BodyMaker, demo: Speech):
    with Stream(tiny, Direction(), body=maker) as stream:
        stream.feed(demo.waveform[:48000])
        before = joined(stream.bodies(wait=True))
        stream.reset()
        stream.feed(demo.waveform[:48000])
        after = joined(stream.bodies(wait=True))
    arms = slice(13, 22)
    step = (after.joints_axis_angle[0] - before.joints_axis_angle[-1])[arms].norm(dim=-1).max()
    usual = before.joints_axis_angle.diff(dim=0)[:, arms].norm(dim=-1).max()
    assert step < usual + 0.05


def test_silence_stands_almost_still(tiny: LiveModel, maker: BodyMaker):
    with Stream(tiny, Direction(), body=maker) as stream:
        stream.feed(np.zeros(16000 * 4, np.float32))
        moved = joined(stream.bodies(wait=True))
    assert joint_speed_deg(moved, 30)[16:22].mean() < 6


def test_without_a_body_there_is_none(tiny: LiveModel, demo: Speech):
    stream = Stream(tiny, Direction())
    stream.feed(demo.waveform)
    assert stream.bodies(wait=True) == [] and stream.latency.body_look_ahead_ms is None
