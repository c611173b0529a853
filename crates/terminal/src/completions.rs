//! Parsing a command line that may ask for shell completions or for the list of devices.

use std::ffi::OsString;

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
    if let Some(shell) = requested_shell(std::env::args_os()) {
        answer!("{}", completions::<A>(shell).trim_end());
        std::process::exit(0);
    }
    A::parse()
}

/// The shell of `--completions SHELL`, wherever it stands; `None` without it, and for an unknown shell, which
/// the parser refuses.
fn requested_shell(arguments: impl Iterator<Item = OsString>) -> Option<Shell> {
    let mut arguments = arguments.take_while(|argument| argument != "--");
    while let Some(argument) = arguments.next() {
        let text = argument.to_str()?;
        if text == "--completions" {
            return arguments.next()?.to_str()?.parse().ok();
        }
        if let Some(shell) = text.strip_prefix("--completions=") {
            return shell.parse().ok();
        }
    }
    None
}

/// A script that completes the program's arguments.
fn completions<A: Parser>(shell: Shell) -> String {
    let mut command = A::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_are_found_wherever_they_are_asked_for() {
        let shell = |line: &str| requested_shell(line.split(' ').map(OsString::from));
        assert_eq!(shell("halfstep train --completions bash"), Some(Shell::Bash));
        assert_eq!(shell("eval --completions=zsh"), Some(Shell::Zsh));
        for none in
            ["train", "train --completions", "train --completions ksh", "a -- --completions zsh"]
        {
            assert_eq!(shell(none), None, "{none}");
        }
    }
}
