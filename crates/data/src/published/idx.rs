//! The idx format of MNIST (Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of
//! handwritten digits"): two zero bytes, the type of the elements, the number of dimensions, each
//! dimension as a big-endian u32, then the elements, the last dimension changing fastest.

/// The only element type of MNIST and its kin.
const UNSIGNED_BYTE: u8 = 0x08;

/// The dimensions and the elements of an idx file of bytes with `RANK` dimensions.
///
/// # Errors
/// What is wrong with the file, in words.
pub(crate) fn parse<const RANK: usize>(bytes: &[u8]) -> Result<([usize; RANK], &[u8]), String> {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(format!("{} bytes are too few for an idx file", bytes.len()));
    };
    match *magic {
        [0, 0, UNSIGNED_BYTE, rank] if usize::from(rank) == RANK => {}
        [0, 0, UNSIGNED_BYTE, rank] => return Err(format!("{rank} dimensions instead of {RANK}")),
        [0, 0, kind, _] => {
            return Err(format!("elements of type 0x{kind:02x} instead of 0x08, unsigned bytes"));
        }
        _ => return Err(format!("not an idx file: it begins with {magic:02x?}")),
    }
    let mut dims = [0; RANK];
    let mut rest = rest;
    for dim in &mut dims {
        let Some((size, after)) = rest.split_first_chunk::<4>() else {
            return Err("the header is cut short".into());
        };
        *dim = u32::from_be_bytes(*size) as usize;
        rest = after;
    }
    let claimed = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    if claimed != Some(rest.len()) {
        return Err(format!("{} elements, but the header has {dims:?}", rest.len()));
    }
    Ok((dims, rest))
}

#[cfg(test)]
pub(crate) fn encode(dims: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, UNSIGNED_BYTE, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend_from_slice(elements);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back() {
        let elements: Vec<u8> = (0..24).collect();
        let bytes = encode(&[2, 3, 4], &elements);
        assert_eq!(parse(&bytes), Ok(([2, 3, 4], &elements[..])));
        assert_eq!(parse(&encode(&[3], b"abc")), Ok(([3], &b"abc"[..])));
        assert_eq!(parse(&encode(&[0], b"")), Ok(([0], &b""[..])));
    }

    #[track_caller]
    fn refused(bytes: &[u8], reason: &str) {
        let problem = parse::<2>(bytes).unwrap_err();
        assert!(problem.contains(reason), "{reason} is not in: {problem}");
    }

    #[test]
    fn an_empty_file_and_one_shorter_than_the_magic() {
        refused(b"", "0 bytes are too few");
        refused(&[0, 0, 8], "3 bytes are too few");
    }

    #[test]
    fn another_format() {
        refused(b"\x1f\x8b\x08\x00", "not an idx file: it begins with [1f, 8b, 08, 00]");
    }

    #[test]
    fn floats_instead_of_bytes() {
        refused(&[0, 0, 0x0d, 2], "type 0x0d");
    }

    #[test]
    fn another_number_of_dimensions() {
        refused(&encode(&[3], b"abc"), "1 dimensions instead of 2");
    }

    #[test]
    fn a_header_cut_at_every_byte() {
        let whole = encode(&[1, 2], b"");
        for len in 4..whole.len() {
            refused(&whole[..len], "the header is cut short");
        }
    }

    #[test]
    fn too_few_and_too_many_elements() {
        refused(&encode(&[2, 2], b"abc"), "3 elements, but the header has [2, 2]");
        refused(&encode(&[2, 2], b"abcde"), "5 elements, but the header has [2, 2]");
    }

    #[test]
    fn dimensions_whose_product_overflows() {
        let dims = [u32::MAX; 3];
        assert!(parse::<3>(&encode(&dims, b"abc")).unwrap_err().contains("3 elements"));
    }
}
