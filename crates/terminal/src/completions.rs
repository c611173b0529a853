//! Parsing a command line that may ask for shell completions or for the list of devices.

use clap::Parser;
use clap_complete::Shell;

use crate::answer;
use crate::device_list::{answer_devices, asks_for_devices};

/// Parses the arguments as [`Parser::parse`] does. Prints completions and ends the program if the argument
/// `completions` asks for them; prints the devices and ends it if `device` is `list`.
pub(crate) fn parse_or_complete<A: Parser>() -> A {
    // Before clap, which would ask for the arguments that the other work requires.
    if asks_for_devices(std::env::args_os()) {
        answer_devices();
        std::process::exit(0);
    }
    let matches = A::command().get_matches();
    if let Some(&shell) = matches.get_one::<Shell>("completions") {
        answer!("{}", completions::<A>(shell).trim_end());
        std::process::exit(0);
    }
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// A script that completes the program's arguments.
fn completions<A: Parser>(shell: Shell) -> String {
    let mut command = A::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
