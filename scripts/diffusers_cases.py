"""Small UNet2DModel pipelines with random weights that together cover every supported option.

`make(folder)` writes them as diffusers does, each with a start noise and the images that diffusers draws from
it. scripts/compare_diffusers.py draws with them in halfstep; tests/fixtures/diffusers has them for the tests.
"""

import copy
import json
import os
import shutil

import torch
from diffusers import (
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    PNDMScheduler,
    UNet2DModel,
)
from safetensors.torch import load_file, save_file

BASE = dict(
    sample_size=8,
    in_channels=1,
    out_channels=1,
    block_out_channels=(4, 8),
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    layers_per_block=1,
    norm_num_groups=2,
    attention_head_dim=4,
)

# name: (network options, scheduler, how it is written, steps, classes)
CASES = {
    # google/ddpm-cifar10-32 as it lies on the Hub: no sub-folders, attention's old names.
    "old_ddpm": (
        dict(
            attention_head_dim=None,
            downsample_padding=0,
            flip_sin_to_cos=False,
            freq_shift=1,
            norm_eps=1e-6,
            in_channels=3,
            out_channels=3,
        ),
        DDPMScheduler(variance_type="fixed_large"),
        "old",
        5,
        None,
    ),
    # ADM's layers (Dhariwal & Nichol 2021), as the consistency models on the Hub have them.
    "adm": (
        dict(
            down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"),
            up_block_types=("ResnetUpsampleBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"),
            block_out_channels=(4, 8, 8),
            downsample_type="resnet",
            upsample_type="resnet",
            resnet_time_scale_shift="scale_shift",
            attn_norm_num_groups=4,
            num_class_embeds=10,
        ),
        DDIMScheduler(
            num_train_timesteps=64,
            prediction_type="v_prediction",
            beta_schedule="squaredcos_cap_v2",
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
            clip_sample=False,
        ),
        "sharded",
        4,
        [3, 9],
    ),
    "fourier": (
        dict(
            time_embedding_type="fourier",
            time_embedding_dim=24,
            add_attention=False,
            act_fn="gelu",
            downsample_type="resnet",
        ),
        DDIMScheduler(prediction_type="sample", timestep_spacing="trailing", clip_sample_range=0.5),
        "pipeline",
        4,
        None,
    ),
    "timestep_class": (
        dict(
            class_embed_type="timestep",
            act_fn="mish",
            mid_block_scale_factor=1.4142135,
            center_input_sample=True,
            sample_size=(8, 12),
            in_channels=4,
            out_channels=4,
            upsample_type="resnet",
        ),
        DDIMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            thresholding=True,
            dynamic_thresholding_ratio=0.9,
            sample_max_value=1.5,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        "pipeline",
        5,
        [7, 1000],
    ),
    "dpm_f16": (
        dict(mid_block_type=None, act_fn="relu", in_channels=2, out_channels=2),
        DPMSolverMultistepScheduler(
            prediction_type="v_prediction", beta_schedule="squaredcos_cap_v2", timestep_spacing="trailing"
        ),
        "f16",
        10,
        None,
    ),
    "dpm_3m_bf16": (
        dict(resnet_time_scale_shift="scale_shift", act_fn="swish"),
        DPMSolverMultistepScheduler(
            num_train_timesteps=100,
            prediction_type="v_prediction",
            solver_order=3,
            timestep_spacing="leading",
            trained_betas=[0.001 + 0.0001 * k for k in range(100)],
        ),
        "bf16",
        6,
        None,
    ),
    "bare": (dict(down_block_types=("DownBlock2D", "DownBlock2D"), dropout=0.1), None, "bare", 3, None),
    "pndm": (
        dict(sample_size=7, block_out_channels=(8,), down_block_types=("AttnDownBlock2D",),
             up_block_types=("UpBlock2D",)),
        PNDMScheduler(prediction_type="v_prediction", steps_offset=1),
        "pipeline",
        4,
        None,
    ),
    # With its defaults the last time is 0 and the walk ends there.
    "pndm_from_0": (
        dict(attention_head_dim=2),
        PNDMScheduler(prediction_type="v_prediction"),
        "pipeline",
        8,
        None,
    ),
    "linspace": (
        dict(layers_per_block=2),
        DDIMScheduler(
            prediction_type="v_prediction", timestep_spacing="linspace", set_alpha_to_one=False, clip_sample=False
        ),
        "pipeline",
        5,
        None,
    ),
}

OLD_NAMES = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def raw_samples(unet, scheduler, noise, steps, classes):
    """What `scheduler` draws from `noise`, before any rounding or clamping."""
    scheduler.set_timesteps(steps)
    z = noise.clone()
    labels = None if classes is None else torch.tensor([classes[k % len(classes)] for k in range(len(z))])
    with torch.no_grad():
        for t in scheduler.timesteps:
            output = unet(z, t, class_labels=labels).sample
            z = scheduler.step(output, t, z).prev_sample
    return z


def python_scheduler(folder, scheduler):
    """The scheduler that diffusers draws with: a DDIMPipeline's, or the model's own solver."""
    if scheduler is None:
        return DDIMScheduler()
    if isinstance(scheduler, DPMSolverMultistepScheduler):
        return scheduler
    config = dict(scheduler.config)
    config.pop("_use_default_values", None)  # which no file has
    if isinstance(scheduler, PNDMScheduler):
        config["clip_sample"] = False  # PNDM has no clipping; DDIM would begin to
    return DDIMScheduler.from_config(config)


def write(folder, unet, scheduler, layout):
    shutil.rmtree(folder, ignore_errors=True)
    weights = "diffusion_pytorch_model.safetensors"
    if layout == "bare":
        unet.save_pretrained(folder)
        return
    if layout == "sharded":
        unet.save_pretrained(f"{folder}/unet", max_shard_size="20KB")
        scheduler.save_pretrained(f"{folder}/scheduler")
        index = dict(_class_name="DDIMPipeline", unet=["diffusers", "UNet2DModel"],
                     scheduler=["diffusers", type(scheduler).__name__])
        json.dump(index, open(f"{folder}/model_index.json", "w"), indent=2)
        return
    if layout in ("f16", "bf16"):
        unet = unet.to(dtype=torch.float16 if layout == "f16" else torch.bfloat16)
    pipeline = DDPMPipeline if isinstance(scheduler, DDPMScheduler) else DDIMPipeline
    pipe = pipeline(unet=unet, scheduler=scheduler)
    pipe.register_modules(scheduler=scheduler)  # DDIMPipeline makes a DDIMScheduler of any other
    pipe.save_pretrained(folder)
    if layout == "f16":
        os.rename(f"{folder}/unet/{weights}", f"{folder}/unet/diffusion_pytorch_model.fp16.safetensors")
    if layout == "old":
        tensors = {}
        for name, tensor in load_file(f"{folder}/unet/{weights}").items():
            for new, old in OLD_NAMES.items():
                if "attentions" in name:
                    name = name.replace(f".{new}.", f".{old}.")
            tensors[name] = tensor
        save_file(tensors, f"{folder}/{weights}", metadata={"format": "pt"})
        os.rename(f"{folder}/unet/config.json", f"{folder}/config.json")
        os.rename(f"{folder}/scheduler/scheduler_config.json", f"{folder}/scheduler_config.json")
        shutil.rmtree(f"{folder}/unet")
        shutil.rmtree(f"{folder}/scheduler")


def gradient_norms(unet, noise, classes):
    """Of mean(output^2) at time 10, for every parameter that learns."""
    unet = copy.deepcopy(unet)
    unet.zero_grad()
    labels = None if classes is None else torch.tensor([classes[k % len(classes)] for k in range(len(noise))])
    unet(noise, torch.tensor(10.0), class_labels=labels).sample.square().mean().backward()
    return {name: p.grad.norm().item() for name, p in unet.named_parameters() if p.requires_grad}


def make(root):
    """Writes every case under `root`; yields (name, steps, classes)."""
    for seed, (name, (options, scheduler, layout, steps, classes)) in enumerate(CASES.items()):
        folder = f"{root}/{name}"
        torch.manual_seed(seed)
        unet = UNet2DModel(**{**BASE, **options}).eval()
        for parameter in unet.parameters():  # norms' scales and biases that are 1 and 0 hide mistakes
            parameter.data += 0.05 * torch.randn_like(parameter)
        if name == "fourier":  # whose output is divided by the time
            unet.conv_out.weight.data *= 500
        if layout in ("f16", "bf16"):  # what the file can hold
            kind = torch.float16 if layout == "f16" else torch.bfloat16
            unet.load_state_dict({k: v.to(kind).float() for k, v in unet.state_dict().items()})
        size = unet.config.sample_size
        sides = size if isinstance(size, (tuple, list)) else (size, size)
        noise = torch.randn(2, unet.config.in_channels, *sides)
        samples = raw_samples(unet, python_scheduler(folder, scheduler), noise, steps, classes)
        gradients = gradient_norms(unet, noise, classes)
        write(folder, unet, scheduler, layout)
        json.dump(dict(steps=steps, classes=classes, gradient_norms=gradients),
                  open(f"{folder}/case.json", "w"), indent=1)
        tensors = {"noise": noise.contiguous(), "samples": samples.contiguous()}
        save_file(tensors, f"{folder}/io.safetensors")
        yield name, steps, classes
