"""The words that `--direct` understands. `docs/direction.md` lists the grammar; imports no torch and no numpy."""

from __future__ import annotations

from collections.abc import Iterator

FEELINGS_TABLE = """
happy: happy glad cheerful joyful joy merry
happy:0.8: smile
happy:0.45: content pleasant warm friendly kind tender loving gentle grateful thankful soothing motherly fatherly welcoming nice sweet affectionate caring comforting gratitude warmth kindness tenderness
happy:0.6: pleased amused playful satisfied upbeat bubbly flirty flirtatious amusement satisfaction optimistic
happy:0.3: reassuring polite
happy:1: grin
happy:1.2: delighted laugh beam thrilled overjoyed
happy:1.4: ecstatic elated euphoric
happy:0.75+surprise:0.4: excited enthusiastic eager excitement enthusiasm passionate passion
happy:0.4+surprise:0.2: hopeful hope interested
happy:0.5+contempt:0.2: proud confident confidence pride self-assured triumphant assertive
happy:0.45+sad:0.1: relieved wistful nostalgic bittersweet relief nostalgia
sad: sad unhappy sorrow sorrowful sadness
sad:0.6: disappointed melancholic melancholy pout sorry sympathetic compassionate concerned disappointment sympathy compassion melancholia
sad:0.75: gloomy hurt lonely dejected downcast
sad:1.2: depressed miserable tearful weep cry despair
sad:1.4: heartbroken devastated sob grieving grief
sad:0.4+fear:0.2: guilty ashamed regretful apologetic guilt shame regret
anger: angry anger mad
anger:0.5: annoyed irritated stern impatient displeased grumpy determined annoyance irritation impatience
anger:0.3: serious earnest strict
anger:0.75: scowl cross hostile glare aggressive resentful
anger:1.4: furious enraged rage raging livid outraged
anger:0.6+sad:0.3: frustrated bitter exasperated frustration bitterness exasperation
anger:0.6+surprise:0.3: indignant
anger:0.5+sad:0.15: frown
fear: afraid fear fearful scared
fear:0.55: anxious nervous tense hesitant timid insecure anxiety hesitation tension
fear:0.35: uneasy cautious unsure
fear:0.45+sad:0.25: worried distressed desperate worry distress desperation
fear:1.3: terrified panicked panic frightened terror
fear:0.9+disgust:0.4: horrified
surprise: surprised surprise amazed wonder
surprise:1.25: astonished astounded stunned gasp flabbergasted astonishment amazement
surprise:0.9+fear:0.3: shocked shock
surprise:0.7+fear:0.4: startled alarmed
surprise:0.35: curious wondering intrigued curiosity fascinated attentive
surprise:0.35+anger:0.25: confused puzzled perplexed bewildered confusion
disgust: disgusted disgust
disgust:1.25: revolted repulsed nauseated sickened
contempt: contemptuous contempt scornful scorn disdainful disdain
contempt:0.55: sarcastic ironic mocking cynical arrogant condescending haughty sarcasm irony arrogance cynicism
contempt:0.6+happy:0.3: smug smirk sly mischievous evil wicked devious
contempt:0.35+surprise:0.2: skeptical sceptical doubtful suspicious
contempt:0.7+disgust:0.3: sneer
contempt:0.2+sad:0.25: bored asleep tired weary indifferent boredom sleepy drowsy exhausted lethargic
happy:0.4+sad:0.12: shy bashful embarrassed embarrassment
contempt:0.3: cold distant aloof detached dismissive
surprise:0.15+sad:0.12: thoughtful pensive contemplative thinking
happy:0.35+anger:0.15: motivated motivational inspiring inspirational
neutral: neutral normal normally calm relaxed blank expressionless deadpan composed emotionless unemotional plain professional businesslike matter-of-fact factual indifferently
auto: naturally
"""
"""A feeling and the words for it; verbs, nouns, adverbs and comparatives are found from them."""
SETTINGS_TABLE = """
gaze=down,head_motion=0.7: shy bashful embarrassed ashamed
blink_rate=1.8: nervous panicked
head_motion=0.6,blink_rate=0.8: bored tired weary
jaw=0.6,lips=0.9,articulation=0.8: whisper
articulation=0.75: quiet soft
articulation=0.55: mumble mutter
jaw=1.35,articulation=1.35: shout yell scream
jaw=1.2,articulation=1.15: loud
lips=1.3,articulation=1.25: enunciate
head_motion=1.35,brow_motion=1.4,articulation=1.1: animated lively expressive energetic vivid
head_motion=0.3,brow_motion=0.4: stiff wooden stoic rigid motionless
head_motion=1.4,brow_motion=1.5,articulation=1.25: dramatic theatrical exaggerated
head_motion=0.2,brow_motion=0.2: robotic monotone
blink_rate=1.4,head_motion=0.6: sleepy drowsy exhausted
head_motion=1.6: nod
smoothing_s=0.1: smooth fluid
blink_rate=0: unblinking
blink_rate=1.8: blink
gaze=camera,blink_rate=0.3: stare
asymmetry=0.75: lopsided crooked asymmetric one-sided wry
"""
"""Settings and the words for them; a word may be a feeling, too."""
PHRASES_TABLE = """
articulation=1.25,lips=1.3: speaks clearly|clear articulation|articulates clearly|articulates well|over-articulates
articulation=0.55,lips=0.5: barely moves the lips|hardly moves the lips|barely moves lips|lips barely move|barely opens the mouth
articulation=1.4: big mouth movements|exaggerated mouth movements|big exaggerated mouth movements|large mouth movements|big lip movements|exaggerated lip movements
articulation=0.6: small mouth movements|little mouth movement|minimal mouth movement|tiny mouth movements
articulation=1.1,head_motion=0.7,gaze=camera: like a news anchor|like a newsreader|like a news reader|news anchor|newsreader
emotion=happy:0.7,head_motion=1.3,articulation=1.15: like a salesman|like a salesperson|like a saleswoman
emotion=happy:0.4: customer service
head_motion=0.2,brow_motion=0.2: like a robot
intensity=1.3: more intense|stronger|more strongly|intensifies|more emotional|more emotion|more expressive|raise the intensity|higher intensity
intensity=0.6: less intense|less emotional|less emotion|less expressive|weaker|lower the intensity|lower intensity|tones it down|toned down|dials it down
jaw=1.4: mouth wide open|opens the mouth wide|wide jaw
lips=1.4: lively lips|mobile lips|exaggerated lips
head_motion=0.2: still head|keeps the head still|keeps head still|keeps still|without moving the head|head still|head does not move|no head movement|no head movements|stops moving the head|doesn't move the head|does not move the head|don't move the head
head_motion=0.35: barely moves the head|hardly moves the head|barely move the head|moves the head little|little head movement|less head movement
head_motion=1.6: nods a lot|moves the head a lot|lively head
brow_motion=1.7: lively eyebrows|lively brows|moves the brows a lot|moves the eyebrows a lot
brow_motion=0.2: still brows|still eyebrows|without moving the brows
blink_rate=2.2: blinks a lot|blinks often|blinks rapidly|blinks quickly|blinks fast|blinks nervously|flutters eyelids|blinks more|blink more|blinks more often|blink more often
blink_rate=0.4: blinks rarely|blinks little|hardly blinks|barely blinks|rarely blinks|seldom blinks|blinks less|blink less|blinks less often|blink less often|fewer blinks
blink_rate=0: without blinking|does not blink|doesn't blink|never blinks|not blinking|no blinking|no blinks|don't blink|do not blink|never blink
gaze=camera: on the camera|on me|on you|at the camera|into the camera|at me|at you|at us|at the viewer|at the audience|straight ahead|straight|ahead|eye contact|keeps eye contact|makes eye contact|back at me|back to me|back at you|back at the camera|back to the camera|back at the viewer
gaze=left: to the left|turns the head to the left|turns the head left|head turned left|left|leftwards|sideways|aside
gaze=right: to the right|turns the head to the right|turns the head right|head turned right|right|rightwards
gaze=up: up|upwards|upward|at the sky|at the ceiling
gaze=down: on the floor|on the ground|down|downwards|downward|at the floor|at the ground|lowers the eyes|lowers the gaze
gaze=away: away|doesn't look at the camera|does not look at the camera|don't look at the camera|do not look at the camera|not looking at the camera|averts the gaze|averts the eyes|avoids eye contact|avoids the camera
gaze=free,blink_rate=1.5: darting around|darts around|darting
gaze=free: looks around|around
asymmetry=0.75: on the left side|on the left|left half|left side|on one side|one side only|half the face
asymmetry=-0.75: on the right side|on the right|right half|right side
upper=surprise:0.7,asymmetry=0.75: one raised eyebrow|one raised brow|a raised eyebrow|raises one eyebrow|raises one brow|raises an eyebrow|cocks an eyebrow|one eyebrow raised
upper=anger:0.45: squints|squint|squinting|narrows the eyes|narrowed eyes|narrow eyes
upper=surprise:0.7: raises the eyebrows|raises eyebrows|raised eyebrows|raises the brows|raised brows|lifts the eyebrows|lifts the brows|eyebrows up|brows up|eyebrows raised|brows raised|eyebrows go up|brows go up
upper=anger:0.7: furrows the brow|furrowed brow|furrowed brows|furrows the brows|knits the brows|lowers the brows|lowered brows|lowers the eyebrows|lowered eyebrows|eyebrows down|brows down
upper=happy:0.5: smiling eyes|twinkling eyes
upper=surprise:0.5: wide eyes|wide-eyed|widens the eyes
emotion=neutral: stops smiling|doesn't smile|don't smile|does not smile|do not smile|without smiling|no smile|not smiling|never smiles|stops laughing|stops crying|stops frowning|calms down|relaxes|straight face|a straight face|poker face|no expression|without expression|no emotion|without emotion|without any emotion|no emotion at all
emotion=neutral,decay_s=1.5: smile fades|smile disappears|smile vanishes|smile dies|loses the smile
mouth=happy:0.7: fake smile|forced smile|polite smile|insincere smile|smiles politely
emotion=happy:0.45: trying not to laugh|tries not to laugh|suppresses a laugh|suppressing a laugh|stifles a laugh|holds back a laugh|holding back a laugh
emotion=sad:0.8: holds back tears|holding back tears|fights back tears|fighting back tears|trying not to cry|tries not to cry
emotion=happy:0.7: cheers up|lights up|brightens up|brightens
emotion=disgust: grossed out
emotion=sad:0.9: voice breaking|breaking voice|chokes up|choked up|on the verge of tears|close to tears|breaks down|tears up
emotion=auto: as the voice sounds|like the voice|follows the voice|as it sounds
attack_s=0.2,decay_s=0.3: suddenly|abruptly|at once|instantly|all of a sudden
attack_s=0.35,decay_s=0.4: breaks into|bursts into|bursts out|breaks out into|snaps into|quickly
attack_s=2.5,decay_s=2.5: gradually|slowly|little by little|step by step|bit by bit|increasingly
"""
"""Settings and phrases for them; he, she, his, her and so on in what a user writes count as `the`."""
DEGREES_TABLE = """
0.25: barely|hardly|a hint of|a trace of|hint of|trace of|almost no
0.35: faint|faintly|subtle|subtly|a touch of|touch of
0.45: slight|slightly|mild|mildly|weak|weakly|small|tiny
0.5: a little|a bit|a bit of|half|a little bit|little
0.65: somewhat|moderate|moderately|fairly|kind of|sort of
0.9: quite|rather|pretty
0.55: restrained|suppressed|controlled|contained|repressed|half-hearted|half-heartedly
1.25: overly|exceedingly|especially|very|really|so|broad|broadly|big|wide|widely|strong|strongly|deep|deeply|truly|great|greatly|bright|brightly|a lot
1.45: hysterically|hysterical|uncontrollably|extremely|intense|intensely|utterly|completely|totally|huge|overwhelming|overwhelmingly|incredibly|hugely|absolutely
"""
UPPER_WORDS = ("eyes", "eye", "brows", "eyebrows", "brow", "upper face", "top of the face", "forehead", "gaze")
MOUTH_WORDS = ("mouth", "lips", "lower face", "jaw", "lip")
IMPOSSIBLE_TABLE = """
the eyes cannot be kept closed: clos(?:e|es|ed|ing) (?:both |one |an |the )*(?:eyes?|lids?|eyelids?)|eyes? (?:is |are )?(?:closed|shut)|winks?|winking
blinks have one speed, say how often: blink(?:s|ing)? (?:slowly|slower)
no tongue, breath or skin is directed: tongue|sighs?|sighing|breathe?s?|breathing|yawns?|yawning|blush(?:es|ing)?|sweats?|swallows?|coughs?
the head follows the gaze, and nods: tilt(?:s|ed|ing)?|head tilt|shak(?:e|es|ing) the head|roll(?:s|ing)? the eyes
the body is directed by gesture_size, gesture_rate, gesture_speed, gesture_openness, handedness: gestur(?:e|es|ing)|hands?|arms?|shoulders?|shrugs?|shrugging|body
the voice is the recording's: accent|faster|slower|pitch|pauses?
"""
"""Reasons, each with a pattern of what cannot be performed."""
FILLERS_TABLE = """
a an the he she it they i we you his her its their my your him them who that this is are was be been being to of in into as by for
or person speaker avatar character woman man girl boy face expression expressions look looks looking gaze gazes gazing glance
glances glancing feel feels feeling seem seems seeming appear appears sound sounds sounding speak speaks speaking talk talks
talking say says saying voice tone manner way mood emotion some bit very-much goes go going gets get getting turns turn turning
becomes become becoming grows grow growing remains remain stays stay staying keeps keep keeping keeping has have having makes make
making gives give giving puts put on shows show showing show let lets do does only trying tries try delivery tone style just while all more time whole throughout always
again now out off over like please performs perform acts act starts start starting begins begin beginning ends end ending finishes
finish finishing still mostly generally overall with at from until towards toward near
"""
FILLERS = frozenset(FILLERS_TABLE.split())
NEGATIONS_TABLE = """
not no never without don't doesn't isn't aren't nothing neither nor less un
"""
NEGATIONS = frozenset(NEGATIONS_TABLE.split())
NUMBERS = {
    name: str(value)
    for value, name in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=1
    )
} | {"a second": "1 second", "half a second": "0.5 second"}


def rows(table: str, separator: str | None) -> Iterator[tuple[str, str]]:
    """Each word or phrase of a table with what stands before the last `: ` of its line."""
    for line in table.strip().splitlines():
        meaning, _, words = line.rpartition(": ")
        for word in words.split(separator):
            yield word.strip(), meaning
