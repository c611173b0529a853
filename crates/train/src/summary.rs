//! What a run reached.

pub(crate) use halfstep_run::{RoundResult, Summary};
