//! npz files: archives of arrays with names.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use npyz::npz::NpzArchive;
use npyz::{DType, TypeChar};

use crate::error::EvalError;

/// Of the names of arrays, those that are told.
const TOLD: usize = 8;

/// Names of the arrays that an npz file holds.
///
/// # Errors
/// [`EvalError::Pictures`] for a file that is none.
pub fn npz_arrays(path: &Path) -> Result<Vec<String>, EvalError> {
    Ok(names(&open(path)?))
}

/// Opens an npz file. What is none is refused with what it looks like.
pub(crate) fn open(path: &Path) -> Result<NpzArchive<BufReader<File>>, EvalError> {
    let wrong = |problem: String| EvalError::pictures(path, problem);
    let unreadable = |error: std::io::Error| wrong(error.to_string());
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut head = Vec::new();
    file.by_ref().take(6).read_to_end(&mut head).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if head.starts_with(b"\x93NUMPY") {
        return Err(wrong(
            "is an npy file, which holds one array without a name; an npz file is needed: \
             numpy.savez(\"images.npz\", numpy.load(\"images.npy\"))"
                .to_owned(),
        ));
    }
    if !head.starts_with(b"PK") {
        return Err(wrong("is neither a folder nor an npz file".to_owned()));
    }
    NpzArchive::new(file).map_err(|error| wrong(format!("is no whole npz file: {error}")))
}

fn names<R: Read + Seek>(archive: &NpzArchive<R>) -> Vec<String> {
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort();
    names
}

/// ``has no array `a`; it has `b` and `c` ``
pub(crate) fn lacks(path: &Path, array: &str, names: &[String]) -> EvalError {
    EvalError::pictures(path, format!("has no array {array}; {}", listed_arrays(names)))
}

/// The arrays that an npz file has, in words: ``it has `a`, `b` ``.
pub fn listed_arrays(names: &[String]) -> String {
    let told: Vec<String> = names.iter().take(TOLD).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "it has none at all".to_owned(),
        many if many > TOLD => format!("it has {} and {} more", told.join(", "), many - TOLD),
        _ => format!("it has {}", told.join(", ")),
    }
}

/// A type as numpy names it.
pub(crate) fn type_name(dtype: &DType) -> String {
    let DType::Plain(plain) = dtype else { return "records".to_owned() };
    let bits = 8 * plain.size_field();
    match plain.type_char() {
        TypeChar::Float => format!("float{bits}"),
        TypeChar::Int => format!("int{bits}"),
        TypeChar::Uint => format!("uint{bits}"),
        TypeChar::Bool => "bool".to_owned(),
        _ => dtype.descr(),
    }
}
