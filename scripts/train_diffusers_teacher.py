#!/usr/bin/env python3
"""Trains a DDPM teacher with diffusers and PyTorch, as diffusers' tutorial does: epsilon, 1000 linear betas.

configs/from-diffusers.toml distils it with halfstep. Takes a few minutes on a CPU.

    pip install torch diffusers
    scripts/train_diffusers_teacher.py --out runs/ddpm-digits
"""

import argparse
import gzip
import pathlib
import time

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel

DIGITS = pathlib.Path(__file__).parent.parent / "crates/data/assets/digits.csv.gz"


def digits():
    rows = [[int(v) for v in line.split(",")[:64]] for line in gzip.open(DIGITS, "rt")]
    pixels = torch.tensor(rows).float().mul(255 / 16).round() / 127.5 - 1
    return pixels.reshape(-1, 1, 8, 8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)

    images = digits()
    unet = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=16,
    )
    scheduler = DDPMScheduler()  # 1000 linear betas, epsilon, clip_sample
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)
    ema = EMAModel(unet.parameters(), decay=0.998)
    begun, seen = time.time(), 0.0
    for step in range(1, args.steps + 1):
        x0 = images[torch.randint(len(images), (64,))]
        noise = torch.randn_like(x0)
        times = torch.randint(scheduler.config.num_train_timesteps, (len(x0),))
        output = unet(scheduler.add_noise(x0, noise, times), times).sample
        loss = torch.nn.functional.mse_loss(output, noise)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        decay.step()
        ema.step(unet.parameters())
        seen += loss.item()
        if step % 500 == 0:
            print(f"step {step}: loss {seen / 500:.4f}, {time.time() - begun:.0f} s", flush=True)
            seen = 0.0
    ema.copy_to(unet.parameters())
    DDPMPipeline(unet=unet, scheduler=scheduler).save_pretrained(args.out)
    print(args.out)


if __name__ == "__main__":
    main()
