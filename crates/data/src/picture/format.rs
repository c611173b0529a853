//! The format of a picture, from its first bytes. Names do not count: a PNG called `a.jpg` is a PNG.
//!
//! `image::guess_format` knows the readable ones by fewer bytes, and takes texts for BMP and PNM.

use image::ImageFormat;

/// The number of first bytes that decide a file's format.
pub(crate) const TELLING: usize = 32;

/// The formats that are read.
pub(crate) const READ: &str = "PNG, JPEG, WebP, BMP or PNM";

/// The content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A picture that can be read.
    Readable(ImageFormat),
    /// A picture of this format, which cannot be read.
    Unreadable(&'static str),
    /// Anything else.
    NoPicture,
}

/// Formats that are known and not read: name, place of the signature, and the signature.
const UNREADABLE: [(&str, usize, &[u8]); 20] = [
    ("GIF", 0, b"GIF87a"),
    ("GIF", 0, b"GIF89a"),
    ("TIFF", 0, b"II*\0"),
    ("TIFF", 0, b"MM\0*"),
    ("TIFF", 0, b"II+\0"),
    ("TIFF", 0, b"MM\0+"),
    ("AVIF", 4, b"ftypavif"),
    ("AVIF", 4, b"ftypavis"),
    ("HEIF", 4, b"ftyphei"),
    ("HEIF", 4, b"ftyphev"),
    ("HEIF", 4, b"ftypmif1"),
    ("HEIF", 4, b"ftypmsf1"),
    ("JPEG XL", 0, b"\xff\x0a"),
    ("JPEG XL", 0, b"\0\0\0\x0cJXL \r\n\x87\n"),
    ("JPEG 2000", 0, b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("JPEG 2000", 0, b"\xff\x4f\xff\x51"),
    ("Photoshop", 0, b"8BPS"),
    ("OpenEXR", 0, b"v/1\x01"),
    ("Radiance", 0, b"#?RADIANCE"),
    ("QOI", 0, b"qoif"),
];

/// Extensions of pictures, readable or not.
const ENDINGS: [&str; 36] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jif", "jfif", "pjpeg", "pjp", "webp", "bmp", "dib",
    "pbm", "pgm", "ppm", "pnm", "pam", "gif", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2",
    "j2k", "jpx", "psd", "exr", "hdr", "qoi", "tga", "ico", "dds", "pcx", "svg",
];

impl Content {
    /// From the first [`TELLING`] bytes of a file, or all bytes of a shorter one.
    pub(crate) fn from_head(head: &[u8]) -> Self {
        if let Some(format) = readable(head) {
            return Self::Readable(format);
        }
        let has = |at: usize, signature: &[u8]| {
            head.get(at..).is_some_and(|rest| rest.starts_with(signature))
        };
        let found = UNREADABLE.iter().find(|(_, at, signature)| has(*at, signature));
        found.map_or(Self::NoPicture, |&(name, ..)| Self::Unreadable(name))
    }
}

fn readable(head: &[u8]) -> Option<ImageFormat> {
    match head {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        [b'B', b'M', rest @ ..] if has_bmp_header(rest) => Some(ImageFormat::Bmp),
        [b'P', b'1'..=b'7', rest @ ..] if goes_on_as_pnm(rest) => Some(ImageFormat::Pnm),
        _ => None,
    }
}

/// The signature of a BMP is two letters, which begin many texts too. After them come the file's size, four zero
/// bytes, an offset, and the length of one of a few kinds of header.
fn has_bmp_header(rest: &[u8]) -> bool {
    let kind = rest.get(12..16).map(|kind| [kind[0], kind[1], kind[2], kind[3]]);
    let known = [12, 16, 40, 52, 56, 64, 108, 124];
    rest.get(4..8) == Some(&[0; 4]) && kind.is_some_and(|k| known.contains(&u32::from_le_bytes(k)))
}

/// White space follows the signature of a PNM, then a number, a comment or, in a PAM, a word.
fn goes_on_as_pnm(rest: &[u8]) -> bool {
    let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let next = &rest[spaces..];
    let begins = |byte: &u8| byte.is_ascii_digit() || *byte == b'#';
    spaces > 0 && (next.first().is_some_and(begins) || next.starts_with(b"WIDTH"))
}

/// Whether a file has the extension of a picture.
pub(crate) fn has_ending_of_picture(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        for (head, expected) in [
            (&b"\x89PNG\r\n\x1a\n and more"[..], Content::Readable(ImageFormat::Png)),
            (b"\xff\xd8\xff\xe0", Content::Readable(ImageFormat::Jpeg)),
            (b"RIFF\x20\0\0\0WEBPVP8 ", Content::Readable(ImageFormat::WebP)),
            (b"P5\n8 8\n255\n", Content::Readable(ImageFormat::Pnm)),
            (b"P2 # a comment", Content::Readable(ImageFormat::Pnm)),
            (b"P7\nWIDTH 2\n", Content::Readable(ImageFormat::Pnm)),
            (b"GIF89a", Content::Unreadable("GIF")),
            (b"\0\0\0\x1cftypavif", Content::Unreadable("AVIF")),
            (b"\0\0\0\x18ftypheic", Content::Unreadable("HEIF")),
            (b"\0\0\0\x0cjP  \r\n\x87\n", Content::Unreadable("JPEG 2000")),
            (b"MM\0*\0\0\0\x08", Content::Unreadable("TIFF")),
        ] {
            assert_eq!(Content::from_head(head), expected, "{head:?}");
        }
        let bmp = [&b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"[..], &[0; 14]].concat();
        assert_eq!(Content::from_head(&bmp), Content::Readable(ImageFormat::Bmp));
    }

    /// A film has the box of an AVIF, a sound the RIFF of a WebP, and text may begin like a BMP or a PNM.
    #[test]
    fn what_begins_like_a_picture_may_be_none() {
        for head in [
            &b""[..],
            b"B",
            b"BM",
            b"BMW, Audi and others, in a text",
            b"P1",
            b"P3 is the third group",
            b"P100 8 8",
            b"RIFF\x20\0\0\0WAVEfmt ",
            b"\0\0\0\x18ftypmp42",
            b"label,file\n",
        ] {
            assert_eq!(Content::from_head(head), Content::NoPicture, "{head:?}");
        }
    }

    #[test]
    fn endings_are_told_in_any_case() {
        for (name, is_picture) in
            [("a.png", true), ("a.JPE", true), ("a.tga", true), ("png", false), ("a.txt", false)]
        {
            assert_eq!(has_ending_of_picture(name.as_ref()), is_picture, "{name}");
        }
    }
}
