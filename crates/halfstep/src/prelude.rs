//! What most programs use: `use halfstep::prelude::*;`.

pub use burn::tensor::{Device, Tensor};
pub use halfstep_core::rng::EpochOrder;
pub use halfstep_core::{
    Denoiser, DiscreteSchedule, EmaSchedule, LossWeighting, PredictionType, ScheduleConfig,
    ScheduleName, StopFlag,
};
pub use halfstep_data::{DataConfig, Dataset, ImageSource};
pub use halfstep_model::{
    ClassInput, DeviceBackend, ModelFolder, Network, NetworkDenoiser, Precision, SelectedDevice,
    UNet, UNetConfig,
};
pub use halfstep_run::{RoundResult, Stage, Summary};
pub use halfstep_sample::{
    Ancestral, AngularDdim, Ddim, DpmMultistep, DpmSinglestep, Draw, Euler, GridKind, Heun, Images,
    SampleModel, Sampler, SamplingRequest, StepInfo, StepNoise, output, picture, quietly,
    student_grid,
};
pub use halfstep_train::{
    BatchSource, DistillConfig, Event, FromImages, Halving, Job, Learner, LogConfig, ModelConfig,
    Objective, OptimizerConfig, Run, RunEnd, RunOptions, TeacherConfig, TimeSampling, TrainConfig,
};
