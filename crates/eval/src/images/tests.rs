use super::*;

#[test]
fn a_dataset_and_its_batches_are_planes() {
    // Two images of 1x2 pixels, RGB, as planes.
    let pixels = vec![0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6];
    let dataset = Dataset::new("two", [3, 1, 2], pixels, None, None).unwrap();
    let images = ImageSet::from_dataset(&dataset);
    assert_eq!((images.len(), images.name()), (2, "two"));
    let batch = images.batch(0, 1).unwrap().unwrap();
    assert_eq!((batch.len(), batch.sides), (1, [1, 2]));
    assert_eq!(batch.values, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(images.batch(1, 9).unwrap().unwrap().len(), 1);
    assert_eq!(images.batch(2, 9).unwrap(), None);
    assert_eq!(images.slice(0..1).len(), 1);
    assert_eq!(images.slice(1..2).batch(0, 9).unwrap(), images.batch(1, 9).unwrap());
}

#[test]
fn grey_is_three_equal_channels() {
    let dataset = Dataset::new("grey", [1, 1, 2], vec![0, 255], None, None).unwrap();
    let batch = ImageSet::from_dataset(&dataset).batch(0, 1).unwrap().unwrap();
    assert_eq!(batch.values, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn files_of_different_sizes_come_in_batches_of_one() {
    let dir = tempfile::tempdir().unwrap();
    for (name, width) in [("a.png", 2), ("b.PNG", 2), ("c.png", 3)] {
        let path = dir.path().join(name);
        image::GrayImage::from_pixel(width, 1, image::Luma([255]))
            .save_with_format(path, image::ImageFormat::Png)
            .unwrap();
    }
    std::fs::write(dir.path().join("notes.txt"), "no picture").unwrap();
    std::fs::write(dir.path().join(".hidden.png"), "no picture").unwrap();
    let class = dir.path().join("class");
    std::fs::create_dir(&class).unwrap();
    std::fs::rename(dir.path().join("c.png"), class.join("a.png")).unwrap();
    let images = ImageSet::from_folder(dir.path()).unwrap();
    assert_eq!(images.len(), 3);
    assert_eq!(images.passed_over().map(|passed| passed.files()), Some(2));
    assert_eq!(images.sizes().unwrap().to_string(), "2 sizes from 1x2 to 1x3");
    assert_eq!(images.slice(0..2).sizes().unwrap().only(), Some([1, 2]));
    let sizes = |first| images.batch(first, 8).unwrap().map(|batch| (batch.len(), batch.sides));
    assert_eq!(sizes(0), Some((2, [1, 2])));
    assert_eq!(sizes(2), Some((1, [1, 3])));
    assert_eq!(sizes(3), None);
}

/// A PNG of 8x8 pixels, half of them half transparent, with an EXIF orientation.
fn turned_png(k: u8, orientation: u8) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        image::Rgba([30 * x as u8, 30 * y as u8, 10 * k, if x < y { 128 } else { 255 }])
    };
    let mut png = std::io::Cursor::new(Vec::new());
    let picture = image::RgbaImage::from_fn(8, 8, pixel);
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    // One entry: orientation (0x0112), a short.
    let mut exif = b"eXIfII*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&exif);
    let length = (exif.len() as u32 - 4).to_be_bytes();
    let after_header = 8 + 25;
    let (head, rest) = png.split_at(after_header);
    [head, &length, &exif, &crc.sum().to_be_bytes(), rest].concat()
}

/// Evaluation and training get the same pixels, for any file name, EXIF orientation and transparency.
#[test]
fn pictures_are_read_as_training_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    for k in 1..=8 {
        std::fs::write(dir.path().join(format!("{k}.jpg")), turned_png(k, k)).unwrap();
    }
    let folder = dir.path().to_path_buf();
    let train = |size, channels| {
        let config = halfstep_data::DataConfig::Folder { dir: folder.clone(), size, channels };
        let dataset = config.load().unwrap();
        ImageSet::from_dataset(&dataset).batch(0, 8).unwrap().unwrap()
    };
    let whole = ImageSet::from_folder(dir.path()).unwrap();
    assert_eq!(whole.batch(0, 8).unwrap().unwrap(), train(8, 3));
    for shape in [[3, 5, 5], [1, 5, 5]] {
        let squares = whole.clone().as_trained_on(shape).unwrap();
        assert_eq!(squares.batch(0, 8).unwrap().unwrap(), train(5, shape[0]), "{shape:?}");
        assert_eq!(squares.sizes().unwrap().only(), Some([5, 5]));
        // Cached features of one way of reading are not used for another.
        assert_ne!(squares.sha256().unwrap(), whole.sha256().unwrap());
    }
}

#[test]
fn only_folders_are_read_as_squares_and_only_of_possible_shapes() {
    let dir = tempfile::tempdir().unwrap();
    image::GrayImage::new(2, 2).save(dir.path().join("a.png")).unwrap();
    let folder = ImageSet::from_folder(dir.path()).unwrap();
    for shape in [[2, 4, 4], [3, 4, 5], [3, 0, 0]] {
        let message = folder.clone().as_trained_on(shape).unwrap_err().to_string();
        assert!(message.contains("cannot be read as squares"), "{message}");
    }
    let drawn = ImageSet::from_bytes("drawn".to_owned(), vec![0; 4], [2, 2, 1]).unwrap();
    assert!(drawn.as_trained_on([1, 2, 2]).unwrap_err().to_string().contains("drawn: its images"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_cycles_end() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    image::GrayImage::new(2, 2).save(other.path().join("a.png")).unwrap();
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name));
    link(other.path(), "class").unwrap();
    link(dir.path(), "circle").unwrap();
    assert_eq!(ImageSet::from_folder(dir.path()).unwrap().len(), 1);
    link(Path::new("nowhere"), "b.png").unwrap();
    let message = ImageSet::from_folder(dir.path()).unwrap_err().to_string();
    assert!(message.contains("b.png"), "{message}");
}

#[test]
fn a_path_without_images_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let message = ImageSet::from_folder(dir.path()).unwrap_err().to_string();
    assert!(message.contains("no pictures (PNG, JPEG, WebP, BMP or PNM)"), "{message}");
    let path = dir.path().join("a.npz");
    let message = ImageSet::from_npz(&path).unwrap_err().to_string();
    assert!(message.contains("a.npz"), "{message}");
    std::fs::write(&path, b"PK nothing").unwrap();
    assert!(ImageSet::from_npz(&path).is_err());
}
