//! What reading and fetching report while they work.

/// How far the reading or the fetching of images is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadEvent<'a> {
    /// A download is under way.
    Downloading {
        /// The file's name on the server.
        file: &'a str,
        /// Bytes that are here.
        received: u64,
        /// Bytes of the whole file, if the server names them.
        total: Option<u64>,
    },
    /// The pictures of a folder are being read.
    Reading {
        /// Pictures that are read.
        done: usize,
        /// Pictures of the folder.
        total: usize,
    },
    /// The download or the reading has ended, well or not. Another may follow.
    Ended,
}

/// A callback for [`LoadEvent`]s.
pub type LoadProgress<'a> = dyn FnMut(LoadEvent<'_>) + 'a;

/// A [`LoadProgress`] that ignores every event.
pub fn silent(_: LoadEvent<'_>) {}
