#!/usr/bin/env python3
"""Writes the seeds of the targets into seeds/: small valid files, and a few that once were trouble.

They are committed; run this only to change them. Needs Pillow. The weights of model_weights are not
from here: model_folder writes them for the same network when it starts.
"""

import gzip
import io
import json
import lzma
import math
import struct
import tarfile
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SEEDS = HERE / "seeds"


def save(target, name, data):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def idx(*dims, elements):
    return struct.pack(f">HBB{len(dims)}I", 0, 8, len(dims), *dims) + bytes(elements)


def gzipped(data):
    return gzip.compress(data, mtime=0)


def png(width, height, depth, colour, rows, *chunks, interlace=0):
    """A PNG of these chunks before its rows, which lie as they are."""

    def chunk(kind, body):
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


def encoded(kind, mode, size=(9, 7), **options):
    image = Image.new(mode, size, 90 if mode == "L" else (90, 30, 200, 10)[: len(mode)])
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg(mode, size=(9, 7), **options):
    return encoded("JPEG", mode, size, **options)


def tar(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, kind, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "../two.bin"
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue().rstrip(b"\0").ljust(512 * (2 + len(entries)) + 1024, b"\0")


def ar(*members):
    """An ar archive of these members, as dpkg-deb writes it."""

    def member(name, data):
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        return header + data + b"\n" * (len(data) % 2)

    return b"!<arch>\n" + b"".join(member(name, data) for name, data in members)


def deb(*entries):
    """A Debian package whose data is these entries."""
    packed = [lzma.compress(data + bytes(1024), check=lzma.CHECK_CRC64) for data in (tar(), tar(*entries))]
    control, data = packed
    members = [("debian-binary", b"2.0\n"), ("control.tar.xz", control), ("data.tar.xz", data)]
    return ar(*members)


save("idx", "images", idx(2, 2, 3, elements=range(12)))
save("idx", "labels", idx(3, elements=[1, 2, 3]))
save("idx", "none", idx(0, elements=[]))
save("idx", "overflow", idx(2**32 - 1, 2**32 - 1, 2**32 - 1, elements=[1]))

record = bytes([3]) + bytes(i % 256 for i in range(3072))
save("cifar", "one", record)
save("cifar", "two", record + bytes([9]) + bytes(3072))

save("gzip", "one", gzipped(b"some bytes"))
save("gzip", "two-members", gzipped(b"some ") + gzipped(b"bytes"))
save("gzip", "bomb", gzipped(bytes(200_000)))
save("gzip", "plain", b"some bytes")
save("gzip", "magic-only", b"\x1f\x8b")

grey = b"".join(b"\0" + bytes([9 * x + y for x in range(9)]) for y in range(7))
save("picture", "grey.png", png(9, 7, 8, 0, grey))
save("picture", "rgb.png", png(1, 2, 8, 2, b"\0\1\2\3\1\4\5\6"))
save("picture", "rgb16.png", png(1, 1, 16, 2, b"\0\1\2\3\4\5\6"))
save("picture", "alpha.png", png(1, 1, 8, 6, b"\0\1\2\3\4"))
save("picture", "alpha16.png", png(1, 1, 16, 4, b"\0\1\2\3\4"))
palette = (b"PLTE", bytes([255, 0, 0, 0, 0, 9]))
save("picture", "palette.png", png(8, 2, 1, 3, b"\0\x55\0\xaa", palette, (b"tRNS", b"\x80")))
save("picture", "interlaced.png", png(2, 2, 8, 0, b"\0\1\0\2\0\3\4", interlace=1))
control = struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 1, 0, 0)
animation = [(b"acTL", struct.pack(">II", 2, 0)), (b"fcTL", control)]
save("picture", "animated.png", png(1, 1, 8, 0, b"\0\7", *animation))
save("picture", "flat.png", png(40, 1, 8, 0, bytes(41)))
save("picture", "large.png", png(900, 900, 1, 0, bytes(113 * 900 + 900)))
exif = Image.Exif()
exif[0x0112] = 6
for name, data in {
    "grey.jpg": jpeg("L"),
    "rgb.jpg": jpeg("RGB", subsampling=0),
    "subsampled.jpg": jpeg("RGB", subsampling=2),
    "progressive.jpg": jpeg("RGB", progressive=True),
    "cmyk.jpg": jpeg("CMYK"),
    "restarts.jpg": jpeg("RGB", (40, 20), restart_marker_blocks=1),
    "turned.jpg": jpeg("RGB", exif=exif),
    "lossy.webp": encoded("WEBP", "RGB"),
    "lossless.webp": encoded("WEBP", "RGB", lossless=True),
    "alpha.webp": encoded("WEBP", "RGBA"),
    "turned.webp": encoded("WEBP", "RGB", exif=exif),
    "animated.webp": encoded("WEBP", "RGB", save_all=True, append_images=[Image.new("RGB", (9, 7))]),
    "rgb.bmp": encoded("BMP", "RGB"),
    "palette.bmp": encoded("BMP", "L"),
    "bits.bmp": encoded("BMP", "1"),
    "bits.pbm": encoded("PPM", "1"),
    "grey.pgm": encoded("PPM", "L"),
    "rgb.ppm": encoded("PPM", "RGB"),
    "text.pgm": b"P2\n# a comment\n2 2\n15\n0 5\n10 15\n",
    "alpha.pam": b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\0\0\0\x80",
}.items():
    save("picture", name, data)

# Of the target's kinds of input these are of the first two; the third is built by fuzzing.
whole = tar(("one.bin", tarfile.REGTYPE, b""), ("a/two.bin", tarfile.REGTYPE, b"abc"))
links = tar(("one.bin", tarfile.SYMTYPE, b""), ("../two.bin", tarfile.LNKTYPE, b""))
for name, data in {"whole": whole, "links": links}.items():
    save("archive", name + ".raw", bytes(4) + gzipped(data))
    save("archive", name + ".tar", b"\0\0\0\x60" + data)

save("deb", "whole.deb", deb(
    ("./usr/share/one.bin.gz", tarfile.REGTYPE, gzipped(b"")),
    ("./usr/share/README", tarfile.REGTYPE, b"hello"),
    ("./usr/share/two.bin.gz", tarfile.REGTYPE, gzipped(b"abc")),
))

configs = HERE.parent / "configs"
for config in sorted(configs.glob("*.toml")):
    save("config_toml", config.stem, config.read_bytes())
overrides = (
    b"--set seed=7\n--set distill.weighting={kind=\"x0\"}\n--set data.dir=pictures\n"
    b"--set distill.rounds.4.learning_rate=3e-4\n"
)
folder = b"--set data={kind=\"folder\", dir=\"x\", size=64}\n--set schedule.name=linear\n"
digits = (configs / "digits.toml").read_bytes()
save("config_toml", "overrides", overrides + digits)
save("config_toml", "folder", folder + digits)


def save_json(target, name, value):
    save(target, name, json.dumps(value, separators=(",", ":")).encode())


small = {
    "_class_name": "UNet2DModel",
    "sample_size": 4,
    "in_channels": 1,
    "out_channels": 1,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    "block_out_channels": [4, 8],
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "norm_num_groups": 2,
}
save_json("unet_config", "default", {})
save_json("unet_config", "small", small)
classes = {"num_class_embeds": 3, "dropout": 0.1, "downsample_padding": 0, "freq_shift": 1}
save_json("unet_config", "classes", small | classes | {"attention_head_dim": None})

betas = [1e-4, 0.1, 0.5, 1.0]
schedulers = {
    "default": {},
    "short": {"num_train_timesteps": 8},
    "scaled": {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012},
    "cosine": {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
    "betas": {"trained_betas": betas, "num_train_timesteps": 4},
    "zero": {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    "clipped": {"thresholding": True, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 2.0},
    "other": {"_class_name": "DPMSolverMultistepScheduler", "variance_type": "fixed_large"},
}
for name, scheduler in schedulers.items():
    save_json("scheduler_config", name, scheduler)

schedule = {"name": "linear", "train_timesteps": 8}
student = {"distilled": {"num_steps": 2, "timesteps": [7, 3]}, "class_names": ["a", "b"]}
provenance = {"provenance": {"role": "student", "seed": 3, "train_seconds": 1.5}}
save_json("model_folder", "empty", {})
save_json("model_folder", "student", student | provenance | {"schedule": schedule})
save("model_folder", "scheduler", b'{}\0{"beta_schedule":"squaredcos_cap_v2"}')
cosine = {"name": "cosine", "train_timesteps": 4, "zero_terminal_snr": True}
abar = [math.cos(math.pi / 8 * (t + 1)) ** 2 for t in range(4)]
trained = [1 - now / before for before, now in zip([1, *abar], abar[:3] + [0])]
scheduler = {"num_train_timesteps": 4, "trained_betas": trained}
parts = [json.dumps(part).encode() for part in ({"schedule": cosine}, scheduler)]
save("model_folder", "betas", b"\0".join(parts))

source = {"samples": 4, "seed": 0, "dataset": "x", "dataset_sha256": "", "model_sha256": ""}
table = {"eps_norm2": [0.1, 0.5, 0.9, 1.1], "standard_error": [0.01, 0.0, 0.1, 0.2]}
save_json("gamma_json", "table", {"source": source, "data_variance": 0.3, **table, "program": "x"})


def safetensors(**tensors):
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


numbers = struct.pack("<8f", *range(8))
save("safetensors_noise", "two", safetensors(noise=("F32", [2, 1, 2, 2], numbers)))
save("safetensors_noise", "half", safetensors(noise=("F16", [2, 1, 2, 2], numbers[:16])))
save("safetensors_noise", "other", safetensors(samples=("F32", [8], numbers)))
nan = struct.pack("<4f", 0, math.nan, math.inf, -1)
save("safetensors_noise", "nan", safetensors(noise=("F32", [1, 1, 2, 2], nan)))

whole = (SEEDS / "model_weights" / "whole").read_bytes()
(length,) = struct.unpack_from("<Q", whole)
tensors = json.loads(whole[8 : 8 + length])
tensors.pop("__metadata__", None)
halves = {}
for name, tensor in tensors.items():
    begin, end = (8 + length + offset for offset in tensor["data_offsets"])
    values = struct.unpack(f"<{(end - begin) // 4}f", whole[begin:end])
    halves[name] = ("F16", tensor["shape"], struct.pack(f"<{len(values)}e", *values))
save("model_weights", "half", safetensors(**halves))
save("model_weights", "lacking", safetensors(**dict(list(halves.items())[:3])))
