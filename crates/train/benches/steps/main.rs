//! Times whole steps of a model: forward, training, distillation, sampling.
//!
//! `cargo bench --profile dev -p train --bench steps -- --model DIR` prints a table.
//!
//! `--serve` reads one task per line from standard input and replies to each with a line of JSON, so that
//! another program can time itself in alternation (`scripts/compare_pytorch.py`). `--row` prints one row of the
//! table of `scripts/bench_gpu.sh`. `--soak` measures memory over many steps.

mod chip;
mod host;
mod model;
mod row;
mod soak;
mod tasks;

use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::bail;
use clap::Parser;
use halfstep_model::{DeviceChoice, Precision};

use crate::tasks::{Bench, TASKS};

/// Times whole steps of a model.
#[derive(Parser)]
struct Args {
    /// A model folder
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Instead of a model folder: a run configuration; its network gets random weights
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the model to this folder and exit
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Print the number of multiplications and additions in one image's forward pass and exit
    #[arg(long)]
    flops: bool,
    /// Images per training step
    #[arg(long, default_value_t = 16, value_parser = batch_size)]
    batch_size: usize,
    /// Repetitions of each task; the median is printed
    #[arg(long, default_value_t = 7)]
    repeats: usize,
    /// Device: auto, cpu, wgpu, ...
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Precision of forward, training and distillation: f32, bf16 or f16
    #[arg(long, default_value = "f32", value_parser = precision)]
    precision: Precision,
    /// Print one row of a Markdown table; `--row titles` prints the two header lines instead
    #[arg(long, value_name = "WHAT", num_args = 0..=1, default_missing_value = "row",
        value_parser = ["row", "titles"])]
    row: Option<String>,
    /// Side of the square matrices whose product is the yardstick of `--row`
    #[arg(long, default_value_t = 4096)]
    matrix: usize,
    /// Take this many training steps and print the memory in use after each tenth of them
    #[arg(long, value_name = "STEPS")]
    soak: Option<u64>,
    /// Run tasks from standard input: forward, train, distill, sample1, sample64, batches, peak, or
    /// `outputs IN OUT` for the network's output at t = 500 for the tensor `noise` of the file IN
    #[arg(long)]
    serve: bool,
    /// The flag that `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// The number of kernels that are listed by name.
const MOST_FREQUENT: usize = 10;

fn batch_size(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&size| size > 0)
        .ok_or_else(|| "expected a whole number of at least 1".to_owned())
}

fn precision(name: &str) -> Result<Precision, String> {
    let all = [Precision::F32, Precision::Bf16, Precision::F16];
    let found = all.into_iter().find(|precision| precision.name() == name);
    found.ok_or_else(|| "expected f32, bf16 or f16".to_owned())
}

fn main() -> anyhow::Result<()> {
    halfstep_ops::keep_freed_memory();
    let args = Args::parse();
    if args.row.as_deref() == Some("titles") {
        println!("| {} |", row::COLUMNS.join(" | "));
        println!("|---|---|{}", "---:|".repeat(row::COLUMNS.len() - 2));
        return Ok(());
    }
    let device = args.device.select()?;
    let model = model::load(args.model.as_deref(), args.config.as_deref(), &device.device)?;
    if let Some(folder) = &args.save {
        return Ok(model.save(folder)?);
    }
    if args.flops {
        println!("{:.0}", chip::forward_flops(&model.unet));
        return Ok(());
    }
    let mut bench = Bench::new(model, args.precision, args.batch_size, &device)?;
    if args.serve {
        return serve(&mut bench);
    }
    if let Some(steps) = args.soak {
        println!("soak: {}, batch {}, {steps} steps", device.description, args.batch_size);
        return soak::soak(&mut bench, steps);
    }
    if args.row.is_some() {
        println!("{}", row::row(&mut bench, args.repeats, args.matrix)?);
        return Ok(());
    }
    table(&args, &mut bench)
}

fn table(args: &Args, bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let model = args.model.as_ref().or(args.config.as_ref()).map(|path| path.display());
    let model = model.map_or(String::new(), |path| path.to_string());
    println!(
        "{model} at batch {}, in {}, on {}",
        args.batch_size, args.precision, bench.device.description
    );
    for task in TASKS {
        bench.run(task)?; // the first run compiles, allocates and warms up
        let mut seconds =
            (0..args.repeats.max(1)).map(|_| bench.run(task)).collect::<Result<Vec<f64>, _>>()?;
        seconds.sort_by(f64::total_cmp);
        let (first, last) = (seconds[0], seconds[seconds.len() - 1]);
        let median = seconds[seconds.len() / 2];
        println!("{task:9} {:9.1} ms  ({:.1} to {:.1})", median * 1e3, first * 1e3, last * 1e3);
    }
    if bench.device.compiles_kernels {
        print_launches(bench)?;
    }
    println!("batches: {} images of 32x32 RGB with noise, made on the host", host::IMAGES);
    match chip::process_bytes().1 {
        Some(bytes) => println!("peak memory of the process: {:.0} MiB", bytes as f64 / 1048576.0),
        None => println!("peak memory of the process: unknown on this system"),
    }
    Ok(())
}

fn print_launches(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let (launched, issued, step) = bench.counted_step()?;
    println!(
        "launches  {:9} kernels per training step, issued in {:.1} of {:.1} ms",
        launched.total(),
        issued * 1e3,
        step * 1e3
    );
    for (kernel, count) in launched.first(MOST_FREQUENT) {
        println!("          {count:9} {kernel}");
    }
    Ok(())
}

/// Reads one task per line, and replies to each with one line.
fn serve(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["peak"] => serde_json::json!({ "bytes": chip::process_bytes().1 }),
            ["outputs", input, output] => {
                bench.outputs(input.as_ref(), output.as_ref())?;
                serde_json::json!({ "written": output })
            }
            [task] => serde_json::json!({ "seconds": bench.run(task)? }),
            _ => bail!("`{line}` is not a task"),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
