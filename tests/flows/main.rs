//! Whole-flow tests over the programs and the libraries, in one binary.

mod bad_input;
mod device_check;
mod diffusers;
mod drawing;
mod eval;
mod eval_kept;
mod examples;
mod faults;
mod gamma;
mod gamma_table;
mod gpu_kernels;
mod likelihood;
mod model_folder;
mod originals;
mod precision;
mod programs;
mod resume;
mod samplers;
mod sampling;
mod support;
mod unet_golden;
