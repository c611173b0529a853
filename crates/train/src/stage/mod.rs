//! One stage of a run: how it begins, its training loop, what it leaves.

pub(crate) mod begin;
mod end;
mod preview;
pub(crate) mod recipe;
pub(crate) mod saved_states;
mod state;
pub(crate) mod train;
