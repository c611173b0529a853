//! One file from a server that may be slow, silent, cut off or wrong. `ureq` speaks HTTP; continuing a cut
//! download and asking again are ours.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::Body;
use ureq::http::{Response, StatusCode, header};

use crate::DataError;
use crate::progress::{LoadEvent, LoadProgress};

/// How long to wait for a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// A server that sends nothing for this long counts as gone.
    pub silence: Duration,
    /// The pauses before it is asked again.
    pub pauses: &'static [Duration],
}

impl Patience {
    pub(crate) const USUAL: Self = Self {
        silence: Duration::from_secs(60),
        pauses: &[Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)],
    };
}

/// A file to fetch.
pub(crate) struct Download<'a> {
    pub url: &'a str,
    /// Where it goes once it is whole. Until then it lies beside, with `.part` after its name.
    pub path: &'a Path,
    /// The most bytes that are taken.
    pub limit: u64,
    pub patience: Patience,
}

/// How a file arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// In one response.
    Whole,
    /// In several responses, perhaps of several versions of the file.
    InParts,
}

/// Why an attempt failed.
enum Trouble {
    /// The next attempt may succeed.
    Passing(String),
    Final(DataError),
}

impl From<DataError> for Trouble {
    fn from(error: DataError) -> Self {
        Self::Final(error)
    }
}

/// The part of the file that a response holds.
struct Part {
    from: u64,
    /// Bytes of the whole file, if the server names them.
    total: Option<u64>,
}

impl Download<'_> {
    /// Fetches the file, and continues what an earlier try or a cut connection has left if the server can. A
    /// server that is cut off, silent or in trouble (5xx) is asked again after a pause, a few times.
    ///
    /// # Errors
    /// [`DataError::Download`] if that fails too; the bytes so far stay. [`DataError::Io`] if the disk refuses.
    pub(crate) fn run(&self, progress: &mut LoadProgress<'_>) -> Result<Came, DataError> {
        let part = self.part();
        let mut pauses = self.patience.pauses.iter();
        let mut from_zero = false;
        loop {
            let here = if from_zero { 0 } else { length(&part)? };
            match self.attempt(&part, here, progress) {
                Ok(came) => {
                    fs::rename(&part, self.path).map_err(DataError::io("create", self.path))?;
                    return Ok(came);
                }
                // The server may refuse the range and not the file. Asking for all costs nothing.
                Err(Trouble::Final(DataError::Download { .. })) if here > 0 => from_zero = true,
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(problem)) => match pauses.next() {
                    Some(&pause) => {
                        progress(LoadEvent::Ended);
                        thread::sleep(pause);
                    }
                    None => return Err(self.given_up(&part, &problem)),
                },
            }
        }
    }

    fn part(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        self.path.with_file_name(name)
    }

    /// Fetches what follows the first `here` bytes, which the file `part` holds, or all of it.
    fn attempt(
        &self,
        part: &Path,
        here: u64,
        progress: &mut LoadProgress<'_>,
    ) -> Result<Came, Trouble> {
        let Some(answer) = self.ask(here)? else {
            return Ok(Came::InParts);
        };
        let Some(Part { from, total }) = offered(&answer, here) else {
            remove(part)?;
            return Err(Trouble::Passing("the server sends another part than asked for".into()));
        };
        if total.is_some_and(|bytes| bytes > self.limit) {
            remove(part)?;
            return Err(
                self.refused(format!("the server announces more than {} bytes", self.limit))
            );
        }
        self.store(answer.into_body(), part, &Part { from, total }, progress)?;
        Ok(if from == 0 { Came::Whole } else { Came::InParts })
    }

    /// The server's response to a request for all bytes from `from` on; `None` if it has no more.
    fn ask(&self, from: u64) -> Result<Option<Response<Body>>, Trouble> {
        let mut request = agent(self.url, self.patience.silence)
            .get(self.url)
            .header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        match request.call() {
            Ok(answer) => Ok(Some(answer)),
            Err(ureq::Error::StatusCode(416)) if from > 0 => Ok(None),
            Err(error) => Err(self.trouble(error)),
        }
    }

    /// Appends a response's body to the file `path`, or replaces the file by it.
    fn store(
        &self,
        body: Body,
        path: &Path,
        part: &Part,
        progress: &mut LoadProgress<'_>,
    ) -> Result<(), Trouble> {
        let open = OpenOptions::new()
            .create(true)
            .append(part.from > 0)
            .write(true)
            .truncate(part.from == 0)
            .open(path);
        let mut file = open.map_err(DataError::io("create", path))?;
        let name = self.url.rsplit('/').next().unwrap_or(self.url);
        let mut reader = body.into_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut received = part.from;
        loop {
            progress(LoadEvent::Downloading { file: name, received, total: part.total });
            let len = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => len,
                Err(error) => return Err(self.cut(received, part.total, error.into())),
            };
            received += len as u64;
            if received > self.limit {
                remove(path)?;
                return Err(
                    self.refused(format!("the server sends more than {} bytes", self.limit))
                );
            }
            file.write_all(&buffer[..len]).map_err(DataError::io("write", path))?;
        }
        if part.total.is_some_and(|total| total != received) {
            return Err(Trouble::Passing(cut_after(received, part.total)));
        }
        file.sync_all().map_err(DataError::io("write", path))?; // the bytes before the name
        Ok(())
    }

    fn cut(&self, received: u64, total: Option<u64>, error: ureq::Error) -> Trouble {
        match self.trouble(error) {
            Trouble::Passing(problem) => {
                Trouble::Passing(format!("{} ({problem})", cut_after(received, total)))
            }
            other => other,
        }
    }

    fn trouble(&self, error: ureq::Error) -> Trouble {
        let passes = match &error {
            ureq::Error::Timeout(_) => {
                let seconds = self.patience.silence.as_secs_f32();
                return Trouble::Passing(format!("nothing came for {seconds} s"));
            }
            ureq::Error::StatusCode(501) => false, // "not implemented"
            ureq::Error::StatusCode(status) => *status >= 500,
            ureq::Error::Io(error) => CUT.contains(&error.kind()),
            _ => false,
        };
        if passes { Trouble::Passing(error.to_string()) } else { self.refused(error) }
    }

    /// A problem that stays.
    fn refused(&self, problem: impl ToString) -> Trouble {
        Trouble::Final(DataError::download(self.url, problem))
    }

    fn given_up(&self, part: &Path, problem: &str) -> DataError {
        let tries = self.patience.pauses.len() + 1;
        let here = length(part).unwrap_or(0);
        let outlook = match here {
            0 => String::new(),
            _ => format!(
                "; the {here} bytes that came are kept, and the next try goes on from there"
            ),
        };
        DataError::download(self.url, format!("{problem}, at the last of {tries} tries{outlook}"))
    }
}

/// The system's errors for a cut connection.
const CUT: [ErrorKind; 6] = [
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::UnexpectedEof,
    ErrorKind::TimedOut,
    ErrorKind::Interrupted,
];

fn cut_after(received: u64, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("cut after {received} of {total} bytes"),
        None => format!("cut after {received} bytes"),
    }
}

/// The part that a response to a request for all bytes from `asked` on holds; `None` if it is another part.
fn offered(answer: &Response<Body>, asked: u64) -> Option<Part> {
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return Some(Part { from: 0, total: answer.body().content_length() });
    }
    let range = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (from, total) = content_range(range)?;
    (from == asked).then_some(Part { from, total })
}

/// The first byte and the whole length in `bytes 5-9/10` or `bytes 5-9/*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse::<u64>().ok()?);
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

/// The length of a file that may not be there.
fn length(path: &Path) -> Result<u64, DataError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(DataError::io("read", path)(error)),
    }
}

/// Removes a file that may not be there.
fn remove(path: &Path) -> Result<(), DataError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(DataError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn agent(url: &str, silence: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_connect(Some(silence))
        .timeout_recv_response(Some(silence))
        .timeout_per_read(Some(silence));
    // A proxy from the environment cannot reach servers on this machine itself.
    let config = if url.starts_with("http://127.0.0.1:") { config.proxy(None) } else { config };
    config.build().new_agent()
}

#[cfg(test)]
mod tests;
