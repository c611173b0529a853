//! One stage of a run: how it begins, its loop, what it leaves.

pub(crate) mod ends;
pub(crate) mod preview;
pub(crate) mod recipe;
pub(crate) mod saved_states;
pub(crate) mod state;
pub(crate) mod train;
