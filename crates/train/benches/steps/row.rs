//! One row of the table of `scripts/bench_gpu.sh`.

use std::time::Instant;

use crate::chip::{device_bytes, forward_flops, matrix_rate, process_bytes};
use crate::tasks::Bench;

/// The titles of the columns.
pub const COLUMNS: [&str; 11] = [
    "program",
    "computes in",
    "batch",
    "forward, ms",
    "training step, ms",
    "images/s trained",
    "images/s drawn in 4 steps",
    "launches per step",
    "issued in, ms",
    "memory, MiB",
    "share of the matrix rate",
];

/// Measures one row with the batch of `bench`. `matrix` is the side of the square matrices whose product is the
/// yardstick.
pub fn row(bench: &mut Bench<'_>, repeats: usize, matrix: usize) -> anyhow::Result<String> {
    let (batch, precision) = (bench.batch_size(), bench.precision());
    let forward = median(repeats, || bench.run("forward"))?;
    let training = median(repeats, || bench.run("train"))?;
    let (launched, issued, _) = bench.counted_step()?;
    let drawing = median(repeats.min(3), || {
        let started = Instant::now();
        bench.sample(batch)?;
        Ok(started.elapsed().as_secs_f64())
    })?;
    let memory = device_bytes(bench.device).or(process_bytes().1);
    let rate = matrix_rate(precision, matrix, bench.device)?;
    let reached = 3.0 * forward_flops(&bench.model.unet) * batch as f64 / training;
    let cells = [
        format!("halfstep, {}", bench.device.description),
        precision.to_string(),
        batch.to_string(),
        format!("{:.1}", forward * 1e3),
        format!("{:.1}", training * 1e3),
        format!("{:.0}", batch as f64 / training),
        format!("{:.0} (f32)", batch as f64 / drawing),
        launched.total().to_string(),
        format!("{:.1}", issued * 1e3),
        memory.map_or("not known".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1_048_576.0)),
        format!("{:.1} % of {:.2} TFLOP/s", 100.0 * reached / rate, rate / 1e12),
    ];
    Ok(format!("| {} |", cells.join(" | ")))
}

/// The median of `repeats` measurements, after one that compiles, allocates and warms up.
fn median(repeats: usize, mut seconds: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    seconds()?;
    let mut all = (0..repeats.max(1)).map(|_| seconds()).collect::<Result<Vec<f64>, _>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}
