"""Speech disentanglement: three spectrogram transformers whose latents, exchanged between speakers, rebuild the spectrograms.

After AMUSE (Chhatre et al., CVPR 2024): self reconstruction, and reconstruction with the content, the emotion or the style of
another clip that shares it; here the classification losses act on the latents that are used, contents are compared at the same
timing, and no layer looks from one item of a batch to another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from emote3d.latents.ast import AstConfig, AstEncoder, Told
from emote3d.latents.disentangle import FbankDecoder, FbankDecoderConfig
from emote3d.training.settings import AstTraining
from emote3d.training.stepwise import StepwiseTask
from emote3d.training.voice_groups import GROUP, VoiceGroups, VoiceSource

_EMOTION, _SPEAKER = 0, 1
_BETAS = (0.95, 0.999)


class DisentangleConfigs(NamedTuple):
    """Sizes of the four networks."""

    content: AstConfig
    emotion: AstConfig
    style: AstConfig
    reconstruction: FbankDecoderConfig


class DisentangleNet(nn.Module):
    """Encoders of content, emotion and style, and the decoder that binds them."""

    def __init__(self, configs: DisentangleConfigs) -> None:
        super().__init__()
        self.content, self.emotion = AstEncoder(configs.content), AstEncoder(configs.emotion)
        self.style, self.reconstruction = AstEncoder(configs.style), FbankDecoder(configs.reconstruction)


def partnered(
    latents: Float[Tensor, "groups 4 d"], partner: Int[Tensor, "groups 4"]
) -> tuple[Float[Tensor, "groups 4 d"], Bool[Tensor, "groups 4"]]:
    """Each item's partner's latents, and where there is a partner."""
    index = partner.clamp_min(0)[..., None].expand(-1, -1, latents.shape[-1])
    return latents.gather(1, index), partner >= 0


def masked_mean(values: Float[Tensor, "groups 4"], there: Bool[Tensor, "groups 4"]) -> Float[Tensor, ""]:
    """Mean over what is there; zero where nothing is."""
    return (values * there).sum() / there.sum().clamp_min(1)


class DisentangleTask(StepwiseTask):
    """All losses on groups of four clips."""

    def __init__(self, net: DisentangleNet, source: VoiceSource, settings: AstTraining, workers: int = 0) -> None:
        super().__init__(source, settings.seed, (settings.groups, net.content.config.frames), workers)
        self.net, self.settings = net, settings

    def training_step(self, batch: VoiceGroups, index: int) -> Tensor:
        """One step."""
        losses = self.losses(batch)
        self.log_losses({name: value.detach() for name, value in losses.items()})
        s = self.settings
        rebuilt = losses["self"] + s.swap_weight * sum(
            losses[f"{name}_swap"] for name in ("content", "emotion", "style")
        )
        told = losses["emotion_told"] + losses["speaker_told"]
        return rebuilt + s.label_weight * told + s.content_weight * losses["content_apart"]

    def losses(self, batch: VoiceGroups) -> dict[str, Tensor]:
        """Mean absolute errors of the four reconstructions, cross-entropies of the labels, and how far contents are apart."""
        noisy, retold = batch.noisy.flatten(0, 1), batch.retold.flatten(0, 1)
        content = _grouped(self.net.content(noisy).feature)
        other_content = _grouped(self.net.content(retold).feature)
        emotion_told, style_told = self.net.emotion(noisy), self.net.style(noisy)
        emotion, style = _grouped(emotion_told.feature), _grouped(style_told.feature)
        other_emotion, feels = partnered(emotion, batch.partner[..., 1])
        other_style, speaks = partnered(style, batch.partner[..., 2])
        says = batch.partner[..., 0] >= 0
        always = torch.ones_like(says)
        variants = {
            "self": (content, emotion, style, always),
            "content_swap": (other_content, emotion, style, says),
            "emotion_swap": (content, other_emotion, style, feels),
            "style_swap": (content, emotion, other_style, speaks),
        }
        losses = {
            name: masked_mean(self._error(batch.clean, con, emo, sty), there)
            for name, (con, emo, sty, there) in variants.items()
        }
        labels = batch.label.flatten(0, 1)
        losses["emotion_told"] = nn.functional.cross_entropy(emotion_told.logits, labels[:, _EMOTION])
        losses["speaker_told"] = nn.functional.cross_entropy(style_told.logits, labels[:, _SPEAKER])
        losses["content_apart"] = masked_mean((content - other_content).abs().mean(dim=-1), says)
        return losses

    def _error(
        self,
        clean: Float[Tensor, "groups 4 frames mels"],
        content: Float[Tensor, "groups 4 d"],
        emotion: Float[Tensor, "groups 4 d"],
        style: Float[Tensor, "groups 4 d"],
    ) -> Float[Tensor, "groups 4"]:
        rebuilt = self.net.reconstruction(content.flatten(0, 1), emotion.flatten(0, 1), style.flatten(0, 1))
        return (rebuilt.unflatten(0, clean.shape[:2]) - clean).abs().mean(dim=(2, 3))

    def configure_optimizers(self) -> Any:
        """Adam, the learning rate falling after a while (AMUSE's)."""
        s = self.settings
        optimizer = torch.optim.Adam(self.net.parameters(), lr=s.learning_rate, betas=_BETAS, weight_decay=5e-7)
        fall = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: s.fall ** max(0.0, step / s.fall_every - 5))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": fall, "interval": "step"}}


def _grouped(rows: Float[Tensor, "items d"]) -> Float[Tensor, "groups 4 d"]:
    return rows.unflatten(0, (-1, GROUP))


def told_right(told: Told, labels: Int[Tensor, "items"]) -> float:
    """Share of items whose label is told right."""
    return float((told.logits.argmax(dim=1) == labels).float().mean())
