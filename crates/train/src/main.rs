//! The program `train`: trains a teacher and distils it, halving its sampling steps round after round.

fn main() -> std::process::ExitCode {
    halfstep_terminal::run_program(halfstep_train::cli::run, halfstep_train::cli::failed)
}
