use image::{ImageFormat, Rgb, RgbImage};

use super::*;

/// A 2x2 picture of one grey.
fn paint(dir: &Path, name: &str, grey: u8) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(2, 2, Rgb([grey; 3])).save(path).unwrap();
}

fn folder(pictures: &[(&str, u8)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, grey) in pictures {
        paint(dir.path(), name, *grey);
    }
    dir
}

fn read(dir: &Path) -> Result<Dataset, DataError> {
    read_folder(dir, 2, 1, &mut crate::silent)
}

fn greys(data: &Dataset) -> Vec<u8> {
    (0..data.len()).map(|i| data.image(i)[0]).collect()
}

#[track_caller]
fn refused(dir: &Path, parts: &[&str]) {
    let message = read(dir).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn pictures_in_the_root_are_unlabelled_and_sorted() {
    let dir = folder(&[("b.png", 2), ("a.PNG", 1), ("c.png", 3), ("B.png", 4)]);
    fs::write(dir.path().join("notes.txt"), "no picture").unwrap();
    fs::create_dir(dir.path().join(".cache")).unwrap();
    let data = read(dir.path()).unwrap();
    assert_eq!(greys(&data), [4, 1, 2, 3]);
    assert_eq!((data.labels(), data.num_classes()), (None, None));
    assert_eq!(data.shape(), [1, 2, 2]);
    assert!(data.allows_flip());
}

#[test]
fn sub_folders_are_classes_in_the_order_of_their_names() {
    let dir = folder(&[("dogs/x.png", 3), ("cats/z.png", 2), ("cats/y.png", 1)]);
    let data = read(dir.path()).unwrap();
    assert_eq!(greys(&data), [1, 2, 3]);
    assert_eq!(data.labels(), Some(&[0, 0, 1][..]));
    assert_eq!(data.class_names(), ["cats", "dogs"]);
}

#[test]
fn classes_that_are_numbers_are_numbered_as_people_count() {
    let pictures: Vec<(String, u8)> = (0..12).map(|k| (format!("{k}/a.png"), 20 * k)).collect();
    let pictures: Vec<(&str, u8)> = pictures.iter().map(|(name, grey)| (&**name, *grey)).collect();
    let data = read(folder(&pictures).path()).unwrap();
    assert_eq!(greys(&data), [0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220]);
    let names: Vec<String> = (0..12).map(|k| k.to_string()).collect();
    assert_eq!(data.class_names(), names);
}

/// Runs that were begun by earlier versions must go on: what they saved is the identity of these bytes.
#[test]
fn the_identity_of_a_folder_whose_order_is_the_same_is_pinned() {
    let dir = folder(&[("01/x10.png", 1), ("01/x9.png", 2), ("02/y.png", 3), ("10/z.png", 4)]);
    let data = read(dir.path()).unwrap();
    assert_eq!(greys(&data), [1, 2, 3, 4], "pictures in the order of their bytes");
    let hash = "8bdab9f9fcfab1db5c786aa778cd1b514dc6220d4fc0b2a1ef23c1f8cb1c7741";
    assert_eq!(data.sha256(), hash);
}

#[test]
fn rgb_and_resizing() {
    let dir = folder(&[("a.png", 9)]);
    let data = read_folder(dir.path(), 5, 3, &mut crate::silent).unwrap();
    assert_eq!(data.shape(), [3, 5, 5]);
    assert_eq!(data.image(0), [9; 75]);
}

#[test]
fn the_identity_does_not_depend_on_where_the_folder_is() {
    let [one, two] = [(); 2].map(|()| folder(&[("a/x.png", 1), ("b/x.png", 2)]));
    assert_eq!(read(one.path()).unwrap().sha256(), read(two.path()).unwrap().sha256());
}

#[test]
fn a_mix_is_refused() {
    let dir = folder(&[("a.png", 1), ("cats/b.png", 2)]);
    refused(dir.path(), &["a.png", "a picture beside class folders"]);
}

#[test]
fn nothing_to_read_is_refused() {
    let dir = folder(&[]);
    refused(dir.path(), &["no pictures (PNG, JPEG, WebP, BMP or PNM)", "data.dir"]);
    fs::create_dir(dir.path().join("cats")).unwrap();
    refused(dir.path(), &["cats", "a class folder without"]);
}

#[test]
fn a_missing_folder_and_a_file_are_refused() {
    let dir = folder(&[("a.png", 1)]);
    refused(&dir.path().join("none"), &["cannot read the folder", "none"]);
    refused(&dir.path().join("a.png"), &["cannot read the folder", "a.png"]);
}

#[test]
fn folders_within_classes_are_refused() {
    let dir = folder(&[("cats/a.png", 1), ("cats/old/b.png", 2)]);
    refused(dir.path(), &["old", "a folder within a class folder"]);
}

#[test]
fn a_picture_of_another_format_is_not_passed_over() {
    for (name, bytes, said) in [
        (
            "b.gif",
            &b"GIF89a\x01\0\x01\0"[..],
            "GIF pictures are not read; convert it to PNG or JPEG",
        ),
        ("named.png", b"II*\0\x08\0\0\0", "TIFF pictures are not read"),
        ("noending", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000 pictures are not read"),
        ("b.tga", b"\0\0\x02\0\0\0\0\0\0\0\0\0\x08\0\x08\0", "not a readable picture"),
        ("b.WebP", b"RIFF", "not a readable picture"),
    ] {
        let dir = folder(&[("a.png", 1)]);
        fs::write(dir.path().join(name), bytes).unwrap();
        refused(dir.path(), &[name, said]);
        let message = find_pictures(dir.path()).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(said), "{message}");
    }
}

/// Names are not asked: of these only the first is called what it is.
#[test]
fn content_decides_the_format() {
    let dir = folder(&[("a.png", 1), ("b.png", 2), ("c.png", 3)]);
    let rename = |from: &str, to: &str| fs::rename(dir.path().join(from), dir.path().join(to));
    rename("b.png", "b.jpg").unwrap();
    rename("c.png", "noending").unwrap();
    let save = |name: &str, grey: u8, format| {
        let picture = image::DynamicImage::from(RgbImage::from_pixel(2, 2, Rgb([grey; 3])));
        picture.save_with_format(dir.path().join(name), format).unwrap();
    };
    save("d.jfif", 4, ImageFormat::Jpeg);
    save("e.jpe", 5, ImageFormat::Jpeg);
    save("f.pgm", 6, ImageFormat::Pnm);
    save("g.bmp", 7, ImageFormat::Bmp);
    save("h.webp", 8, ImageFormat::WebP);
    let data = read(dir.path()).unwrap();
    assert_eq!(greys(&data), [1, 2, 4, 5, 6, 7, 8, 3]);
    assert!(data.passed_over().is_empty());
    assert_eq!(find_pictures(dir.path()).unwrap().paths.len(), 8);
}

/// What systems and archives leave behind is no class, and no picture.
#[test]
fn what_systems_leave_behind_is_passed_over_and_counted() {
    let dir = folder(&[
        ("cats/a.png", 1),
        ("dogs/b.png", 2),
        ("__MACOSX/cats/._a.png", 9),
        ("@eaDir/a.png/SYNOPHOTO_THUMB_M.png", 9),
        ("cats/@eaDir/a.png", 9),
        (".thumbnails/a.png", 9),
    ]);
    for name in ["Thumbs.db", "labels.csv", "cats/.DS_Store", "cats/._a.png"] {
        fs::write(dir.path().join(name), "no picture").unwrap();
    }
    let data = read(dir.path()).unwrap();
    assert_eq!((greys(&data), data.class_names().join(" ")), (vec![1, 2], "cats dogs".to_owned()));
    assert_eq!((data.passed_over().folders(), data.passed_over().files()), (4, 4));
    let found = find_pictures(dir.path()).unwrap();
    assert_eq!((found.paths.len(), &found.passed_over), (2, data.passed_over()));
}

#[test]
fn a_corrupt_picture_is_named() {
    for (name, bytes, said) in [
        ("b.jpg", &[0xff, 0xd8, 0xff, 0xe0, 0, 1][..], "the JPEG is cut short"),
        ("b.png", b"\x89PNG\r\n\x1a\n", "not a readable picture"),
        ("b.jpeg", b"", "not a readable picture"),
        ("b.webp", b"RIFF\x20\0\0\0WEBPVP8 ", "the WebP is cut short"),
    ] {
        let dir = folder(&[("cats/a.png", 1)]);
        fs::write(dir.path().join("cats").join(name), bytes).unwrap();
        refused(dir.path(), &[name, said]);
    }
}

#[test]
fn a_folder_with_the_name_of_a_picture_is_a_folder() {
    let dir = folder(&[("a.png/x.png", 1)]);
    assert_eq!(read(dir.path()).unwrap().class_names(), ["a.png"]);
    let dir = folder(&[("x.png", 1)]);
    fs::create_dir(dir.path().join("a.png")).unwrap();
    refused(dir.path(), &["x.png", "a picture beside class folders"]);
    let dir = folder(&[("cats/x.png", 1)]);
    fs::create_dir(dir.path().join("cats/a.png")).unwrap();
    refused(dir.path(), &["a.png", "a folder within a class folder"]);
}

#[test]
fn sizes_and_channels_that_cannot_be_are_refused_by_key() {
    let dir = folder(&[("a.png", 1)]);
    for size in [0, LARGEST_SIDE + 1, usize::MAX] {
        let message = read_folder(dir.path(), size, 3, &mut crate::silent).unwrap_err().to_string();
        assert!(message.starts_with("data.size: "), "{message}");
    }
    for channels in [0, 2, 4] {
        let error = read_folder(dir.path(), 2, channels, &mut crate::silent).unwrap_err();
        assert!(error.to_string().starts_with("data.channels: "), "{error}");
    }
}

#[cfg(unix)]
mod unix {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_that_is_not_unicode_is_read_as_any_other() {
        let dir = folder(&[]);
        let class = dir.path().join(OsStr::from_bytes(b"caf\xe9"));
        // Some file systems refuse such names; then there is nothing to test.
        if fs::create_dir(&class).is_ok() {
            paint(&class, "a.png", 1);
            paint(&class, "b.png", 2);
            fs::rename(class.join("b.png"), class.join(OsStr::from_bytes(b"\xff.png"))).unwrap();
            let data = read(dir.path()).unwrap();
            assert_eq!(data.class_names(), ["caf\u{fffd}"]);
            assert_eq!(greys(&data), [1, 2]);
        }
    }

    /// Reading a pipe or a device would wait for ever, or never end.
    #[test]
    fn pipes_sockets_and_devices_are_no_pictures() {
        let dir = folder(&[("a.png", 1)]);
        let path = |name| dir.path().join(name);
        assert!(Command::new("mkfifo").arg(path("b.png")).status().unwrap().success());
        let _socket = UnixListener::bind(path("c.png")).unwrap();
        symlink("/dev/zero", path("d.png")).unwrap();
        assert_eq!(greys(&read(dir.path()).unwrap()), [1]);
    }

    #[test]
    fn what_may_not_be_read_is_named() {
        for (locked, said) in [("cats/b.png", "cannot open"), ("cats", "cannot read the folder")] {
            let dir = folder(&[("cats/a.png", 1), ("cats/b.png", 2)]);
            let path = dir.path().join(locked);
            let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode));
            allow(0).unwrap();
            // Root may read everything; then there is nothing to test.
            let as_root = fs::File::open(&path).is_ok();
            let result = read(dir.path());
            allow(0o700).unwrap();
            if !as_root {
                let message = result.unwrap_err().to_string();
                assert!(message.contains(said) && message.contains(locked), "{message}");
            }
        }
    }

    #[test]
    fn links_in_a_circle_of_folders_end() {
        let dir = folder(&[("cats/a.png", 1)]);
        symlink("../dogs", dir.path().join("cats/dogs")).unwrap();
        symlink("cats", dir.path().join("dogs")).unwrap();
        refused(dir.path(), &["dogs", "a folder within a class folder"]);
        let dir = folder(&[]);
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        refused(dir.path(), &["cannot read"]);
    }

    #[test]
    fn links_are_followed() {
        let dir = folder(&[("a.png", 1)]);
        symlink(dir.path().join("a.png"), dir.path().join("b.png")).unwrap();
        assert_eq!(greys(&read(dir.path()).unwrap()), [1, 1]);
    }

    #[test]
    fn a_link_to_itself_to_nowhere_or_to_its_folder_is_refused() {
        for target in ["loop", "nowhere", "."] {
            let dir = folder(&[("cats/a.png", 1)]);
            symlink(target, dir.path().join("cats/loop")).unwrap();
            refused(dir.path(), &["loop"]);
        }
    }
}
