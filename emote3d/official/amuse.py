"""AMUSE checkpoints (kiranchhatre/amuse; specs/amuse.md section 2) into component folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from emote3d.checkpoint import save_component
from emote3d.decoders.denoiser import Denoiser, DenoiserConfig
from emote3d.errors import Emote3DError
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.latents.disentangle import FbankDecoder, FbankDecoderConfig
from emote3d.official.amuse_files import AmuseFiles, read_tensors
from emote3d.official.emote import Imported
from emote3d.official.tensors import Parts, State, count, fill, size
from emote3d.prior.mld import MldConfig, MldVAE

FRAMES = 300
"""Motion frames of a window of the published prior: ten seconds."""
_HEADS = 4
"""Of prior, denoiser and spectrogram decoder; no tensor shows it."""
_AST_HEAD_D = 64
_LICENCE = "that of AMUSE (non-commercial research); not for redistribution"
_ENCODERS = {"content": "con_enc.", "emotion": "emo_enc.", "style": "sty_enc."}
_AST_NAMES = (
    ("patch_embed.proj.", "patches."),
    ("attn.qkv.", "qkv."),
    ("attn.proj.", "proj."),
    ("mlp.fc", "fc"),
    ("feature_head.", "feature."),
    ("mlp_head_featbased.", "told."),
)
_SKIP_NAMES = (("multihead_attn.out_proj.", "cross_out."), ("linear_blocks.", "joins."))


def import_amuse(files: AmuseFiles, out: Path, reconstruction: bool = False) -> Imported:
    """Write the component folders of AMUSE: `content`, `emotion`, `style` (and `reconstruction`), `prior`, `denoiser`.

    Args:
        reconstruction: whether to keep the decoder of spectrograms, which only training needs.

    Raises:
        Emote3DError: damaged, hostile, or of other sizes than the parts agree on; nothing is written.
    """
    readers = ((files.speech, _read_speech), (files.prior, _read_prior), (files.denoiser, _read_denoiser))
    components: dict[str, tuple[nn.Module, object, Path]] = {}
    ignored: dict[str, int] = {}
    for file, read in readers:
        if file is not None:
            parts = Parts(read_tensors(file), str(file))
            for name, (module, config) in read(parts, reconstruction).items():
                components[name] = module, config, file
            ignored |= parts.left()
    assert components, "find_amuse gives one file at least"
    _check_together({name: config for name, (_, config, _) in components.items()})
    for name, (module, config, file) in components.items():
        save_component(out / name, module, config, _note(file))
    sizes = {name: sum(tensor.numel() for tensor in module.parameters()) for name, (module, _, _) in components.items()}
    return Imported(file=next(iter(components.values()))[2], sizes=sizes, ignored=ignored)


def _note(file: Path) -> dict[str, Any]:
    return {
        "training_command": "imported by emote3d import-checkpoint amuse",
        "source": file.name,
        "licence": _LICENCE,
    }


def _check_together(configs: dict[str, Any]) -> None:
    """Refuse parts of different trainings whose sizes do not meet."""
    problems = []
    denoiser = configs.get("denoiser")
    if denoiser is not None and "prior" in configs and configs["prior"].d != denoiser.latent_d:
        problems.append(f"latents of the prior have {configs['prior'].d} numbers, of the denoiser {denoiser.latent_d}")
    for name in _ENCODERS:
        if denoiser is not None and name in configs and configs[name].feature_d != getattr(denoiser, f"{name}_d"):
            wanted = getattr(denoiser, f"{name}_d")
            problems.append(f"the {name} latent has {configs[name].feature_d} numbers, the denoiser takes {wanted}")
    if problems:
        raise Emote3DError(f"these files do not belong together: {'; '.join(problems)}")


def _read_speech(parts: Parts, reconstruction: bool) -> dict[str, tuple[nn.Module, object]]:
    found: dict[str, tuple[nn.Module, object]] = {}
    for name, prefix in _ENCODERS.items():
        state = parts.take(f"{prefix}v.", _AST_NAMES) | parts.take(prefix, _AST_NAMES)
        # ImageNet's heads and the head on the latent that the release's flag leaves unused.
        unused = ("head.", "head_dist.", "mlp_head.")
        state = {key: value for key, value in state.items() if not key.startswith(unused)}
        config = _ast_config(state, parts.name)
        encoder = AstEncoder(config)
        fill(encoder, state, parts.name)
        found[name] = encoder, config
    if reconstruction:
        decoder = _fbank_decoder(parts)
        found["reconstruction"] = decoder, decoder.config
    parts.drop("fusion.", "fusion_ablation.", "decode.")
    return found


def _ast_config(state: State, name: str) -> AstConfig:
    """Sizes from the tensors; a spectrogram has 12 rows of patches for its 128 mels at the published stride."""
    d = size(state, "cls_token", 2, name)
    published = AstConfig(labels=0)
    rows, _ = published.grid
    columns = (size(state, "pos_embed", 1, name) - 2) // rows
    frames = published.frames
    if columns != published.grid[1]:
        frames = (columns - 1) * published.stride + published.patch
    return AstConfig(
        labels=size(state, "told.1.weight", 0, name) if "told.1.weight" in state else 0,
        frames=frames,
        patch=size(state, "patches.weight", 2, name),
        d=d,
        layers=count(state, "blocks."),
        heads=max(1, d // _AST_HEAD_D),
        feedforward_d=size(state, "blocks.0.fc1.weight", 0, name),
        feature_d=size(state, "feature.1.weight", 0, name),
        labels_from="tokens",
    )


def _fbank_decoder(parts: Parts) -> FbankDecoder:
    fused = {
        f"fusion.{key}".replace("fusion.layers.", "fusion."): value for key, value in parts.take("fusion.").items()
    }
    fused = {
        key.replace("fusion.norm.", "fusion_norm.").replace("fusion.fc.", "fusion_out."): value
        for key, value in fused.items()
    }
    decoded = parts.take(
        "decode.", (("layers.", "decoding."), ("projection.0.", "hidden."), ("projection.2.", "spectrogram."))
    )
    state = fused | decoded
    name = parts.name
    mels = AstConfig(labels=0).fbank.mels
    config = FbankDecoderConfig(
        feature_d=size(state, "fusion_norm.weight", 0, name) // 3,
        d=size(state, "norm.weight", 0, name),
        heads=_HEADS,
        feedforward_d=size(state, "decoding.0.linear1.weight", 0, name),
        fusion_layers=count(state, "fusion."),
        layers=count(state, "decoding."),
        hidden_d=size(state, "hidden.weight", 0, name),
        frames=size(state, "spectrogram.weight", 0, name) // mels,
        mels=mels,
    )
    decoder = FbankDecoder(config)
    fill(decoder, state, name)
    return decoder


def _layers(state: State, prefix: str) -> int:
    return 2 * count(state, f"{prefix}input_blocks.") + 1


def _split_cross(state: State) -> State:
    """PyTorch's joint projection of cross-attention into that of the query and that of the memory."""
    out: State = {}
    for key, value in state.items():
        if "multihead_attn.in_proj_" in key:
            stem, kind = key.split("multihead_attn.in_proj_")
            d = value.shape[0] // 3
            out[f"{stem}cross_query.{kind}"], out[f"{stem}cross_memory.{kind}"] = value[:d].clone(), value[d:].clone()
        else:
            out[key] = value
    return out


def _read_prior(parts: Parts, reconstruction: bool) -> dict[str, tuple[nn.Module, object]]:
    plain = {
        "encoder.tokens": parts.take("global_motion_token")[""],
        "encoder.positions.pe": parts.take("query_pos_encoder.pe")[""].flatten(1),
        "decoder.positions.pe": parts.take("query_pos_decoder.pe")[""].flatten(1),
    }
    plain |= {f"encoder.embedding.{key}": value for key, value in parts.take("skel_embedding.").items()}
    plain |= {f"decoder.final.{key}": value for key, value in parts.take("final_layer.").items()}
    state = plain
    for half in ("encoder", "decoder"):
        layers = _split_cross(parts.take(f"{half}.", _SKIP_NAMES))
        state |= {f"{half}.transformer.{key}": value for key, value in layers.items()}
    name = parts.name
    config = MldConfig(
        channels=size(state, "decoder.final.weight", 0, name),
        frames=FRAMES,
        latents=size(state, "encoder.tokens", 0, name) // 2,
        d=size(state, "decoder.final.weight", 1, name),
        heads=_HEADS,
        feedforward_d=size(state, "encoder.transformer.middle_block.linear1.weight", 0, name),
        layers=_layers(state, "encoder.transformer."),
        max_frames=size(state, "decoder.positions.pe", 0, name),
    )
    prior = MldVAE(config)
    fill(prior, state | {"channel_mean": prior.channel_mean, "channel_std": prior.channel_std}, name)
    return {"prior": (prior, config)}


def _read_denoiser(parts: Parts, reconstruction: bool) -> dict[str, tuple[nn.Module, object]]:
    parts.drop("denoiser.mem_pos.")
    state: State = {"pe": parts.take("denoiser.query_pos.pe")[""].flatten(1)}
    for theirs, ours in (
        ("time_embedding.linear_1.", "time.0."),
        ("time_embedding.linear_2.", "time.2."),
        ("emb_proj_con.1.", "content."),
        ("emb_proj_emo.1.", "emotion."),
        ("emb_proj_sty.1.", "style."),
        ("encoder.", "transformer."),
    ):
        taken = parts.take(f"denoiser.{theirs}", _SKIP_NAMES)
        state |= {ours + key: value for key, value in taken.items()}
    name = parts.name
    d = size(state, "time.0.weight", 0, name)
    config = DenoiserConfig(
        latent_d=d,
        content_d=size(state, "content.weight", 1, name),
        emotion_d=size(state, "emotion.weight", 1, name),
        style_d=size(state, "style.weight", 1, name),
        d=d,
        time_d=size(state, "time.0.weight", 1, name),
        heads=_HEADS,
        feedforward_d=size(state, "transformer.middle_block.linear1.weight", 0, name),
        layers=_layers(state, "transformer."),
        max_tokens=size(state, "pe", 0, name),
    )
    denoiser = Denoiser(config)
    fill(denoiser, state | {"latent_mean": denoiser.latent_mean, "latent_std": denoiser.latent_std}, name)
    return {"denoiser": (denoiser, config)}
