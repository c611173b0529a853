//! The published datasets on disk. These tests are ignored by default, because the datasets must be there:
//! `halfstep data fetch NAME` fetches each, then
//! `cargo test -p halfstep-data --test published -- --ignored` runs the tests.
//! `HALFSTEP_DATA` names the folder that they are in, if it is not `data` in the repository.

use std::path::{Path, PathBuf};

use halfstep_data::{DataConfig, Dataset, Split};

fn dir(name: &str) -> PathBuf {
    let base = std::env::var_os("HALFSTEP_DATA").map(PathBuf::from);
    base.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data")).join(name)
}

/// Loads a dataset and compares its hash with that of an independent script in Python.
#[track_caller]
fn load(config: DataConfig, images: usize, sha256: &str) -> Dataset {
    let data = config.load().unwrap();
    assert_eq!(data.len(), images);
    let mut counts = [0; 10];
    for &label in data.labels().unwrap() {
        counts[label as usize] += 1;
    }
    assert!(counts.iter().all(|&count| count > images / 12), "{counts:?}");
    assert_eq!(data.sha256(), sha256, "{}", data.name());
    data
}

#[test]
#[ignore = "needs data/cifar10"]
fn cifar10() {
    for (split, images, sha256) in [
        (Split::Train, 50_000, "88d85b43075453fb9f9244e1c2c2922ea25bf838f93b2bc8a9bec50ba9e921a7"),
        (Split::Test, 10_000, "7aeaf9b2321fb249f26db78b805756496e7f91ce6dad2f3eac405b851b52c7c7"),
    ] {
        let data = load(DataConfig::Cifar10 { dir: dir("cifar10"), split }, images, sha256);
        assert_eq!(data.shape(), [3, 32, 32]);
    }
}

#[test]
#[ignore = "needs data/mnist"]
fn mnist() {
    for (split, images, sha256) in [
        (Split::Train, 60_000, "bd67c4f5c1f4692e577f1b1b732cb553861ddef9cf089ecd39a3aa3ec72aea67"),
        (Split::Test, 10_000, "009a63cded5259a0fffb491a3efeafeb250fc359f06c729ec688c574dc1a1eb6"),
    ] {
        let data = load(DataConfig::Mnist { dir: dir("mnist"), split }, images, sha256);
        assert_eq!(data.shape(), [1, 28, 28]);
    }
}

#[test]
#[ignore = "needs data/fashion_mnist"]
fn fashion_mnist() {
    for (split, images, sha256) in [
        (Split::Train, 60_000, "9c1875d53849e40e85f4248789b5967fc77d97986dc697af1dbfef280d44bf0f"),
        (Split::Test, 10_000, "9c279c9b40901f042f0b5f98d7aafc7b262d1d7039084b42d85901cc1a425123"),
    ] {
        let data =
            load(DataConfig::FashionMnist { dir: dir("fashion_mnist"), split }, images, sha256);
        assert_eq!(data.shape(), [1, 28, 28]);
    }
}
