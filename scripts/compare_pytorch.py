#!/usr/bin/env python3
"""Times the same UNet in halfstep and in PyTorch, in turn, and prints the ratios.

Makes a diffusers UNet2DModel with random weights, checks that both programs give the same outputs, then
alternates between them, task by task. A ratio above 1 means that halfstep is slower than PyTorch.

    pip install torch diffusers==0.42.1 safetensors pillow
    python scripts/compare_pytorch.py                    # the 3.3M and the 35.7M network
    python scripts/compare_pytorch.py --model small --repeats 15

PyTorch runs eagerly in f32 with its own choice of threads. Peak memory is of processes that only import,
load, and take training steps. The cold start is from the shell to a PNG of 16 images in 4 steps.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TASKS = ["forward", "train", "distill", "sample1", "sample64", "batches"]
MODELS = {
    # name: batch of a training step, UNet2DModel
    "small": (16, dict(sample_size=32, in_channels=3, out_channels=3, block_out_channels=(64, 64, 128),
                       down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
                       up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
                       layers_per_block=1, norm_num_groups=32, attention_head_dim=None)),
    "ddpm-cifar10-32": (8, dict(sample_size=32, in_channels=3, out_channels=3,
                                block_out_channels=(128, 256, 256, 256),
                                down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
                                up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
                                layers_per_block=2, norm_num_groups=32, attention_head_dim=None,
                                downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6)),
    "tiny": (16, dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=(16, 32),
                      down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                      up_block_types=("AttnUpBlock2D", "UpBlock2D"),
                      layers_per_block=1, norm_num_groups=8, attention_head_dim=8)),
}
STEPS = 4
HOST_IMAGES = 25600  # of 32x32 RGB, as in the bench program's task `batches`


def make_folder(folder, config):
    """A pipeline folder with random weights."""
    import torch
    from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel

    torch.manual_seed(0)
    unet = UNet2DModel(**config)
    with torch.no_grad():
        for p in unet.parameters():  # no zero layers: everything must matter
            if p.ndim > 1:
                p.copy_(torch.randn_like(p) / p[0].numel() ** 0.5)
            else:
                p.add_(torch.randn_like(p) * 0.1)
    scheduler = DDIMScheduler(num_train_timesteps=1024, beta_schedule="squaredcos_cap_v2", clip_sample=False,
                              prediction_type="v_prediction", timestep_spacing="trailing",
                              rescale_betas_zero_snr=True)
    DDIMPipeline(unet, scheduler).save_pretrained(folder)
    return sum(p.numel() for p in unet.parameters())


def load(folder):
    from diffusers import DDIMPipeline
    from diffusers.utils import logging

    logging.disable_progress_bar()
    return DDIMPipeline.from_pretrained(folder)


class Torch:
    """The same tasks in PyTorch."""

    def __init__(self, folder, batch):
        import torch

        pipeline = load(folder)
        pipeline.set_progress_bar_config(disable=True)
        self.pipeline, self.torch = pipeline, torch
        self.teacher = pipeline.unet.eval().requires_grad_(False)
        self.unet = load(folder).unet.train()
        self.ema = [p.detach().clone() for p in self.unet.parameters()]
        self.optimizer = torch.optim.AdamW(self.unet.parameters(), lr=1e-4, weight_decay=0.0)
        size, channels = self.unet.config.sample_size, self.unet.config.in_channels
        self.x0 = torch.randn(batch, channels, size, size)
        self.eps = torch.randn_like(self.x0)
        abar = pipeline.scheduler.alphas_cumprod
        self.phi = torch.atan2((1 - abar).sqrt(), abar.sqrt())
        self.u = (torch.arange(batch) + 0.5) / batch
        self.bytes = None

    def levels(self, t):
        phi = self.torch.where(t < 0, self.torch.zeros(()), self.phi[t.clamp(min=0)])[:, None, None, None]
        return phi, phi.cos(), phi.sin()

    def forward(self):
        with self.torch.no_grad():
            self.teacher(self.x0, 500).sample.sum().item()

    def learn(self, z, t, target):
        torch = self.torch
        loss = torch.nn.functional.mse_loss(self.unet(z, t).sample, target)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimizer.step()
        torch._foreach_lerp_(self.ema, [p.detach() for p in self.unet.parameters()], 1e-4)
        loss.item()

    def train(self):
        t = (self.u * 1024).long()
        _, alpha, sigma = self.levels(t)
        self.learn(alpha * self.x0 + sigma * self.eps, t, alpha * self.eps - sigma * self.x0)

    def distill(self):
        torch, half = self.torch, 1024 // (2 * STEPS)
        i = (self.u * STEPS).long() + 1
        t0, t1, t2 = (2 * i * half - 1, (2 * i - 1) * half - 1, (2 * i - 2) * half - 1)
        (p0, a0, s0), (p1, _, _), (p2, _, _) = self.levels(t0), self.levels(t1), self.levels(t2)
        z = a0 * self.x0 + s0 * self.eps
        with torch.no_grad():
            v = self.teacher(z, t0).sample
            z1 = (p0 - p1).cos() * z - (p0 - p1).sin() * v
            v = self.teacher(z1, t1).sample
            z2 = (p1 - p2).cos() * z1 - (p1 - p2).sin() * v
            target = ((p0 - p2).cos() * z - z2) / (p0 - p2).sin()
        self.learn(z, t0, target)

    def sample(self, count):
        self.pipeline(batch_size=count, num_inference_steps=STEPS, output_type="np")

    def batches(self):
        """What a data loader in this process would do, without what a DataLoader adds."""
        torch, size = self.torch, 128
        if self.bytes is None:  # the first call is not timed
            self.bytes = torch.randint(256, (10000, 3, 32, 32), dtype=torch.uint8)
        order = torch.randperm(len(self.bytes)).repeat(1 + HOST_IMAGES // len(self.bytes))
        for first in range(0, HOST_IMAGES, size):
            x0 = self.bytes[order[first:first + size]].float().div_(127.5).sub_(1)
            flip = torch.rand(size, 1, 1, 1) < 0.5
            torch.where(flip, x0.flip(-1), x0), torch.randn(x0.shape), torch.rand(size)

    def run(self, task):
        started = time.perf_counter()
        {"forward": self.forward, "train": self.train, "distill": self.distill, "batches": self.batches,
         "sample1": lambda: self.sample(1), "sample64": lambda: self.sample(64)}[task]()
        return time.perf_counter() - started


class Halfstep:
    """The bench program, asked line by line."""

    def __init__(self, program, folder, batch):
        command = [program, "--serve", "--model", str(folder), "--batch-size", str(batch)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, task):
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the bench program ended at `{task}`")
        return json.loads(line)

    def run(self, task):
        return self.ask(task)["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def check_outputs(here, there, folder):
    """Both networks give the same answer, or nothing is timed."""
    from safetensors.torch import load_file, save_file

    torch = there.torch
    z = torch.randn(4, *there.x0.shape[1:])
    noise, output = folder / "noise.safetensors", folder / "output.safetensors"
    save_file({"noise": z}, noise)
    here.ask(f"outputs {noise} {output}")
    ours = load_file(output)["samples"]
    with torch.no_grad():
        theirs = there.teacher(z, 500).sample
    error = ((ours - theirs).norm() / theirs.norm()).item()
    if not error < 1e-4:
        sys.exit(f"the outputs differ: {error:.1e} relative. Nothing was timed.")
    return error


def quartiles(values):
    values = sorted(values)
    return values[len(values) // 4], statistics.median(values), values[(3 * len(values)) // 4]


def time_tasks(here, there, tasks, repeats):
    if {"forward", "train", "distill"} <= set(tasks):
        print_distillation(here, repeats)
    for task in tasks:
        here.run(task), there.run(task)  # warm up
        pairs = [(here.run(task), there.run(task)) for _ in range(repeats)]
        low, ratio, high = quartiles([a / b for a, b in pairs])
        ours, theirs = (statistics.median(side) * 1e3 for side in zip(*pairs))
        print(f"| {task} | {ours:.1f} ms | {theirs:.1f} ms | **{ratio:.2f}** | {low:.2f} to {high:.2f} |", flush=True)


def print_distillation(here, repeats):
    """A distillation step over what it is made of, here: a training step and two forwards."""
    rounds = [{task: here.run(task) for task in ("forward", "train", "distill")} for _ in range(repeats + 1)][1:]
    low, ratio, high = quartiles([r["distill"] / (r["train"] + 2 * r["forward"]) for r in rounds])
    print(f"| distill over (train + 2 forward), here | | | **{ratio:.2f}** | {low:.2f} to {high:.2f} |", flush=True)


def peak_memory(program, folder, batch):
    """MiB of a process that takes three training steps, here and there."""
    here = Halfstep(program, folder, batch)
    for _ in range(3):
        here.run("train")
    ours = here.ask("peak")["bytes"]
    here.close()
    out = subprocess.run([sys.executable, __file__, "--peak-of", str(folder), "--batch-size", str(batch)],
                         check=True, capture_output=True, text=True).stdout
    theirs = int(out.strip().splitlines()[-1])
    print(f"| peak memory | {ours / 2**20:.0f} MiB | {theirs / 2**20:.0f} MiB | **{ours / theirs:.2f}** | |", flush=True)


COLD = """
from diffusers import DDIMPipeline
pipeline = DDIMPipeline.from_pretrained({folder!r})
pipeline.set_progress_bar_config(disable=True)
images = pipeline(batch_size=16, num_inference_steps=4).images
from PIL import Image
grid = Image.new(images[0].mode, (4 * images[0].width, 4 * images[0].height))
for k, image in enumerate(images):
    grid.paste(image, (k % 4 * image.width, k // 4 * image.height))
grid.save({out!r})
"""


def cold_start(sample, folder, repeats):
    """From the shell to a PNG: seconds, and MiB at most."""
    out = folder / "cold.png"
    commands = {
        "here": [sample, "--model", str(folder), "--steps", "4", "--count", "16", "--device", "cpu", "--out", str(out)],
        "there": [sys.executable, "-c", COLD.format(folder=str(folder), out=str(out))],
    }
    seconds, peak = {}, {}
    for _ in range(repeats + 1):
        for side, command in commands.items():
            # Through a small process: a child's peak begins at what its parent holds.
            line = subprocess.run([sys.executable, __file__, "--cold", *command],
                                  check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
            took, kib = json.loads(line)
            seconds.setdefault(side, []).append(took)
            peak[side] = kib / 1024
    low, ratio, high = quartiles([a / b for a, b in zip(seconds["here"][1:], seconds["there"][1:])])
    ours, theirs = (statistics.median(seconds[side][1:]) for side in ("here", "there"))
    print(f"| cold start to PNG | {ours:.2f} s | {theirs:.2f} s | **{ratio:.2f}** | {low:.2f} to {high:.2f} |")
    print(f"| its peak memory | {peak['here']:.0f} MiB | {peak['there']:.0f} MiB "
          f"| **{peak['here'] / peak['there']:.2f}** | |", flush=True)


def cold(command):
    """Runs a command; prints its seconds and its peak in KiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{command} failed")
    print(json.dumps([time.perf_counter() - started, usage.ru_maxrss]))


def build(release):
    """The bench program and `sample`, with the profile that `cargo run` uses unless asked otherwise."""
    profile = ["--release"] if release else []
    bench = subprocess.run(["cargo", "build", "-p", "train", "-p", "sample", "--bench", "steps", "--bin", "sample",
                            "--message-format", "json"] + profile,
                           cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in bench.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            found[message["target"]["name"]] = message["executable"]
    return found["steps"], found["sample"]


def main():
    if sys.argv[1:2] == ["--cold"]:
        cold(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=[*MODELS, "all"], default="all")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--tasks", default=",".join(TASKS), help="some of %(default)s")
    parser.add_argument("--no-cold", action="store_true", help="skip the cold start")
    parser.add_argument("--release", action="store_true", help="time release builds")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    parser.add_argument("--batch-size", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak_of:
        there = Torch(args.peak_of, args.batch_size)
        for _ in range(3):
            there.train()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        return
    import torch
    import diffusers

    program, sample = build(args.release)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; diffusers {diffusers.__version__}; "
          f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n")
    names = [name for name in MODELS if name != "tiny"] if args.model == "all" else [args.model]
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            batch, config = MODELS[name]
            folder = Path(temporary) / name
            count = make_folder(folder, config)
            here, there = Halfstep(program, folder, batch), Torch(folder, batch)
            error = check_outputs(here, there, folder)
            print(f"**{name}**: {count / 1e6:.2f}M parameters, batch {batch}; outputs agree to {error:.0e}\n")
            print("| task | halfstep | PyTorch | ratio | quartiles |\n|---|---:|---:|---:|---:|", flush=True)
            time_tasks(here, there, args.tasks.split(","), args.repeats)
            here.close()
            del there
            peak_memory(program, folder, batch)
            print()
        if args.no_cold:
            return
        folder = Path(temporary) / "cold"
        make_folder(folder, MODELS["tiny"][1])
        print("**tiny**, 4 steps, 16 images\n\n| task | halfstep | PyTorch | ratio | quartiles |\n|---|---:|---:|---:|---:|")
        cold_start(sample, folder, args.repeats)


if __name__ == "__main__":
    main()
