"""EMOTE and FLINT checkpoints (radekd91/inferno, on-disk layout of specs/emote.md section 2) into component folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor, nn

from emote3d.audio.wav2vec import ResampledWav2Vec
from emote3d.checkpoint import save_component
from emote3d.decoders.regression import RegressionConfig, RegressionDecoder
from emote3d.errors import Emote3DError
from emote3d.latents.condition import MEAD_TRAIN_SUBJECTS, EmoteCondition, EmoteConditionConfig
from emote3d.latents.speech import SpeechEncoder, SpeechEncoderConfig
from emote3d.names import EMOTIONS
from emote3d.official import baked_flame
from emote3d.official.lightning_file import find_checkpoint, read_settings, read_state, setting, whole
from emote3d.official.tensors import Parts, State, check_heads, count, fill, size
from emote3d.official.wav2vec import wav2vec_config, wav2vec_state
from emote3d.prior.flint import FlintConfig, FlintDecoder, MotionVAE
from emote3d.retarget.caching import MAP_NAME, keep_map

_FLINT_NAMES = (
    ("encoder_transformer", "transformer"),
    ("decoder_transformer", "transformer"),
    ("encoder_linear_embedding", "embedding"),
    ("decoder_linear_embedding", "embedding"),
    ("post_transformer_linear", "post"),
    ("cross_smooth_layer", "smooth"),
)
_LICENCE = "that of the published checkpoint (non-commercial research); not for redistribution"
_ONLY = {
    "sequence_encoder.type": "linear",
    "sequence_decoder.type": "BertPriorDecoder",
    "sequence_decoder.squash_type": "stack_linear",
    "sequence_decoder.squash_after": True,
    "sequence_decoder.squash_before": False,
    "sequence_decoder.positional_encoding.type": "none",
    "sequence_decoder.temporal_bias_type": "faceformer_future",
    "sequence_decoder.style_op": "cat",
    "sequence_decoder.rotation_representation": "aa",
    **{
        f"sequence_decoder.style_embedding.{key}": False
        for key in (
            "use_shape",
            "use_expression",
            "use_valence",
            "use_arousal",
            "use_emotion_feature",
            "use_video_expression",
        )
    },
    "sequence_decoder.style_embedding.n_expression": len(EMOTIONS),
}
"""Variants of inferno's settings that this importer knows, where the cfg.yaml gives them."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import made of a checkpoint."""

    file: Path
    """The checkpoint that was read."""
    sizes: dict[str, int]
    """Facts about the network for the user."""
    ignored: dict[str, int]
    """Tensors that inference needs not, by the first word of their names."""
    notes: tuple[str, ...] = ()
    """What else the user should know."""


def import_emote(path: Path, out: Path, wav2vec2: Path | None = None) -> Imported:
    """Write the component folder of an EMOTE checkpoint.

    Args:
        path: the model's folder (cfg.yaml and checkpoints/last.ckpt) or the .ckpt file.
        wav2vec2: folder of the wav2vec2 it was trained from; only its config.json is read, for the number of attention heads.

    Raises:
        Emote3DError: not an EMOTE checkpoint, damaged, hostile, or a variant that is not known; nothing is written.
    """
    file, settings_file = find_checkpoint(path)
    settings = read_settings(settings_file)
    _check_variant(settings, settings_file)
    state = read_state(file)
    parts = Parts(state, str(file))
    parts.drop("renderer.", baked_flame.PREFIX, "preprocessor.", "audio_model.model.masked_spec_embed")
    parts.drop("sequence_decoder.motion_prior.motion_encoder.", "sequence_decoder.motion_prior.preprocessor.")
    audio = _audio(parts, file, settings, wav2vec2)
    latents = _latents(parts, audio.config.d)
    decoder = _decoder(parts, latents.config, settings)
    prior_settings = read_settings(
        _prior_settings(file, str(setting(settings, "model.sequence_decoder.motion_prior.path", "")))
    )
    prior, flint = _flint_decoder(parts, "sequence_decoder.motion_prior.motion_decoder.", prior_settings)
    unknown = parts.left_under("audio_model.", "sequence_encoder.", "sequence_decoder.")
    if unknown:
        raise Emote3DError(f"{file} has tensors of another variant of EMOTE: {', '.join(unknown[:4])}")
    condition = EmoteCondition(_condition(decoder.config, settings))
    note = _note(file, settings_file)
    components: list[tuple[str, nn.Module, object]] = [
        ("audio", audio, audio.config),
        ("latents", latents, latents.config),
        ("condition", condition, condition.config),
        ("decoder", decoder, decoder.config),
        ("prior", prior, flint),
    ]
    for name, module, config in components:
        save_component(out / name, module, config, note)
    sizes = {"expression": flint.channels - 3, "subjects": len(condition.config.subjects), "wav2vec2_d": audio.config.d}
    note = _keep_map(state, flint.channels - 3, file, out)
    return Imported(file=file, sizes=sizes, ignored=parts.left(), notes=(note,))


def _keep_map(state: Mapping[str, Tensor], expression: int, file: Path, out: Path) -> str:
    """Make the map that drives the open avatar without a FLAME file; says how it came out."""
    try:
        built = baked_flame.baked_map(state, expression, file.name)
    except Emote3DError as error:
        (out / MAP_NAME).unlink(missing_ok=True)
        return f"no map to the open avatar: {error}; name your FLAME file with --source where one is needed"
    keep_map(built, out)
    missed = built.facts()
    return (
        "a map from its FLAME to the open avatar was made, which misses ARKit's shapes by "
        f"{missed['mean_face_mm']} mm on the face and {missed['mean_lips_mm']} on the lips; nothing else of FLAME is kept"
    )


def import_flint(path: Path, out: Path) -> Imported:
    """Write the component folder `prior` of a FLINT checkpoint: encoder and decoder. Arguments and errors as `import_emote`."""
    file, settings_file = find_checkpoint(path)
    settings = read_settings(settings_file)
    parts = Parts(read_state(file), str(file))
    decoder, config = _flint_decoder(parts, "motion_decoder.", settings)
    encoder = parts.take("motion_encoder.", _FLINT_NAMES)
    vae = MotionVAE(config)
    fill(vae.encoder, encoder, parts.name)
    vae.decoder.load_state_dict(decoder.state_dict())
    save_component(out / "prior", vae, config, _note(file, settings_file))
    return Imported(file=file, sizes={"channels": config.channels, "d": config.d}, ignored=parts.left())


def _prior_settings(file: Path, named: str) -> Path | None:
    """The cfg.yaml of the FLINT that an EMOTE was trained with, where it lies beside it; it has the number of heads."""
    name = PurePosixPath(named).name
    places = [parent / name / "cfg.yaml" for parent in file.absolute().parents[:5]] if name else []
    return next((place for place in places if place.is_file()), None)


def _check_variant(settings: Mapping[str, Any], file: Path | None) -> None:
    problems = [
        f"{key} is {got!r}, known is {known!r}"
        for key, known in _ONLY.items()
        if (got := setting(settings, f"model.{key}", known)) != known
    ]
    if problems:
        raise Emote3DError(f"{file} describes another variant of EMOTE: {'; '.join(problems)}")


def _note(file: Path, settings_file: Path | None) -> dict[str, Any]:
    return {
        "training_command": "imported by emote3d import-checkpoint",
        "source": file.name,
        "settings": settings_file.name if settings_file else "none found; those of the published models were assumed",
        "licence": _LICENCE,
    }


def _audio(parts: Parts, file: Path, settings: Mapping[str, Any], wav2vec2: Path | None) -> ResampledWav2Vec:
    state = wav2vec_state(parts.take("audio_model.model."), parts.name)
    specifier = str(setting(settings, "model.audio.model_specifier", ""))
    audio = ResampledWav2Vec(wav2vec_config(state, file, specifier, wav2vec2))
    fill(audio.model, state, parts.name)
    return audio


def _latents(parts: Parts, feature_d: int) -> SpeechEncoder:
    state = parts.take("sequence_encoder.", (("linear.", "content."),))
    content_d = size(state, "content.weight", 0, parts.name)
    encoder = SpeechEncoder(SpeechEncoderConfig(feature_d=feature_d, content_d=content_d))
    fill(encoder, state, parts.name)
    return encoder


def _decoder(parts: Parts, latents: SpeechEncoderConfig, settings: Mapping[str, Any]) -> RegressionDecoder:
    """The regression decoder; a training before inferno's "post_bug_fix" left its transformer unused, so it has no layers."""
    state: State = {}
    for prefix, ours in (
        ("sequence_decoder.obj_vector.map.", "style."),
        ("sequence_decoder.bert_decoder.", "transformer."),
        ("sequence_decoder.decoder.", "bottleneck."),
        ("sequence_decoder.squasher_2.linear.", "squasher."),
    ):
        state |= {ours + key: value for key, value in parts.take(prefix).items()}
    style_d, condition_d = (size(state, "style.weight", axis, parts.name) for axis in (0, 1))
    state.setdefault("style.bias", torch.zeros(style_d))
    layers = count(state, "transformer.layers.")
    feedforward_d = size(state, "transformer.layers.0.linear1.weight", 0, parts.name)
    if not setting(settings, "model.sequence_decoder.post_bug_fix", not settings):
        layers = 0
        state = {key: value for key, value in state.items() if not key.startswith("transformer.")}
    latent_d = size(state, "bottleneck.weight", 0, parts.name)
    config = RegressionConfig(
        condition_d=condition_d,
        content_d=latents.content_d,
        style_d=style_d,
        heads=whole(settings, "model.sequence_decoder.nhead", 8),
        feedforward_d=feedforward_d,
        layers=layers,
        period=whole(settings, "model.sequence_decoder.period", 30),
        latent_d=latent_d,
        frames_per_latent=size(state, "squasher.weight", 1, parts.name) // latent_d,
    )
    check_heads(config.heads, config.content_d + style_d, parts.name)
    decoder = RegressionDecoder(config)
    fill(decoder, state, parts.name)
    return decoder


def _condition(decoder: RegressionConfig, settings: Mapping[str, Any]) -> EmoteConditionConfig:
    style = "model.sequence_decoder.style_embedding"
    intensities = whole(settings, f"{style}.n_intensities", 3)
    people = decoder.condition_d - len(EMOTIONS) - intensities
    if people < 1:
        raise Emote3DError(
            f"expected a condition of 8 emotions, {intensities} intensities and one subject at least, got {decoder.condition_d} numbers"
        )
    named = setting(settings, "data.train_subjects", [])
    listed = isinstance(named, list) and len(named) == people == len({str(name) for name in named})
    subjects = tuple(map(str, named)) if listed else MEAD_TRAIN_SUBJECTS
    if len(subjects) != people:
        subjects = tuple(f"S{index:03d}" for index in range(people))
    return EmoteConditionConfig(intensities=intensities, subjects=subjects)


def _flint_decoder(parts: Parts, prefix: str, settings: Mapping[str, Any]) -> tuple[FlintDecoder, FlintConfig]:
    state = parts.take(prefix, _FLINT_NAMES)
    config = FlintConfig(
        channels=size(state, "smooth.weight", 0, parts.name),
        d=size(state, "smooth.weight", 1, parts.name),
        stages=count(state, "expander."),
        heads=whole(settings, "model.sequence_decoder.nhead", 8),
        feedforward_d=size(state, "transformer.layers.0.linear1.weight", 0, parts.name),
        layers=count(state, "transformer.layers."),
    )
    check_heads(config.heads, config.d, parts.name)
    decoder = FlintDecoder(config)
    fill(decoder, state, parts.name)
    return decoder, config
