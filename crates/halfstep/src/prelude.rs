//! What most programs use: `use halfstep::prelude::*;`.

pub use burn::tensor::{Device, Tensor};
pub use halfstep_core::{
    Denoiser, DiscreteSchedule, EmaSchedule, LossWeighting, PredictionType, ScheduleConfig,
    ScheduleName, StopFlag,
};
pub use halfstep_data::{DataConfig, Dataset, EpochOrder, Progress};
pub use halfstep_model::{
    ClassInput, DeviceBackend, ModelFolder, Network, NetworkDenoiser, Precision, SelectedDevice,
    UNet, UNetConfig,
};
pub use halfstep_sample::{AngularDdim, Draw, Images, Sampler, StepInfo, picture};
pub use halfstep_train::{
    BatchSource, DistillConfig, Event, FromImages, Halving, Job, Learner, ModelConfig, Objective,
    OptimizerConfig, Run, RunEnd, RunOptions, TeacherConfig, TimeSampling, TrainConfig,
};
