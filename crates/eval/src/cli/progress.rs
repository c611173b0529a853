//! What the terminal shows while an evaluation runs, and how a signal stops it.

use std::cell::RefCell;

use anyhow::Context;
use halfstep_core::counted;
use halfstep_terminal::{ProgressLine, StopSignal};

use crate::progress::{EvalEvent, EvalObserver, LikelihoodPart, LikelihoodWork, WorkUnit};

/// Shows events on standard error. Ctrl-C and SIGTERM stop the evaluation.
pub(super) struct TerminalObserver {
    stop: StopSignal,
    watch: RefCell<Option<ProgressLine>>,
}

impl TerminalObserver {
    /// Installs the signal handlers.
    pub fn install() -> anyhow::Result<Self> {
        let stop = StopSignal::install().context("cannot watch for Ctrl-C")?;
        Ok(Self { stop, watch: RefCell::new(None) })
    }

    /// The exit code after a signal.
    pub fn exit_code(&self) -> u8 {
        self.stop.exit_code()
    }
}

impl EvalObserver for TerminalObserver {
    fn on_event(&self, event: EvalEvent) {
        match event {
            EvalEvent::Began(unit) => {
                *self.watch.borrow_mut() = Some(ProgressLine::new(name(unit)))
            }
            EvalEvent::Progress { done, total } => {
                if let Some(watch) = self.watch.borrow_mut().as_mut() {
                    watch.show(done, total);
                }
            }
            EvalEvent::Ended => *self.watch.borrow_mut() = None,
            EvalEvent::SweepRow { name } => halfstep_terminal::say!("{name}"),
            EvalEvent::Likelihood(part) => halfstep_terminal::say!("{}", description(&part)),
        }
    }

    fn should_stop(&self) -> bool {
        self.stop.is_raised()
    }
}

fn name(unit: WorkUnit) -> &'static str {
    match unit {
        WorkUnit::Images => "images",
        WorkUnit::Pairs => "pairs of images",
        WorkUnit::Steps => "steps of images",
    }
}

fn description(part: &LikelihoodPart) -> String {
    let LikelihoodPart { kind, steps, images, dataset } = part;
    let images = counted(*images, "image");
    match kind {
        LikelihoodWork::Errors => {
            format!("the network's errors at {}, on {images} of {dataset}", counted(*steps, "time"))
        }
        LikelihoodWork::Bound => format!(
            "variational bound of {images} of {dataset} in {}, on two trajectories",
            counted(*steps, "step")
        ),
        LikelihoodWork::Density => format!(
            "density of {images} of {dataset} by the probability-flow ODE in {}: {}, each with its gradient",
            counted(*steps, "step"),
            counted(4 * steps, "network call")
        ),
    }
}
