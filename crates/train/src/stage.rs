//! The parts of a run.

pub(crate) use halfstep_run::Stage;
