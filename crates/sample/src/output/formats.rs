//! File formats by the endings of names.

use std::path::Path;

use crate::error::SampleError;

/// A format that pictures are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// `.png`
    Png,
    /// `.jpg`, `.jpeg`
    Jpeg,
}

/// The endings that the programs write, and what they stand for.
const KNOWN: [(&str, &str); 6] = [
    ("png", "PNG pictures"),
    ("jpg", "JPEG pictures"),
    ("jpeg", "JPEG pictures"),
    ("npz", "numpy's arrays"),
    ("safetensors", "safetensors"),
    ("json", "JSON"),
];

impl PictureFormat {
    /// The longest side of a picture in pixels.
    pub fn longest_side(self) -> u32 {
        match self {
            Self::Png => i32::MAX as u32,
            Self::Jpeg => u32::from(u16::MAX),
        }
    }

    /// The format of the file's ending.
    ///
    /// # Errors
    /// [`SampleError::File`] for no ending and for others.
    pub fn from_path(path: &Path) -> Result<Self, SampleError> {
        match ending(path).as_deref() {
            Some("png") => Ok(Self::Png),
            Some("jpg" | "jpeg") => Ok(Self::Jpeg),
            found => {
                let found =
                    found.map_or("has no ending".to_owned(), |end| format!("ends in .{end}"));
                let problem = format!("{found}; pictures are written as .png, .jpg or .jpeg");
                Err(SampleError::file(path, problem))
            }
        }
    }
}

/// Refuses a name that promises another format than `own`, such as `npz`. Other names may be anything.
///
/// # Errors
/// [`SampleError::File`].
pub fn check_ending(path: &Path, own: &str) -> Result<(), SampleError> {
    let ending = ending(path);
    let promised = |known: &&(&str, &str)| known.0 != own && ending.as_deref() == Some(known.0);
    match KNOWN.iter().find(promised) {
        Some((end, of)) => {
            let problem = format!("ends in .{end}, which is for {of}; name it .{own}");
            Err(SampleError::file(path, problem))
        }
        None => Ok(()),
    }
}

fn ending(path: &Path) -> Option<String> {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_chooses_the_format_or_is_refused() {
        let of = |name: &str| PictureFormat::from_path(Path::new(name));
        assert_eq!(of("a.b/x.png").unwrap(), PictureFormat::Png);
        assert_eq!(of("x.JPG").unwrap(), PictureFormat::Jpeg);
        assert_eq!(of("x.jpeg").unwrap(), PictureFormat::Jpeg);
        for (name, problem) in [("x", "has no ending"), ("a.png/x", "no ending"), ("x.gif", ".gif")]
        {
            let message = of(name).unwrap_err().to_string();
            assert!(message.contains(problem) && message.contains(".png"), "{message}");
        }
    }

    #[test]
    fn a_name_that_promises_another_format_is_refused() {
        let check = |name: &str, own: &str| check_ending(Path::new(name), own);
        for name in ["x.npz", "x", "x.samples", "x.NPZ"] {
            check(name, "npz").unwrap();
        }
        let message = check("x.PNG", "npz").unwrap_err().to_string();
        assert!(message.contains("PNG pictures") && message.contains(".npz"), "{message}");
        assert!(check("x.npz", "json").is_err() && check("x.safetensors", "npz").is_err());
    }
}
