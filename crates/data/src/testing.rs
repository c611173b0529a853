//! What the tests of several modules need: files, published files, a server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};

use crate::{Packing, PublishedFile, Release, hash};

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A release of these files; like the real ones it lives for ever.
pub(crate) fn release(packing: Packing, files: &[(&'static str, &[u8])]) -> Release {
    let files = files.iter().map(|(name, bytes)| PublishedFile {
        name,
        bytes: bytes.len() as u64,
        sha256: hash::sha256(bytes).leak(),
    });
    Release {
        title: "Tiny",
        script: "scripts/fetch_tiny.sh",
        base_url: "http://127.0.0.1:1",
        packing,
        files: files.collect::<Vec<_>>().leak(),
    }
}

/// What the server of [`serve`] answers to every request.
#[derive(Clone)]
pub(crate) struct Reply {
    pub status: u16,
    /// The Content-Length; without one the body ends with the connection.
    pub length: Option<usize>,
    pub body: Vec<u8>,
}

impl Reply {
    pub(crate) fn whole(body: Vec<u8>) -> Self {
        Self { status: 200, length: Some(body.len()), body }
    }
}

/// Starts a server on this machine that answers one request; its address.
pub(crate) fn serve(reply: Reply) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() == 1 {
            request.push(byte[0]);
        }
        let length = reply.length.map_or(String::new(), |n| format!("Content-Length: {n}\r\n"));
        let head = format!("HTTP/1.1 {} X\r\n{length}Connection: close\r\n\r\n", reply.status);
        // The client may hang up as soon as it has seen enough.
        let _ = connection.write_all(head.as_bytes());
        let _ = connection.write_all(&reply.body);
    });
    format!("http://{address}")
}
