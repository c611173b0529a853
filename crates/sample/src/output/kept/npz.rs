//! An npz file with one array: a zip archive that stores one npy file.
//!
//! Sizes before the data are in the archive's 64-bit fields, as numpy writes them, so that the data begins at the
//! same place for any number of images. The zip format is PKWARE's APPNOTE 6.3.9.

/// Of the array in the archive.
const NAME: &[u8] = b"arr_0.npy";
/// Bytes of an npy header, as numpy pads it.
const NPY: usize = 128;
/// Bytes of what stands before the npy file, with the 64-bit sizes.
const LOCAL: usize = 30 + NAME.len() + 20;
/// Bytes of everything but the array's, at most.
pub(super) const OVERHEAD: u64 = (LOCAL + NPY + 46 + NAME.len() + 20 + 56 + 20 + 22) as u64;
/// This size and larger ones do not fit into the fields of 32 bits.
const LARGE: u64 = 0xFFFF_FFFF;
/// Version 4.5 knows 64-bit sizes.
const VERSION: u16 = 45;
/// 1 January 1980: the same images make the same file.
const DATE: u16 = 0x21;
/// Made on Unix (3), readable by all.
const MADE_BY: u16 = 3 << 8 | VERSION;
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// uint8 `[count, H, W, C]`: format 1.0 of npy.
fn npy_header(count: u64, [c, h, w]: [usize; 3]) -> Vec<u8> {
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((NPY as u16 - 10).to_le_bytes());
    let shape = format!("({count}, {h}, {w}, {c})");
    let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    header.extend(text.bytes());
    header.resize(NPY - 1, b' ');
    header.push(b'\n');
    header
}

/// Bytes of the npy file.
fn stored(count: u64, shape: [usize; 3]) -> u64 {
    NPY as u64 + count * shape.iter().product::<usize>() as u64
}

/// Of the npy file, from that of the array's bytes.
fn whole_crc(count: u64, shape: [usize; 3], array: &crc32fast::Hasher) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&npy_header(count, shape));
    crc.combine(array);
    crc.finalize()
}

/// Everything before the array's bytes.
pub(super) fn head(count: u64, shape: [usize; 3], array: &crc32fast::Hasher) -> Vec<u8> {
    let mut head = Bytes::default();
    head.four(0x0403_4B50).two(VERSION).two(0).two(0).two(0).two(DATE);
    head.four(whole_crc(count, shape, array)).four(LARGE as u32).four(LARGE as u32);
    head.two(NAME.len() as u16).two(20).all(NAME);
    head.sizes(stored(count, shape));
    head.all(&npy_header(count, shape));
    head.0
}

/// Everything after them: the archive's directory.
pub(super) fn tail(count: u64, shape: [usize; 3], array: &crc32fast::Hasher) -> Vec<u8> {
    let size = stored(count, shape);
    directory(size, whole_crc(count, shape, array), size >= LARGE - LOCAL as u64)
}

/// With 64-bit fields if it is `large`; otherwise without, which older readers know.
fn directory(size: u64, crc: u32, large: bool) -> Vec<u8> {
    let fitting = |value: u64| if large { LARGE as u32 } else { value as u32 };
    let mut tail = Bytes::default();
    tail.four(0x0201_4B50).two(MADE_BY).two(VERSION).two(0).two(0).two(0).two(DATE);
    tail.four(crc).four(fitting(size)).four(fitting(size));
    tail.two(NAME.len() as u16).two(if large { 20 } else { 0 }).two(0).two(0).two(0);
    tail.four(ATTRIBUTES).four(0).all(NAME);
    if large {
        tail.sizes(size);
    }
    let (start, length) = (LOCAL as u64 + size, tail.0.len() as u64);
    if large {
        tail.four(0x0606_4B50).eight(44).two(MADE_BY).two(VERSION).four(0).four(0);
        tail.eight(1).eight(1).eight(length).eight(start);
        tail.four(0x0706_4B50).four(0).eight(start + length).four(1);
    }
    tail.four(0x0605_4B50).two(0).two(0).two(1).two(1);
    tail.four(length as u32).four(fitting(start)).two(0);
    tail.0
}

/// Numbers, little end first.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn all(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    fn two(&mut self, number: u16) -> &mut Self {
        self.all(&number.to_le_bytes())
    }

    fn four(&mut self, number: u32) -> &mut Self {
        self.all(&number.to_le_bytes())
    }

    fn eight(&mut self, number: u64) -> &mut Self {
        self.all(&number.to_le_bytes())
    }

    /// The extra field of 64-bit sizes: plain and stored, which are the same.
    fn sizes(&mut self, size: u64) -> &mut Self {
        self.two(1).two(16).eight(size).eight(size)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use npyz::npz::NpzArchive;

    use super::*;

    fn array_in(file: Vec<u8>) -> (Vec<u64>, Vec<u8>) {
        let mut npz = NpzArchive::new(Cursor::new(file)).unwrap();
        assert_eq!(npz.array_names().collect::<Vec<_>>(), ["arr_0"]);
        let array = npz.by_name("arr_0").unwrap().unwrap();
        (array.shape().to_vec(), array.into_vec::<u8>().unwrap())
    }

    /// The reader checks the CRC.
    #[test]
    fn the_archive_is_read_in_its_short_and_its_large_form() {
        let (shape, array) = ([3, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&array);
        let head = head(2, shape, &crc);
        assert_eq!(head.len(), LOCAL + NPY);
        let short = [&head[..], &array, &tail(2, shape, &crc)].concat();
        assert_eq!(array_in(short), (vec![2, 1, 2, 3], array.to_vec()));
        let tail = directory(stored(2, shape), whole_crc(2, shape, &crc), true);
        assert_eq!((LOCAL + NPY + tail.len()) as u64, OVERHEAD);
        assert_eq!(
            array_in([&head[..], &array, &tail].concat()),
            (vec![2, 1, 2, 3], array.to_vec())
        );
    }

    /// Beyond 4 GiB the 32-bit fields refer to the 64-bit ones.
    #[test]
    fn large_archives_have_64_bit_sizes() {
        let (crc, shape) = (crc32fast::Hasher::new(), [3, 32, 32]);
        let fits = tail(1_398_000, shape, &crc);
        assert_eq!(fits.len(), 46 + NAME.len() + 22);
        let large = tail(1_400_000, shape, &crc);
        assert_eq!(large.len(), 46 + NAME.len() + 20 + 56 + 20 + 22);
        let size = 128 + 1_400_000u64 * 3072;
        assert_eq!(large[46 + NAME.len() + 4..][..8], size.to_le_bytes());
        let counts = [1, 1_400_000, u64::from(u32::MAX)];
        assert!(counts.iter().all(|&count| head(count, shape, &crc).len() == LOCAL + NPY));
    }
}
