"""Networks that look at a moving face and say what it says and feels: losses of the training, and measures."""

from emote3d.perception.interfaces import LipReader, MotionEmotionNet, Sight
from emote3d.perception.reading import EmotionReading, load_emotion_net, load_lip_reader, read_emotion

__all__ = [
    "EmotionReading",
    "LipReader",
    "MotionEmotionNet",
    "Sight",
    "load_emotion_net",
    "load_lip_reader",
    "read_emotion",
]
