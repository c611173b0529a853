//! Takes many steps in a row, as a run does, and prints the memory, which must not grow.

use halfstep_train::{Prefetch, StepStats};

use crate::chip::{device_bytes, process_bytes};
use crate::host::{made_up, source};
use crate::tasks::Bench;

/// The number of steps between two reads of the losses, as in a run.
const READ_EVERY: u64 = 10;

/// Takes `steps` training steps on new batches and prints the memory in use after each tenth of them.
pub fn soak(bench: &mut Bench<'_>, steps: u64) -> anyhow::Result<()> {
    let dataset = made_up(1000, bench.shape)?;
    let source = source(&dataset, bench.batch_size());
    let tracked = bench.device.device.clone().autodiff();
    let mut held = Vec::new();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let batches = Prefetch::start(scope, source, 0..steps);
        let mut pending: Vec<StepStats> = Vec::new();
        let mut step = 0;
        while let Ok(batch) = batches.next() {
            pending.push(bench.train_on(&batch.upload(&tracked))?);
            step += 1;
            if step % READ_EVERY == 0 || step == steps {
                StepStats::read_all(std::mem::take(&mut pending))?;
            }
            if step * 10 / steps > (step - 1) * 10 / steps {
                let now = [process_bytes().0, device_bytes(bench.device)];
                println!("soak: step {step:6}  process {}  device {}", mib(now[0]), mib(now[1]));
                held.push(now);
            }
        }
        Ok(())
    })?;
    if let (Some(first), Some(last)) = (held.first(), held.last()) {
        let growth = |which: usize| match (first[which], last[which]) {
            (Some(first), Some(last)) => format!("{:+.1} MiB", (last as f64 - first as f64) / MIB),
            _ => "unknown".to_owned(),
        };
        let (process, device) = (growth(0), growth(1));
        println!("soak: from a tenth of the steps to the end: process {process}, device {device}");
    }
    Ok(())
}

const MIB: f64 = 1_048_576.0;

/// `123.4 MiB`, or `unknown`.
fn mib(bytes: Option<u64>) -> String {
    bytes.map_or("unknown".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / MIB))
}
