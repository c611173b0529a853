#!/usr/bin/env python3
"""Compares halfstep with diffusers: the same models and start noises must give the same raw images.

diffusers draws with models trained here (eps, x0 and v, with classes and without, teachers and students).
halfstep draws with pipelines made by diffusers (scripts/diffusers_cases.py: every supported option). The
Python of each model card is run. Prints a table. Fails if diffusers warns, a weight is missing, or an image
differs by more than 1e-4. Takes a few minutes on a CPU.

    pip install torch diffusers
    cargo build -p train -p sample
    scripts/compare_diffusers.py [--programs target/debug] [--picture both.png]
"""

import argparse
import contextlib
import io
import logging
import pathlib
import subprocess
import sys
import tempfile
import warnings

import diffusers
import torch
from diffusers import DDIMPipeline, DPMSolverMultistepScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import diffusers_cases  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent
TOLERANCE = 1e-4
COUNT = 8
# Small and quick, trained just enough to draw something: the comparison is of arithmetic.
QUICK = ["teacher.train_steps=300", "distill.train_steps=60", "log.preview_every=0"]
RUNS = {
    "v": [],
    "v, classes": ["model.class_conditional=true"],
    "x0": ["teacher.prediction_type=sample"],
    "eps": [
        "teacher.prediction_type=epsilon",
        "schedule.name=linear",
        "schedule.zero_terminal_snr=false",
        "distill.student_steps=64",
    ],
}


class Complaints(logging.Handler):
    """What diffusers has to say while it reads a folder."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def complaints_of(read):
    handler = Complaints()
    logger = logging.getLogger("diffusers")
    logger.addHandler(handler)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = read()
    logger.removeHandler(handler)
    ours = [str(w.message) for w in caught if "diffusers" in str(w.filename)]
    return result, handler.said + ours


class Comparison:
    def __init__(self, programs):
        self.programs = programs
        self.failed = False

    def run(self, program, *args):
        command = [f"{self.programs}/{program}", *map(str, args)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")

    def sample(self, folder, noise, steps, classes, *flags):
        with tempfile.TemporaryDirectory() as work:
            start, raw = f"{work}/noise.safetensors", f"{work}/raw.safetensors"
            save_file({"noise": noise.contiguous()}, start)
            of_class = ["--class", ",".join(map(str, classes))] if classes else []
            self.run("sample", "--model", folder, "--noise", start, "--raw", raw, "--steps", steps,
                     "--device", "cpu", *of_class, *flags)
            return load_file(raw)["samples"]

    def row(self, model, method, theirs, ours, flags, said=()):
        difference = (theirs - ours).abs().max().item()
        wrong = not difference <= TOLERANCE or bool(said)
        self.failed |= wrong
        print(f"| {model} | {method} | {flags} | {difference:.1e} |{' **wrong**' if wrong else ''}", flush=True)
        for words in said:
            print(f"| | diffusers said: {words} | | |", flush=True)

    def opens(self, folder):
        """The pipeline that diffusers makes of a folder, and what it complained of."""
        pipeline, said = complaints_of(lambda: DDIMPipeline.from_pretrained(folder, low_cpu_mem_usage=False))
        # Without accelerate diffusers warns of its absence unless it is told not to want it.
        (_, info), more = complaints_of(
            lambda: UNet2DModel.from_pretrained(
                f"{folder}/unet", output_loading_info=True, low_cpu_mem_usage=False
            )
        )
        lost = [f"{kind}: {keys}" for kind, keys in info.items() if keys]
        pipeline.set_progress_bar_config(disable=True)
        return pipeline, said + more + lost

    def card_runs(self, folder):
        """The Python of a model's card, as somebody would paste it."""
        card = (pathlib.Path(folder) / "README.md").read_text()
        code = card.split("```python\n")[1].split("```")[0]
        names = {}
        with contextlib.chdir(folder), contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            exec(compile(code, f"{folder}/README.md", "exec"), names)
        if len(names["images"]) != 16:
            self.failed = True
            print(f"| {folder}/README.md | its Python draws {len(names['images'])} images | | | **wrong**")

    def ours_there(self, name, folder, students):
        """A model of ours, drawn by diffusers."""
        pipeline, said = self.opens(folder)
        unet, config = pipeline.unet, pipeline.unet.config
        classes = list(range(10)) if config.num_class_embeds else None
        # What the pipeline itself draws with this seed.
        noise = torch.randn(COUNT, config.in_channels, config.sample_size, config.sample_size,
                            generator=torch.Generator().manual_seed(0))
        ddim = lambda steps: diffusers_cases.raw_samples(unet, pipeline.scheduler, noise, steps, classes)
        if students:
            ours = self.sample(folder, noise, students, classes)
            self.row(name, f"DDIM {students}", ddim(students), ours, "", said)
            if classes is None:
                images = pipeline(batch_size=COUNT, generator=torch.Generator().manual_seed(0),
                                  num_inference_steps=students, output_type="np").images
                theirs = torch.from_numpy(images).permute(0, 3, 1, 2)
                self.row(name, f"pipeline(num_inference_steps={students})", theirs,
                         (ours / 2 + 0.5).clamp(0, 1), "")
            return ddim(students), ours
        self.row(name, "DDIM 64", ddim(64), self.sample(folder, noise, 64, classes), "", said)
        flags = ["--compat", "diffusers"]
        self.row(name, "DDIM 50", ddim(50), self.sample(folder, noise, 50, classes, *flags), flags[0] + " " + flags[1])
        solver = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
        theirs = diffusers_cases.raw_samples(unet, solver, noise, 10, classes)
        ours = self.sample(folder, noise, 10, classes, "--sampler", "dpm-solver++-2m", *flags)
        self.row(name, "DPM-Solver++ 2M 10", theirs, ours, "--sampler dpm-solver++-2m --compat diffusers")
        return theirs, ours

    def made_here(self, work):
        shown = None
        for name, settings in RUNS.items():
            out = f"{work}/{name.replace(', ', '-')}"
            flags = [flag for setting in QUICK + settings for flag in ("--set", setting)]
            self.run("train", "--config", "configs/digits.toml", "--out", out, "--device", "cpu", "--quiet", *flags)
            self.ours_there(f"{name} teacher", f"{out}/teacher", None)
            self.card_runs(f"{out}/teacher")
            for student in sorted(pathlib.Path(out).glob("students/*"), reverse=True):
                steps = int(student.name)
                pair = self.ours_there(f"{name} student", str(student), steps)
                self.card_runs(student)
                shown = pair if name == "v" else shown
        return shown

    def made_there(self, work):
        for name, steps, classes in diffusers_cases.make(work):
            given = load_file(f"{work}/{name}/io.safetensors")
            flags = ["--compat", "diffusers"]
            ours = self.sample(f"{work}/{name}", given["noise"], steps, classes, *flags)
            self.row(f"diffusers: {name}", f"its scheduler, {steps} steps", given["samples"], ours, " ".join(flags))


def picture(pair, path):
    """Rows: diffusers, halfstep."""
    from PIL import Image

    rows = []
    for raw in pair:
        images = (raw / 2 + 0.5).clamp(0, 1)
        row = torch.nn.functional.pad(images, (1, 1, 1, 1)).permute(1, 2, 0, 3).flatten(2)
        rows.append(row)
    grid = torch.nn.functional.interpolate(torch.cat(rows, 1)[None], scale_factor=8)[0, 0]
    Image.fromarray((grid * 255).round().byte().numpy()).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", default=str(ROOT / "target/debug"))
    parser.add_argument("--picture", help="write a picture with a student's images, one row per program")
    args = parser.parse_args()
    diffusers.utils.logging.disable_progress_bar()
    comparison = Comparison(str(pathlib.Path(args.programs).resolve()))
    print(f"diffusers {diffusers.__version__}, torch {torch.__version__}\n")
    print("| model | drawn with | flags of `sample` | largest difference |\n|---|---|---|---:|")
    with tempfile.TemporaryDirectory() as work:
        pair = comparison.made_here(work)
        comparison.made_there(f"{work}/theirs")
    if args.picture:
        picture(pair, args.picture)
    sys.exit("something is wrong" if comparison.failed else 0)


if __name__ == "__main__":
    main()
