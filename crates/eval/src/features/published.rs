//! The published weights of FID's network.

use halfstep_data::{Packing, PublishedFile, Release};

/// pytorch-fid's `pt_inception-2015-12-05`, which its authors converted from the original TensorFlow weights.
pub static INCEPTION: Release = Release {
    title: "FID's Inception network",
    script: "scripts/fetch_inception.sh",
    base_url: "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights",
    packing: Packing::Plain,
    files: &[PublishedFile {
        name: "pt_inception-2015-12-05-6726825d.pth",
        bytes: 95_628_359,
        sha256: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    }],
};
