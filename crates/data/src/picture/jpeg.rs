//! Whether a JPEG file has its end. `image` fills what is missing of a cut file with grey, reports no error and
//! has no strict mode, so the end is looked for here.

use std::io::{BufRead, Read, Result};

const START: u8 = 0xd8;
const END: u8 = 0xd9;

/// Whether the markers of a JPEG (ITU T.81, annex B) lead to its end.
///
/// # Errors
/// Those of the reader.
pub(crate) fn is_whole(reader: &mut impl BufRead) -> Result<bool> {
    while let Some(marker) = next_marker(reader)? {
        match marker {
            END => return Ok(true),
            START | 0x01 | 0xd0..=0xd7 => {} // no length follows
            _ => {
                let (Some(high), Some(low)) = (byte(reader)?, byte(reader)?) else {
                    return Ok(false);
                };
                // The length counts itself.
                let rest = u64::from(u16::from_be_bytes([high, low])).saturating_sub(2);
                std::io::copy(&mut reader.take(rest), &mut std::io::sink())?;
            }
        }
    }
    Ok(false)
}

/// The next marker: 0xff, perhaps more than once, and its code. In image data 0xff is followed by 0.
fn next_marker(reader: &mut impl BufRead) -> Result<Option<u8>> {
    loop {
        reader.skip_until(0xff)?;
        let mut code = Some(0xff);
        while code == Some(0xff) {
            code = byte(reader)?;
        }
        if code != Some(0) {
            return Ok(code);
        }
    }
}

fn byte(reader: &mut impl BufRead) -> Result<Option<u8>> {
    reader.bytes().next().transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mut bytes: &[u8], whole: bool) {
        assert_eq!(is_whole(&mut bytes).unwrap(), whole);
    }

    #[test]
    fn an_end_counts_only_where_a_marker_may_be() {
        check(b"\xff\xd8\xff\xd9", true);
        check(b"\xff\xd8\xff\xff\xff\xd9 and more", true);
        check(b"\xff\xd8 data \xff\xd0 data \xff\x00 data \xff\xd9", true);
        // Inside a segment it is content, such as that of a thumbnail.
        check(b"\xff\xd8\xff\xe1\x00\x04\xff\xd9", false);
        check(b"\xff\xd8\xff\xe1\x00\x04\xff\xd9\xff\xd9", true);
        check(b"\xff\xd8 data \xff\x00\xd9", false);
    }

    #[test]
    fn a_file_cut_anywhere_has_no_end() {
        let whole = b"\xff\xd8\xff\xe0\x00\x03x\xff\xda\x00\x02data\xff\x00\xff\xd7data\xff\xd9";
        for len in 0..whole.len() {
            check(&whole[..len], false);
        }
        check(whole, true);
    }

    /// A length that is too short for itself, or longer than the file.
    #[test]
    fn an_impossible_length_leads_to_no_end() {
        check(b"\xff\xd8\xff\xe0\x00\x00", false);
        check(b"\xff\xd8\xff\xe0\xff\xff\xff\xd9", false);
    }
}
