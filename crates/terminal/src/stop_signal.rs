//! Ctrl-C and SIGTERM: finish the step, save, leave.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use halfstep_core::StopFlag;
use signal_hook::consts::{SIGINT, SIGTERM};

/// A [`StopFlag`] that SIGINT or SIGTERM raises. A second signal ends the program at once.
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    flag: StopFlag,
    signal: Arc<AtomicUsize>,
}

impl StopSignal {
    /// Installs the signal handlers.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn install() -> std::io::Result<Self> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag raised and gets the default action.
            signal_hook::flag::register_conditional_default(signal, stop.flag.shared())?;
            signal_hook::flag::register_usize(signal, stop.signal.clone(), signal as usize)?;
            signal_hook::flag::register(signal, stop.flag.shared())?;
        }
        Ok(stop)
    }

    /// The exit code of a program that a signal stopped: 128 + the signal, as shells report it; 128 + SIGINT if
    /// the flag was raised without a signal.
    pub fn exit_code(&self) -> u8 {
        match self.signal.load(Ordering::Relaxed) {
            0 => 128 + SIGINT as u8,
            signal => 128 + signal as u8,
        }
    }
}

impl Deref for StopSignal {
    type Target = StopFlag;

    fn deref(&self) -> &StopFlag {
        &self.flag
    }
}
