#!/usr/bin/env python3
"""Trains a small classifier with PyTorch and writes it as a feature network for `eval --features`.

Use it where FID's Inception weights are not available. Distances between features of a classifier of the
dataset's own classes depend on content, unlike distances between pixels. Compare the numbers only with
others of the same file.

    python scripts/train_features.py mnist data/mnist features/mnist.json
    cargo run -p eval -- --sweep runs/mnist --features features/mnist.json

Needs torch, numpy and safetensors.
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file

NAMES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}


def idx(folder, name, offset):
    """The bytes of an idx file after its header."""
    plain, packed = folder / name, folder / (name + ".gz")
    data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
    return numpy.frombuffer(data, numpy.uint8, offset=offset)


def mnist(folder, train):
    prefix = "train" if train else "t10k"
    images = idx(folder, f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    return images, idx(folder, f"{prefix}-labels-idx1-ubyte", 8)


def cifar10(folder, train):
    names = [f"data_batch_{i}" for i in range(1, 6)] if train else ["test_batch"]
    parts = [numpy.fromfile(folder / f"{name}.bin", numpy.uint8) for name in names]
    rows = numpy.concatenate(parts).reshape(-1, 1 + 3 * 32 * 32)
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0]


def split(dataset, folder, train):
    """Images in [-1, 1] and their labels."""
    images, labels = (cifar10 if dataset == "cifar10" else mnist)(folder, train)
    x = (torch.tensor(images) / 255.0 - 0.5) / 0.5
    return x, torch.tensor(labels, dtype=torch.long)


def network(channels):
    """Layers, and how `eval` calls them."""
    nn = torch.nn
    layers, config = [], []

    def conv(inputs, outputs):
        config.append({"kind": "conv2d", "weights": str(len(layers)), "padding": 1})
        layers.append(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
        config.append({"kind": "batch_norm2d", "weights": str(len(layers))})
        layers.append(nn.BatchNorm2d(outputs))
        config.append({"kind": "relu"})
        layers.append(nn.ReLU())

    def pool():
        config.append({"kind": "max_pool2d", "size": 2})
        layers.append(nn.MaxPool2d(2))

    for inputs, outputs in [(channels, 16), (16, 32)]:
        conv(inputs, outputs)
        pool()
    conv(32, 64)
    conv(64, 128)
    config.append({"kind": "global_avg_pool"})
    layers.append(nn.AdaptiveAvgPool2d(1))
    features = len(layers)
    layers.append(nn.Flatten())
    layers.append(nn.Linear(128, 10))
    return nn.Sequential(*layers), features, config


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset", choices=NAMES)
    parser.add_argument("data", type=Path, help="the folder with the dataset's files")
    parser.add_argument("out", type=Path, help="the JSON file; its weights go beside it")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    x, y = split(args.dataset, args.data, train=True)
    channels, height, width = x.shape[1:]
    net, features, layers = network(channels)
    steps = args.epochs * (len(x) // 128)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(args.epochs):
        for batch in torch.randperm(len(x)).split(128):
            if len(batch) < 128:
                continue
            loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
    net.eval()
    x, y = split(args.dataset, args.data, train=False)
    with torch.no_grad():
        right = torch.cat([net(part).argmax(1) for part in x.split(500)]).eq(y).double().mean().item()
    name = f"a classifier of {NAMES[args.dataset]} ({100 * right:.2f} % of its test images right)"
    args.out.parent.mkdir(parents=True, exist_ok=True)
    weights = args.out.with_suffix(".safetensors")
    kept = {k: v for k, v in net[:features].state_dict().items() if v.dtype == torch.float32}
    save_file({k: v.contiguous() for k, v in kept.items()}, weights)
    half = [0.5] * channels
    size = {"channels": channels, "height": height, "width": width, "mean": half, "std": half}
    text = {"name": name, "weights": weights.name, "input": size, "layers": layers}
    args.out.write_text(json.dumps(text, indent=2) + "\n")
    print(name)


if __name__ == "__main__":
    main()
