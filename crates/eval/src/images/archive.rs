//! npz files: archives of named arrays.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use npyz::npz::NpzArchive;
use npyz::{DType, TypeChar};

use crate::error::EvalError;

/// Number of array names that a message lists.
const LISTED: usize = 8;

/// Sorted names of the arrays in an npz file.
///
/// # Errors
/// [`EvalError::Images`] if the file is not an npz file.
pub fn npz_arrays(path: &Path) -> Result<Vec<String>, EvalError> {
    Ok(names(&open(path)?))
}

/// Opens an npz file. A file of another format is refused with a hint at what it is.
pub(crate) fn open(path: &Path) -> Result<NpzArchive<BufReader<File>>, EvalError> {
    let wrong = |problem: String| EvalError::images(path, problem);
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
    NpzArchive::new(file).map_err(|error| wrong(format!("is not a complete npz file: {error}")))
}

fn names<R: Read + Seek>(archive: &NpzArchive<R>) -> Vec<String> {
    let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    names.sort();
    names
}

/// The error for a missing array, which lists the arrays that exist.
pub(crate) fn missing_array(path: &Path, array: &str, names: &[String]) -> EvalError {
    EvalError::images(path, format!("has no array {array}; {}", listed_arrays(names)))
}

/// The names of an npz file's arrays in a phrase: ``it has `a`, `b` ``.
pub fn listed_arrays(names: &[String]) -> String {
    let listed: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "it has no arrays".to_owned(),
        many if many > LISTED => format!("it has {} and {} more", listed.join(", "), many - LISTED),
        _ => format!("it has {}", listed.join(", ")),
    }
}

/// numpy's name of an element type.
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
