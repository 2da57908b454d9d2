"""When the words of a transcript are said."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from emote3d.errors import Emote3DError
from emote3d.latents.direction import Direction
from emote3d.latents.keys import SpokenWord
from emote3d.records import Speech

_WORST_SCORE, _WORST_FOREIGN_SCORE = -46.0, -58.0
"""Alignment scores below which the words are not those that are said. Right texts have -10 to -20 (-41 in noise at 5 dB; German with the
aligner's English sounds -24 to -53), texts of other recordings -52 to -82 (German -60 to -93)."""


def spoken_in(speech: Speech, direction: Direction) -> tuple[SpokenWord, ...] | None:
    """The words of a direction's transcript with their times by forced alignment; None without a transcript.

    Raises:
        Emote3DError: pocketsphinx or espeak-ng is missing, or the words do not fit the recording.
    """
    if direction.transcript is None:
        if direction.needs_words:
            raise Emote3DError("words are directed by a transcript: give --transcript TEXT or FILE.txt")
        return None
    from emote3d.data.alignment import Aligner, spoken_words
    from emote3d.data.espeak import Espeak

    text = _text(direction.transcript)
    words = spoken_words(text)
    if not words:
        raise Emote3DError(f"the transcript '{direction.transcript}' holds no words")
    try:
        aligner = Aligner(Espeak(), direction.language)
    except ImportError as error:
        raise Emote3DError(
            "word times need pocketsphinx: pip install 'emote3d[train]'; or give times in seconds instead of words"
        ) from error
    aligned = aligner.align((speech.waveform.numpy() * 32767).astype(np.int16), words)
    worst = _WORST_SCORE if direction.language.startswith("en") else _WORST_FOREIGN_SCORE
    if aligned is None or aligned.score < worst:
        raise Emote3DError(
            f"the transcript does not fit the recording: {len(words)} words, '{' '.join(words[:6])}...'; check text and --language"
        )
    times = zip(words, aligned.word_times_s, strict=True)
    return tuple(SpokenWord(text=word, start_s=start_s, end_s=end_s) for word, (start_s, end_s) in times)


def _text(transcript: str) -> str:
    """The transcript itself, or what the file of that name holds."""
    path = Path(transcript)
    try:
        if path.suffix.lower() == ".txt" or (len(transcript) < 256 and path.is_file()):
            return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Emote3DError(f"transcript {path} cannot be read: {error}") from error
    return transcript
