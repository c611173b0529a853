//! Value parsers for paths on the command line.

use std::error::Error;
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, StringValueParser, TypedValueParser};
use halfstep_data::expand_home;

/// Parses a path and expands `~`. Every flag that takes a path uses this or [`name_or_path_arg`].
pub fn path_arg() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(expand_home)
}

/// Parses a dataset's name or a path, and expands `~`.
pub fn name_or_path_arg() -> impl TypedValueParser<Value = String> {
    StringValueParser::new().try_map(|text| -> Result<String, Box<dyn Error + Send + Sync>> {
        let path = expand_home(text)?.into_os_string();
        path.into_string().map_err(|path| format!("{} is not text", path.display()).into())
    })
}
