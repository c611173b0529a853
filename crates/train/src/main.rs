//! `train`: trains a teacher and halves it, round after round, to a few-step student.

fn main() -> std::process::ExitCode {
    halfstep_terminal::run_program(halfstep_train::cli::run, halfstep_train::cli::failed)
}
