//! One stage of a run: its start, its training loop, its saved states, and the model folder at its end.

pub(crate) mod begin;
mod end;
pub(crate) mod initial_network;
mod preview;
pub(crate) mod recipe;
pub(crate) mod saved_states;
mod state;
pub(crate) mod train;
