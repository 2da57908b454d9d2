"""Speed of AMUSE at its full size with random weights, beside floors measured on this machine in the same run:

python scripts/bench_amuse.py --threads 2

Bars: the three encoders within 1.5x of the floor (their multiply-adds over the measured rate of matrix products), 50 DDIM steps
under 0.5 s, decoding under 0.1 s, for 10 s of audio. Products and encoder take turns; the ratio is also given in processor time,
which other work on the machine disturbs less than the clock.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

from emote3d.decoders.denoiser import Conditions, Denoiser, DenoiserConfig
from emote3d.decoders.diffusion import sample_latents
from emote3d.decoders.samplers import AMUSE_SAMPLER, draw_noise
from emote3d.errors import ending_in_one_line
from emote3d.latents.ast import AstConfig, AstEncoder
from emote3d.latents.disentangle import encode_windows, spectrograms
from emote3d.latents.kept import kept
from emote3d.prior.body import CHANNELS
from emote3d.prior.mld import MldConfig, MldVAE
from emote3d.records import Speech


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to measure."""

    threads: int = 2
    repeats: int = 3
    """The best of so many is reported, so that other work on the machine disturbs less."""


def best_s(run: Callable[[], object], repeats: int) -> float:
    """Shortest time of several."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def multiply_adds(config: AstConfig) -> int:
    """Of one encoder and one spectrogram: patches, projections, attention, feed-forward."""
    high, long = config.grid
    tokens, d = high * long + 2, config.d
    block = tokens * d * (4 * d + 2 * config.feedforward_d) + 2 * tokens * tokens * d
    return high * long * d * config.patch**2 + config.layers * block


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a piece of work took."""

    clock_s: float
    processor_s: float
    """Of all threads together."""


def spent(run: Callable[[], object]) -> Spent:
    """Time of one run."""
    clock, processor = time.perf_counter(), time.process_time()
    run()
    return Spent(clock_s=time.perf_counter() - clock, processor_s=time.process_time() - processor)


def take_turns(encode: Callable[[], object], tokens: int, d: int, repeats: int) -> tuple[Spent, Spent]:
    """Shortest times of an encoder, and of the products that it is made of: tokens x d by d x 4d."""
    x, w = torch.randn(tokens, d), torch.randn(d, 4 * d)
    encoded, multiplied = [], []
    for _ in range(repeats):
        multiplied += [spent(lambda: torch.mm(x, w)) for _ in range(10)]
        encoded.append(spent(encode))

    def shortest(runs: list[Spent], of: int) -> Spent:
        clocks, processors = (sorted(getattr(run, name) for run in runs)[:of] for name in ("clock_s", "processor_s"))
        return Spent(clock_s=statistics.median(clocks), processor_s=statistics.median(processors))

    return shortest(encoded, 1), shortest(multiplied, 10)


def main(options: Options) -> None:
    """Measure and print one JSON object."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    speech = Speech(waveform=0.1 * torch.randn(160_000), sample_rate=16_000)
    config = AstConfig(labels=8, labels_from="tokens")
    encoder = AstEncoder(config).eval()
    tokens = config.grid[0] * config.grid[1] + 2
    encoded, product = take_turns(
        lambda: encode_windows(encoder, spectrograms(speech, config, 10.0)), tokens, config.d, options.repeats
    )
    share = multiply_adds(config) / (tokens * config.d * 4 * config.d)
    denoiser = Denoiser(DenoiserConfig()).eval()
    prior = MldVAE(MldConfig(channels=CHANNELS)).eval()
    rows = Conditions(*torch.randn(3, 1, 1, 256))
    ddim_s = best_s(lambda: sample_latents(denoiser, draw_noise([0], 1, 128), rows, AMUSE_SAMPLER), options.repeats)
    with torch.inference_mode():
        decode_s = best_s(lambda: prior.decode(torch.randn(1, 1, 128)), options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        first = kept(speech, "bench", lambda: torch.randn(1, 256), Path(folder))
        cached_s = best_s(lambda: kept(speech, "bench", lambda: torch.zeros(0, 0), Path(folder)), options.repeats)
        assert first.shape == (1, 256)
    print(
        json.dumps(
            {
                "machine": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
                "gigamultiplyadds_of_three_encoders": round(3 * multiply_adds(config) / 1e9, 1),
                "measured_gigamultiplyadds_per_s": round(multiply_adds(config) / share / product.clock_s / 1e9, 1),
                "floor_s": round(3 * share * product.clock_s, 2),
                "three_encoders_s": round(3 * encoded.clock_s, 2),
                "times_the_floor": round(encoded.clock_s / (share * product.clock_s), 2),
                "times_the_floor_in_processor_time": round(encoded.processor_s / (share * product.processor_s), 2),
                "ddim_50_steps_s": round(ddim_s, 3),
                "decode_s": round(decode_s, 3),
                "latents_from_disk_s": round(cached_s, 4),
            }
        )
    )


if __name__ == "__main__":
    with ending_in_one_line("bench_amuse"):
        main(tyro.cli(Options))
