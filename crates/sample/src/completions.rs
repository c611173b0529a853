//! Reading a command line that may ask for shell completions.

use clap::Parser;
use clap_complete::Shell;

use crate::answer;

/// The arguments of the program, as [`Parser::parse`] gives them; ends the program after printing
/// completions if its argument `completions` asks for them.
pub fn parse_or_complete<A: Parser>() -> A {
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
