//! The published weights of FID's network.

use halfstep_data::{FilePacking, Origin, PublishedFile, Release, ReleaseSource};

/// pytorch-fid's `pt_inception-2015-12-05`, which its authors converted from the original TensorFlow weights.
pub static INCEPTION: Release = Release {
    name: "inception",
    title: "FID's Inception network",
    files: &[PublishedFile {
        name: "pt_inception-2015-12-05-6726825d.pth",
        bytes: 95_628_359,
        sha256: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    }],
    sources: &[
        ReleaseSource {
            origin: Origin::Official,
            base_url: "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights",
            packing: FilePacking::Plain,
        },
        // torch-fidelity publishes the same file under another name.
        ReleaseSource {
            origin: Origin::Mirror,
            base_url: "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0",
            packing: FilePacking::PlainAt("weights-inception-2015-12-05-6726825d.pth"),
        },
    ],
};
