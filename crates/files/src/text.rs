//! Text files as editors and shells of every system write them.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// Reads a text file: UTF-8 with or without a byte order mark, or UTF-16 with one, as editors and
/// PowerShell on Windows write it. The mark is no part of the text.
///
/// # Errors
/// The system's error, or [`ErrorKind::InvalidData`] if the bytes are not text in one of these encodings.
pub fn read_text(path: &Path) -> Result<String, Error> {
    decoded(std::fs::read(path)?)
}

fn decoded(bytes: Vec<u8>) -> Result<String, Error> {
    let text = match bytes.as_slice() {
        [0xef, 0xbb, 0xbf, text @ ..] => std::str::from_utf8(text).map(str::to_owned).ok(),
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    };
    text.ok_or_else(|| Error::new(ErrorKind::InvalidData, "not a text file in UTF-8"))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|&pair| unit(pair)).collect();
    String::from_utf16(&units).ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        let text = r#"{"é": "𝛼"}"#;
        let units = || text.encode_utf16();
        let little = units().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let big = units().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        for (mark, bytes) in [
            (&b""[..], text.as_bytes()),
            (b"\xef\xbb\xbf", text.as_bytes()),
            (b"\xff\xfe", &little),
            (b"\xfe\xff", &big),
        ] {
            assert_eq!(decoded([mark, bytes].concat()).unwrap(), text, "{mark:x?}");
        }
        // An odd byte, half of a surrogate pair, a mark in the middle.
        for wrong in [&b"\xff\xfea"[..], b"\xff\xfe\x00\xd8", b"a\xff\xfe"] {
            let error = decoded(wrong.to_vec()).unwrap_err().to_string();
            assert!(error.contains("UTF-8"), "{wrong:x?}: {error}");
        }
    }
}
