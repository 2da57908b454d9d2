import pytest

from emote3d import Emote3DError
from emote3d.latents.emotions import FEELINGS, parse_feeling
from emote3d.latents.instruction import parse_instruction
from emote3d.latents.timeline import draw_timeline
from emote3d.latents.vocabulary import DEGREES_TABLE, FEELINGS_TABLE, PHRASES_TABLE, SETTINGS_TABLE, rows


def moments(text: str) -> dict[str, dict[str, str]]:
    """Settings by time, "0" being the base."""
    direction = parse_instruction(text).direction
    found = {
        "0": {"emotion": direction.emotion, "gaze": direction.gaze, "upper": direction.upper, "mouth": direction.mouth}
    }
    for key in direction.at:
        when, _, settings = key.partition(":")
        found[when] = dict(part.split("=", 1) for part in settings.split(","))
    return found


def strongest(text: str) -> str:
    weights = parse_feeling(text)
    return FEELINGS[max(range(1, len(FEELINGS)), key=lambda index: weights[index])]


def test_the_example_of_the_issue():
    found = moments("starts shy, then breaks into a broad smile at the end")
    assert found["0"]["gaze"] == "down"
    end = found["75%"]
    assert strongest(end["emotion"]) == "happy" and float(end["attack_s"]) < 0.5 and end["gaze"] == "free"
    timeline = draw_timeline(
        parse_instruction("starts shy, then breaks into a broad smile at the end").direction, 240, 30
    )
    assert timeline.emotion[0, 1] <= 0.41 and timeline.emotion[-1, 1] > 0.9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("very happy", {"0": "happy"}),
        ("begins happy and ends sad", {"0": "happy", "75%": "sad"}),
        ("starts angry, gradually becomes calm", {"0": "anger", "50%": "neutral"}),
        ("sad, then curious, then excited", {"0": "sad", "33%": "surprise", "66%": "happy"}),
        ("neutral, then surprised at 2.5 seconds, then slightly disgusted after five seconds", {"2.5": "surprise", "5": "disgust"}),
        ("from 1 to 3 seconds terrified", {"1..3": "fear"}),
        ("for the last 2 seconds she smiles", {"end-2": "happy"}),
        ('angry on the word "never"', {"@never": "anger"}),
        ("worried; in the middle suddenly shocked; at the end relieved", {"0": "fear", "50%": "surprise", "75%": "happy"}),
        ("laughs at 50 percent", {"50%": "happy"}),
        ("furious at 0:03", {"3": "anger"}),
        ("happy, then starts crying", {"0": "happy", "50%": "sad"}),
        ("begin happy, end sad", {"0": "happy", "75%": "sad"}),
        ("end with a grin", {"75%": "happy"}),
        ("happy for 3 seconds then sad for 2 seconds", {"0..3": "happy", "3..5": "sad"}),
        ("for 2 seconds angry, then calm", {"0..2": "anger", "2": "neutral"}),
        ("at 2 seconds happy for 3 seconds", {"2..5": "happy"}),
        ("sad until 3 seconds, then happy", {"0..3": "sad", "3": "happy"}),
        ("happy from 1 to 2 seconds and sad at 5 seconds", {"1..2": "happy", "5": "sad"}),
        ("in the second half, become increasingly furious until the end", {"50%": "anger"}),
        ("his smile fades at the end", {"75%": "neutral"}),
    ],
)  # fmt: skip
def test_when_and_what(text: str, expected: dict[str, str]):
    found = moments(text)
    for when, emotion in expected.items():
        if emotion == "neutral":
            assert found[when]["emotion"] == "neutral"
        else:
            assert strongest(found[when]["emotion"]) == emotion


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("with 30% happiness", {"emotion": "happy:0.3"}),
        ("70 percent happy, 30% sad", {"emotion": "happy:0.7+sad:0.3"}),
        ("50% sad and 50% angry", {"emotion": "sad:0.5+anger:0.5"}),
        ("surprised, intensity 1.5", {"emotion": "surprise", "intensity": 1.5}),
        ("sad at 80% intensity", {"emotion": "sad", "intensity": 0.8}),
        ("laughs, cries", {"emotion": "happy:0.75+sad:0.75"}),
        ("keeps a straight face", {"emotion": "neutral", "gaze": "free"}),
        ("fake smile", {"emotion": "neutral", "mouth": "happy:0.7"}),
        ("looks up and to the left", {"gaze": "22/14"}),
        ("look down-right", {"gaze": "-22/-18"}),
        ("shy but looks at the camera", {"gaze": "camera"}),
        ("eyebrows up", {"gaze": "free", "upper": "surprise:0.7"}),
        ("turn your head to the right", {"gaze": "right"}),
        ("don't look at the camera", {"gaze": "away"}),
    ],
)
def test_what_is_asked_for(text: str, setting: dict[str, str | float]):
    direction = parse_instruction(text).direction
    assert {name: getattr(direction, name) for name in setting} == setting and not direction.at


def test_what_grows_takes_its_time():
    for text in ("gets more and more angry", "angrier and angrier"):
        (key,) = parse_instruction(text).direction.at
        assert "attack_s=2.5" in key and "emotion=anger" in key


def test_degrees_are_in_order():
    weights = [
        parse_feeling(parse_instruction(f"{degree} sad").direction.emotion)[2]
        for degree in ("very slightly", "slightly", "somewhat", "", "very", "extremely")
    ]
    assert weights == sorted(weights) and weights[0] < 0.5 and weights[-1] > 1.2


def test_regions_style_and_gaze():
    direction = parse_instruction("angry brows but a smiling mouth, looking left, whispers, without blinking").direction
    assert (direction.upper, direction.gaze, direction.blink_rate) == ("anger", "left", 0)
    assert direction.mouth is not None and strongest(direction.mouth) == "happy"
    assert direction.jaw < 1


def test_what_is_understood_is_said():
    lines = parse_instruction("sad, then smiles at the end").understood
    assert lines[0].startswith("from the start: emotion=sad") and lines[1].startswith("from 75% on: emotion=happy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smilng", "did you mean smile"),
        ("do a backflip", "'backflip'"),
        ("not happy", "say what the face does"),
        ("the quick brown fox", "'fox'"),
        ("", "nothing"),
        ("she is", "nothing"),
        ("happy {}", None),
        ("look left and right", "two gazes at once"),
        ("left side happy, right side sad", "asymmetry is to be 0.75 and -0.75"),
        ("happy at 1 second at 3 seconds", "two times"),
        ("smile at the beginning and at the end", "says when, but not what"),
        ("happy, then sad for 2 seconds", "does not say when it begins"),
        ("tilts the head", "the head follows the gaze"),
        ("shakes his head", "the head follows the gaze"),
        ("blink slowly", "blinks have one speed"),
        ("she winks", "cannot be kept closed"),
        ("happy 0.5", "'0.5'"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, message: str | None):
    if message is None:
        parse_instruction(text)
        return
    with pytest.raises(Emote3DError, match=message):
        parse_instruction(text)


@pytest.mark.parametrize("table", [FEELINGS_TABLE, SETTINGS_TABLE, PHRASES_TABLE, DEGREES_TABLE])
def test_every_word_of_the_vocabulary_is_read(table: str):
    separator = "|" if table in (PHRASES_TABLE, DEGREES_TABLE) else None
    for word, _ in rows(table, separator):
        text = f"{word} happy" if table is DEGREES_TABLE else f"{word}, sad" if table is PHRASES_TABLE else word
        assert parse_instruction(text).understood, text


@pytest.mark.parametrize(
    "text",
    [
        "smiles",
        "smiling",
        "smiled",
        "grinning",
        "happily",
        "sadness",
        "angrily",
        "tearfully",
        "cries",
        "worried",
        "nods",
    ],
)
def test_derived_words(text: str):
    assert parse_instruction(text).understood


WRITTEN_BY_USERS = """
angry and loud
slightly annoyed, looks away
a warm smile throughout
whispering sadly with eyes on the floor
start neutral and slowly become furious
excited at first but then disappointed
smile only at the end
raise your eyebrows in surprise after 3 seconds
talk like a news anchor
sarcastic tone with one raised eyebrow
a nervous laugh, eyes darting around
deadpan delivery, no blinking
crying, then calming down
look straight into the camera with confidence
look left, then right
big exaggerated mouth movements
mumbling, bored, half asleep
friendly customer service voice
from happy to sad
gets angrier and angrier
more intense towards the end
cold and distant
scared, wide-eyed, whispering
shouting with rage
a hint of a smile
nods thoughtfully
tired but trying to smile
happy for the first 2 seconds, then surprised, then sad
angry at 1.5s
on the word "never" gets angry
lower the intensity
gentle and soothing
motherly and kind
evil grin
smiling with only the left side of the mouth
blink more
don't smile
less emotional
subtle disgust around the mouth, eyes neutral
keep the head still and stare
overly dramatic
laughing hysterically
surprised eyes, happy mouth
suspicious squint
speak softly and calmly
energetic and upbeat
heartbroken, voice breaking, looking down
proud smile in the second half
frightened at the beginning, relieved at the end
enthusiastically, like a salesman
serious, professional
looks up thinking, then smiles
"""
"""What people would type."""


@pytest.mark.parametrize("text", WRITTEN_BY_USERS.strip().splitlines())
def test_what_people_type_is_understood(text: str):
    assert parse_instruction(text).understood


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("do a backflip", "backflip"),
        ("eyes closed", "closed"),
        ("flirty wink", "wink"),
        ("he is furious but holding it back", "holding"),
        ("purple monkey dishwasher", "monkey"),
    ],
)
def test_what_no_face_can_do_is_refused(text: str, word: str):
    with pytest.raises(Emote3DError, match=f"not understood: .*{word}"):
        parse_instruction(text)


def test_what_follows_a_range_begins_at_its_end():
    found = moments("happy for the first 2 seconds, then surprised, then less intense")
    assert strongest(found["0..2"]["emotion"]) == "happy" and strongest(found["2"]["emotion"]) == "surprise"
    assert found["55%"]["intensity"] == "0.6"
    assert strongest(moments("sarcastically, with one raised eyebrow")["0"]["emotion"]) == "contempt"
    assert moments("don't smile")["0"]["emotion"] == "neutral"


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("blink less and look straight at the camera", ["blink_rate=0.4, gaze=camera"]),
        ("don't blink", ["blink_rate=0"]),
        ("looks left at 2 seconds, then back at me", ["gaze=left", "gaze=camera"]),
        (
            "surprised from 1 to 2 seconds, otherwise neutral",
            ["from 1 to 2 s: emotion=surprise", "from 2 s on: emotion=neutral"],
        ),
        ("barely moves the head", ["head_motion=0.35"]),
        ("speaks with exaggerated lips", ["lips=1.4"]),
    ],
)
def test_more_ways_to_say_it(text: str, moments: list[str]) -> None:
    understood = parse_instruction(text).understood
    assert len(understood) == len(moments)
    assert all(moment in line for moment, line in zip(moments, understood, strict=True))
