//! The rules of the house that a program can check: see ARCHITECTURE.md.

mod circles;
mod documents;
mod manifests;
mod names;
mod sources;
mod strings;
