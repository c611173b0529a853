#!/usr/bin/env python3
"""Prints PyTorch's rows for the table of bench_gpu.sh: the same UNet, eager and compiled, in f32 and bf16.

    python3 bench_gpu_torch.py --model DIR --batches "64 128" --flops N

DIR is a pipeline folder, as written by `steps --config FILE --save DIR`. N is the number of operations of one
image's forward pass (`steps --config FILE --flops`). bf16 uses torch's autocast; f32 is without TF32, as in
halfstep. AdamW is the fused one, the moving average a foreach. `--cpu` runs without a GPU, as a trial.
"""

import argparse
import statistics
import sys
import time

STEPS = 4


def sync(torch, device):
    if device == "cuda":
        torch.cuda.synchronize()


def median(seconds, repeats):
    """After one turn that compiles, allocates and warms up."""
    seconds()
    return statistics.median(seconds() for _ in range(repeats))


class Bench:
    """Forward, a teacher's step, and drawing, as halfstep's bench takes them."""

    def __init__(self, torch, folder, batch, kind, compiled, device):
        from diffusers import UNet2DModel

        self.torch, self.device = torch, device
        self.autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=kind == "bf16")
        self.unet = UNet2DModel.from_pretrained(folder, subfolder="unet").to(device).train()
        self.net = torch.compile(self.unet) if compiled else self.unet
        self.parameters = list(self.unet.parameters())
        self.ema = [p.detach().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-4, weight_decay=0.0, fused=device == "cuda")
        config = self.unet.config
        self.x0 = torch.randn(batch, config.in_channels, config.sample_size, config.sample_size, device=device)
        self.eps = torch.randn_like(self.x0)
        self.t = ((torch.arange(batch, device=device) + 0.5) / batch * 1024).long()
        self.phi = (self.t + 1)[:, None, None, None] / 1024 * (torch.pi / 2)

    def timed(self, task):
        sync(self.torch, self.device)
        started = time.perf_counter()
        task()
        sync(self.torch, self.device)
        return time.perf_counter() - started

    def forward(self):
        with self.torch.no_grad(), self.autocast:
            self.net(self.x0, self.t).sample.float().cpu()  # read, as halfstep's is

    def train(self):
        torch = self.torch
        alpha, sigma = self.phi.cos(), self.phi.sin()
        z, target = alpha * self.x0 + sigma * self.eps, alpha * self.eps - sigma * self.x0
        with self.autocast:
            output = self.net(z, self.t).sample
        loss = torch.nn.functional.mse_loss(output.float(), target)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        torch._foreach_lerp_(self.ema, [p.detach() for p in self.parameters], 1e-4)
        loss.item()

    def draw(self):
        torch, z = self.torch, self.eps
        with torch.no_grad(), self.autocast:
            for i in range(STEPS, 0, -1):
                t = torch.full_like(self.t, i * 1024 // STEPS - 1)
                v = self.net(z, t).sample.float()
                turn = torch.pi / 2 / STEPS
                z = torch.cos(torch.tensor(turn)) * z - torch.sin(torch.tensor(turn)) * v
        z.clamp(-1, 1).cpu()


def matrix_rate(torch, kind, size, device):
    """Operations a second of a product of two large matrices, the best of some."""
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    matrix = (torch.randn(size, size, device=device) / size**0.5).to(dtype)
    best = float("inf")
    for _ in range(5):
        sync(torch, device)
        started = time.perf_counter()
        for _ in range(4):
            matrix @ matrix
        sync(torch, device)
        best = min(best, (time.perf_counter() - started) / 4)
    return 2 * size**3 / best


def row(torch, args, kind, compiled, batch, device):
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    bench = Bench(torch, args.model, batch, kind, compiled, device)
    forward, train, draw = (median(lambda task=task: bench.timed(task), args.repeats)
                            for task in (bench.forward, bench.train, bench.draw))
    memory = f"{torch.cuda.max_memory_reserved() / 2**20:.0f}" if device == "cuda" else "not known"
    rate = matrix_rate(torch, kind, args.matrix, device)
    share = 100 * 3 * args.flops * batch / train / rate
    name = "compiled" if compiled else "eager"
    cells = [f"PyTorch {torch.__version__} {name}, {device}", kind, batch, f"{forward * 1e3:.1f}",
             f"{train * 1e3:.1f}", f"{batch / train:.0f}", f"{batch / draw:.0f}", "not counted", "not known",
             memory, f"{share:.1f} % of {rate / 1e12:.2f} TFLOP/s"]
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batches", required=True, type=lambda text: [int(n) for n in text.split()])
    parser.add_argument("--flops", required=True, type=float)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--matrix", type=int, default=8192)
    parser.add_argument("--cpu", action="store_true", help="run on the CPU, as a trial")
    args = parser.parse_args()
    try:
        import torch
        import diffusers  # noqa: F401
    except ImportError as error:
        sys.exit(f"PyTorch or diffusers is missing: {error}")
    device = "cpu" if args.cpu else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("this PyTorch sees no CUDA device")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    failed = []
    # What matters most comes first: time may run out.
    for name, kind in (("eager", "bf16"), ("compiled", "bf16"), ("eager", "f32")):
        for batch in args.batches:
            try:
                row(torch, args, kind, name == "compiled", batch, device)
            except RuntimeError as error:  # out of memory, no compiler
                failed.append(f"{name} {kind} at {batch}: {str(error).splitlines()[0]}")
    if failed:
        sys.exit("; ".join(failed))


if __name__ == "__main__":
    main()
