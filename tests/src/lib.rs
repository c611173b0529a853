//! Whole-flow tests live in `flows/`, one binary; this library is empty.
