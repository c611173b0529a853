//! A web server on this machine with the faults of real ones.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub path: String,
    /// The N of `Range: bytes=N-`.
    pub from: Option<u64>,
}

/// A response of the server.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    /// The pause after every byte of the body.
    pause: Duration,
    /// Whether the connection stays open, with nothing more to come.
    stays: bool,
}

impl Reply {
    /// A body that ends with the connection: its length is not announced.
    pub(crate) fn unannounced(body: impl Into<Vec<u8>>) -> Self {
        let (body, headers) = (body.into(), vec![]);
        Self { status: 200, headers, body, pause: Duration::ZERO, stays: false }
    }

    /// A body under the Content-Length of another.
    pub(crate) fn announced(length: usize, body: impl Into<Vec<u8>>) -> Self {
        Self::unannounced(body).with(format!("Content-Length: {length}"))
    }

    pub(crate) fn whole(body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::announced(body.len(), body)
    }

    /// Only the first `at` bytes of a body, all of which are announced.
    pub(crate) fn cut(body: &[u8], at: usize) -> Self {
        Self::announced(body.len(), &body[..at])
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::whole([]) }
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).with(format!("Location: {to}"))
    }

    /// The response of a server that knows ranges.
    pub(crate) fn ranged(body: &[u8], request: &Request) -> Self {
        let Some(from) = request.from else { return Self::whole(body) };
        match body.get(from as usize..) {
            Some(rest) if !rest.is_empty() => {
                Self::part(rest, &format!("bytes {from}-{}/{}", body.len() - 1, body.len()))
            }
            _ => Self::status(416).with(format!("Content-Range: bytes */{}", body.len())),
        }
    }

    /// A part of a body, under this Content-Range.
    pub(crate) fn part(body: &[u8], range: &str) -> Self {
        Self { status: 206, ..Self::whole(body) }.with(format!("Content-Range: {range}"))
    }

    /// The same, but the connection stays open at its end, with nothing more to come.
    pub(crate) fn then_silent(self) -> Self {
        Self { stays: true, ..self }
    }

    /// The same, byte by byte.
    pub(crate) fn slowly(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    fn with(mut self, header: String) -> Self {
        self.headers.push(header);
        self
    }

    /// Errors come from the client, which may hang up once it has seen enough.
    fn send(&self, connection: &mut TcpStream) -> std::io::Result<()> {
        let headers: String = self.headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = format!("HTTP/1.1 {} X\r\n{headers}Connection: close\r\n\r\n", self.status);
        connection.write_all(head.as_bytes())?;
        if self.pause.is_zero() {
            connection.write_all(&self.body)?;
        } else {
            for byte in &self.body {
                connection.write_all(&[*byte])?;
                std::thread::sleep(self.pause);
            }
        }
        if self.stays {
            connection.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    }
}

/// A server that runs until the tests end.
pub(crate) struct Server {
    /// Without a slash at its end.
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers one request after another.
    pub(crate) fn new(mut answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let request = read(&connection);
                requests.lock().unwrap().push(request.clone());
                let _ = answer(&request).send(&mut connection);
            }
        });
        Self { url, seen }
    }

    /// Answers with each reply once, in this order, then with 410.
    pub(crate) fn replying(replies: impl Into<VecDeque<Reply>>) -> Self {
        let mut replies = replies.into();
        Self::new(move |_| replies.pop_front().unwrap_or_else(|| Reply::status(410)))
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Where each request so far asked to begin.
    pub(crate) fn asked_from(&self) -> Vec<Option<u64>> {
        self.seen().iter().map(|request| request.from).collect()
    }
}

/// The head of a request, which has no body.
fn read(connection: &TcpStream) -> Request {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = lines.take_while(|line| !line.is_empty());
    let from = headers.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let range = name.eq_ignore_ascii_case("range").then_some(value)?;
        range.trim().strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    });
    Request { path, from: from.last() }
}
