//! Errors of devices, in one line.

/// Lines of Burn's device errors that carry no information.
const FRAME: [&str; 3] = ["Caused by:", "Asked at:", "No backtrace available"];

/// The message of a device error in one line: what happened, and its innermost cause. Burn lists between them
/// every operation that was skipped because of it.
pub fn device_problem(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !FRAME.contains(line));
    let first = lines.next().unwrap_or("without a message");
    let mut problem = match lines.next_back() {
        Some(cause) => format!("{first}: {cause}"),
        None => first.to_owned(),
    };
    let lower = text.to_lowercase();
    if lower.contains("allocate buffer") || lower.contains("out of memory") {
        problem +=
            " (out of memory: smaller batches need less, see accumulate and log.sample_batch)";
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_kept_and_the_rest_is_not() {
        let long = "An error happened during execution\nCaused by:\n  skipped `Kernel`: it needed memory\n\
                    Caused by:\n  can't allocate buffer of size: 819200000\nNo backtrace available\n\nAsked at:\n";
        let short = device_problem(&long);
        assert_eq!(short.lines().count(), 1);
        let cause = "An error happened during execution: can't allocate buffer of size: 819200000 (out of memory";
        assert!(short.starts_with(cause), "{short}");
        assert_eq!(device_problem(&"lost"), "lost");
        assert_eq!(device_problem(&""), "without a message");
    }
}
