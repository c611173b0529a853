//! TensorBoard's event files: one record per line of metrics.
//!
//! A file is a sequence of records (TensorFlow's `record_writer.cc`): length as a little-endian u64, the masked CRC-32C
//! of those eight bytes, the data, the masked CRC-32C of the data. The data is an `Event` in protocol buffers' encoding
//! (`tensorflow/core/util/event.proto`). Declared here are the fields that are written.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use halfstep_run::{LEVELS, Metrics, Stage, layout, read_metrics};
use prost::Message;

use crate::error::ReportError;

#[derive(Clone, PartialEq, Message)]
struct LogEvent {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "EventContent", tags = "3, 5, 7")]
    what: Option<EventContent>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum EventContent {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    ScalarSummary(ScalarSummary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct ScalarSummary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<ScalarValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScalarValue {
    #[prost(string, tag = "1")]
    tag: String,
    /// Optional, or a zero would not be written: the original is a union of several kinds of value.
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(enumeration = "SessionStatus", tag = "1")]
    status: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum SessionStatus {
    Unspecified = 0,
    Start = 1,
}

/// Writes the metrics of a stage for TensorBoard while it learns, into `tensorboard/` of the run folder.
#[derive(Debug)]
pub struct StageEvents {
    dir: PathBuf,
    file: EventFile,
}

impl StageEvents {
    /// Begins a new event file, for a stage whose metrics are written up to `step`. A folder without event files gets
    /// those metrics too: the setting may have been turned on while the run was stopped.
    ///
    /// # Errors
    /// [`ReportError::Events`] if it cannot be written, [`ReportError::Run`] if the metrics cannot be read.
    pub fn begin(run: &Path, stage: Stage, step: u64) -> Result<Self, ReportError> {
        let dir = layout::events(run, stage);
        let is_new = !dir.exists();
        let lines = read_metrics(&run.join(layout::METRICS))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let file = EventFile::begin(&dir, if is_new { 0 } else { step }, now);
        let mut events = Self { file: file.map_err(ReportError::events(&dir))?, dir };
        for line in lines.iter().filter(|line| is_new && line.stage == stage.index()) {
            events.write(line)?;
        }
        Ok(events)
    }

    /// Adds a line and hands it to the operating system, so that curves grow while TensorBoard shows them.
    ///
    /// # Errors
    /// [`ReportError::Events`].
    pub fn write(&mut self, line: &Metrics) -> Result<(), ReportError> {
        let written = self.file.line(line).and_then(|()| self.file.flush());
        written.map_err(ReportError::events(&self.dir))
    }
}

/// An event file that is being written.
#[derive(Debug)]
struct EventFile(BufWriter<File>);

impl EventFile {
    /// Creates a file in `dir`, which is created too, under a name that TensorBoard looks for and that no other file
    /// has: TensorBoard shows the files of a folder as one run. A run that continues after a saved step records that
    /// step, and TensorBoard drops what it has read of later ones.
    fn begin(dir: &Path, after_step: u64, wall_time: f64) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(file_name(wall_time));
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let mut events = Self(BufWriter::new(file));
        let version = EventContent::FileVersion("brain.Event:2".to_owned());
        events.write(&LogEvent { wall_time, step: 0, what: Some(version) })?;
        if after_step > 0 {
            let what =
                Some(EventContent::SessionLog(SessionLog { status: SessionStatus::Start.into() }));
            events.write(&LogEvent { wall_time, step: signed(after_step) + 1, what })?;
        }
        Ok(events)
    }

    /// Adds one event with all values of a line, rounded to f32, at the line's time.
    fn line(&mut self, line: &Metrics) -> io::Result<()> {
        let levels = LEVEL_TAGS.into_iter().zip(&line.levels);
        let levels = levels.filter_map(|(tag, error)| Some((tag, (*error)?)));
        let always = [
            ("loss", line.loss),
            ("output_error", line.mse),
            ("gradient_norm", line.grad_norm),
            ("learning_rate", line.lr),
            ("images_per_second", line.images_per_second),
            ("skipped_steps", line.skipped as f64),
        ];
        let distance = line.ema_distance.map(|distance| ("ema_distance", distance));
        let all: Vec<(&str, f64)> = always.into_iter().chain(distance).chain(levels).collect();
        self.scalars(&all, line.step, line.time)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn scalars(&mut self, scalars: &[(&str, f64)], step: u64, wall_time: f64) -> io::Result<()> {
        let value = |&(tag, value): &(&str, f64)| ScalarValue {
            tag: tag.to_owned(),
            simple_value: Some(value as f32),
        };
        let summary = ScalarSummary { value: scalars.iter().map(value).collect() };
        self.write(&LogEvent {
            wall_time,
            step: signed(step),
            what: Some(EventContent::ScalarSummary(summary)),
        })
    }

    fn write(&mut self, event: &LogEvent) -> io::Result<()> {
        self.0.write_all(&record(&event.encode_to_vec()))
    }
}

/// TensorBoard groups them under `error_by_level`; u runs from clean to pure noise.
const LEVEL_TAGS: [&str; LEVELS] = [
    "error_by_level/u_0.000",
    "error_by_level/u_0.125",
    "error_by_level/u_0.250",
    "error_by_level/u_0.375",
    "error_by_level/u_0.500",
    "error_by_level/u_0.625",
    "error_by_level/u_0.750",
    "error_by_level/u_0.875",
];

/// `events.out.tfevents.SECONDS.halfstep.PROCESS.COUNT`. TensorFlow has the host's name in place of `halfstep`;
/// files that are passed on should not reveal it.
fn file_name(wall_time: f64) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (seconds, process) = (wall_time.max(0.0) as u64, std::process::id());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("events.out.tfevents.{seconds:010}.halfstep.{process}.{count}")
}

fn signed(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let (of_length, of_data) = (masked_crc(&length), masked_crc(data));
    [&length[..], &of_length.to_le_bytes(), data, &of_data.to_le_bytes()].concat()
}

/// Masked, because a CRC of data that contains its own CRC detects nothing.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use halfstep_run::MetricsFile;

    use super::*;

    /// The events of a file, each record checked.
    fn read(mut bytes: &[u8]) -> Vec<LogEvent> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_at(8);
            let (crc, rest) = rest.split_at(4);
            assert_eq!(crc, masked_crc(length).to_le_bytes());
            let count = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            let (data, rest) = rest.split_at(count);
            let (crc, rest) = rest.split_at(4);
            assert_eq!(crc, masked_crc(data).to_le_bytes());
            events.push(LogEvent::decode(data).unwrap());
            bytes = rest;
        }
        events
    }

    fn only_file(dir: &Path) -> Vec<u8> {
        let mut entries = std::fs::read_dir(dir).unwrap();
        std::fs::read(entries.next().unwrap().unwrap().path()).unwrap()
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn the_first_record_is_tensorflows_byte_for_byte() {
        let event = LogEvent {
            wall_time: 1.0,
            step: 0,
            what: Some(EventContent::FileVersion("brain.Event:2".to_owned())),
        };
        let expected =
            b"\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0dbrain.Event:2";
        assert_eq!(record(&event.encode_to_vec())[..expected.len()], expected[..]);
    }

    #[test]
    fn what_was_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = EventFile::begin(dir.path(), 0, 12.5).unwrap();
        events.scalars(&[("loss", 0.25)], 20, 13.0).unwrap();
        events.scalars(&[("zero", 0.0)], u64::MAX, 14.0).unwrap();
        events.flush().unwrap();
        let read = read(&only_file(dir.path()));
        let scalar = |tag: &str, value| {
            let value = vec![ScalarValue { tag: tag.to_owned(), simple_value: Some(value) }];
            Some(EventContent::ScalarSummary(ScalarSummary { value }))
        };
        assert_eq!(read[0].what, Some(EventContent::FileVersion("brain.Event:2".to_owned())));
        assert_eq!(read[1], LogEvent { wall_time: 13.0, step: 20, what: scalar("loss", 0.25) });
        assert_eq!(
            read[2],
            LogEvent { wall_time: 14.0, step: i64::MAX, what: scalar("zero", 0.0) }
        );
    }

    #[test]
    fn a_run_that_goes_on_says_after_which_step() {
        let dir = tempfile::tempdir().unwrap();
        EventFile::begin(dir.path(), 250, 1.0).unwrap().flush().unwrap();
        let start =
            Some(EventContent::SessionLog(SessionLog { status: SessionStatus::Start.into() }));
        let read = read(&only_file(dir.path()));
        assert_eq!(read[1], LogEvent { wall_time: 1.0, step: 251, what: start });
        EventFile::begin(dir.path(), 250, 1.0).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no file is written over");
    }

    #[test]
    fn a_line_is_one_event_without_what_was_not_measured() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = EventFile::begin(dir.path(), 0, 1.0).unwrap();
        let levels = vec![None, Some(0.5), Some(f64::NAN)];
        events.line(&Metrics { step: 7, levels, ..Metrics::default() }).unwrap();
        events.flush().unwrap();
        let Some(EventContent::ScalarSummary(summary)) =
            read(&only_file(dir.path()))[1].what.clone()
        else {
            panic!("no summary");
        };
        let tags: Vec<&str> = summary.value.iter().map(|value| value.tag.as_str()).collect();
        assert_eq!(tags.len(), 8);
        assert_eq!(tags[6..], ["error_by_level/u_0.125", "error_by_level/u_0.250"]);
    }

    #[test]
    fn a_folder_without_events_gets_the_metrics_so_far() {
        let dir = tempfile::tempdir().unwrap();
        let line = |stage, step| Metrics { stage, step, ..Metrics::default() };
        let mut metrics = MetricsFile::resume(&dir.path().join(layout::METRICS), 0, 0).unwrap();
        for line in [line(0, 10), line(0, 20), line(1, 10)] {
            metrics.write(&line).unwrap();
        }
        let steps = || {
            let files = std::fs::read_dir(layout::events(dir.path(), Stage::Teacher)).unwrap();
            let mut events: Vec<LogEvent> = files
                .flat_map(|file| read(&std::fs::read(file.unwrap().path()).unwrap()))
                .filter(|event| event.step > 0)
                .collect();
            events.sort_by_key(|event| event.step);
            events.into_iter().map(|event| event.step).collect::<Vec<_>>()
        };
        drop(StageEvents::begin(dir.path(), Stage::Teacher, 20).unwrap());
        assert_eq!(steps(), [10, 20]);
        let mut events = StageEvents::begin(dir.path(), Stage::Teacher, 20).unwrap();
        events.write(&line(0, 30)).unwrap();
        assert_eq!(steps(), [10, 20, 21, 30], "21: the run continues after step 20");
    }
}
