//! What a training image costs the host, part by part: random bits, normals, pixels.
//!
//! `cargo bench --profile dev -p halfstep-data`; the crate is optimised in that profile too. The
//! whole pipeline is the task `batches` of `cargo bench --profile dev -p train --bench steps`.

use divan::Bencher;
use divan::counter::ItemsCount;
use halfstep_core::rng::{EpochOrder, Purpose, Stream, noise};
use halfstep_data::{Dataset, Pick};

const SHAPE: [usize; 3] = [3, 32, 32];
/// Values of an image.
const EACH: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];
/// Images of a batch.
const BATCH: usize = 128;

fn main() {
    divan::main();
}

/// Words of one stream, taken one by one.
#[divan::bench]
fn bits(bencher: Bencher<'_, '_>) {
    let mut stream = Stream::new(0, Purpose::Evaluation, 0);
    bencher
        .counter(ItemsCount::new(EACH))
        .bench_local(|| (0..EACH).fold(0, |all, _| all ^ stream.bits()));
}

/// Normals of one stream, on this thread, into memory that is there.
#[divan::bench]
fn normals(bencher: Bencher<'_, '_>) {
    let mut values = vec![0.0; EACH];
    let mut stream = Stream::new(0, Purpose::Evaluation, 0);
    bencher.counter(ItemsCount::new(EACH)).bench_local(|| stream.fill_normals(&mut values));
}

/// First numbers of many streams: a flip or a time for each image.
#[divan::bench]
fn streams(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        (0..BATCH as u64).map(|k| Stream::new(0, Purpose::Flip, k).uniform()).sum::<f64>()
    });
}

/// Images of noise, on all threads.
#[divan::bench]
fn noise_images(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(BATCH))
        .bench_local(|| noise(0, Purpose::TrainNoise, 0..BATCH as u64, EACH));
}

/// Images as floats, every second one mirrored, on all threads.
#[divan::bench]
fn pixel_images(bencher: Bencher<'_, '_>) {
    let data = bytes(1_000);
    let picks: Vec<Pick> =
        (0..BATCH).map(|i| Pick::new(i * 7 % data.len()).flipped(i % 2 == 1)).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| data.batch(&picks));
}

/// The shuffles of epochs of CIFAR-10's length, by the image.
#[divan::bench]
fn epochs(bencher: Bencher<'_, '_>) {
    const LEN: usize = 50_000;
    let mut order = EpochOrder::new(LEN, 0);
    let mut position = 0;
    bencher.counter(ItemsCount::new(LEN)).bench_local(|| {
        position += LEN as u64;
        order.index(position)
    });
}

fn bytes(count: usize) -> Dataset {
    let pixels = (0..count * EACH).map(|i| (i * 31 % 251) as u8).collect();
    Dataset::new("bytes", SHAPE, pixels, None, None).expect("whole images")
}
