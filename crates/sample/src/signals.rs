//! Ctrl-C and SIGTERM: finish the step, save, leave. For both programs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Set by SIGINT or SIGTERM. A second signal kills at once.
#[derive(Clone, Debug, Default)]
pub struct StopFlag {
    raised: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl StopFlag {
    /// Installs the handlers.
    ///
    /// # Errors
    /// If the system refuses a handler.
    pub fn install() -> std::io::Result<Self> {
        let flag = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag raised and gets the default action.
            signal_hook::flag::register_conditional_default(signal, flag.raised.clone())?;
            signal_hook::flag::register_usize(signal, flag.signal.clone(), signal as usize)?;
            signal_hook::flag::register(signal, flag.raised.clone())?;
        }
        Ok(flag)
    }

    /// Whether to stop after this step.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// 128 + the signal, as shells report it.
    pub fn exit_code(&self) -> u8 {
        128 + self.signal.load(Ordering::Relaxed) as u8
    }

    /// Raises the flag as a signal would.
    pub fn raise(&self) {
        self.signal.store(SIGINT as usize, Ordering::Relaxed);
        self.raised.store(true, Ordering::Relaxed);
    }
}
