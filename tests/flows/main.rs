//! Whole-flow tests over the programs and the libraries, in one binary.

mod bad_input;
mod checkpoints;
mod classes;
mod device_check;
mod devices;
mod diffusers;
mod eval;
mod eval_kept;
mod eval_pictures;
mod examples;
mod faults;
mod gamma;
mod gamma_table;
mod gpu_kernels;
mod likelihood;
mod long_steps;
mod model_folder;
mod originals;
mod paths;
mod precision;
mod programs;
mod resume;
mod samplers;
mod sampling;
mod support;
mod unet_golden;
