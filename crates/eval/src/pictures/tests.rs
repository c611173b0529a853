use super::*;

#[test]
fn a_dataset_and_its_batches_are_planes() {
    // Two images of 1x2 pixels, RGB, as planes.
    let pixels = vec![0, 51, 102, 153, 204, 255, 1, 2, 3, 4, 5, 6];
    let dataset = Dataset::new("two", [3, 1, 2], pixels, None, None).unwrap();
    let pictures = Pictures::from_dataset(&dataset);
    assert_eq!((pictures.len(), pictures.name()), (2, "two"));
    let batch = pictures.batch(0, 1).unwrap().unwrap();
    assert_eq!((batch.len(), batch.sides), (1, [1, 2]));
    assert_eq!(batch.values, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(pictures.batch(1, 9).unwrap().unwrap().len(), 1);
    assert_eq!(pictures.batch(2, 9).unwrap(), None);
    assert_eq!(pictures.slice(0..1).len(), 1);
    assert_eq!(pictures.slice(1..2).batch(0, 9).unwrap(), pictures.batch(1, 9).unwrap());
}

#[test]
fn grey_is_three_equal_channels() {
    let dataset = Dataset::new("grey", [1, 1, 2], vec![0, 255], None, None).unwrap();
    let batch = Pictures::from_dataset(&dataset).batch(0, 1).unwrap().unwrap();
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
    let pictures = Pictures::from_folder(dir.path()).unwrap();
    assert_eq!(pictures.len(), 3);
    let sizes = |first| pictures.batch(first, 8).unwrap().map(|batch| (batch.len(), batch.sides));
    assert_eq!(sizes(0), Some((2, [1, 2])));
    assert_eq!(sizes(2), Some((1, [1, 3])));
    assert_eq!(sizes(3), None);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_circles_end() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    image::GrayImage::new(2, 2).save(other.path().join("a.png")).unwrap();
    let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name));
    link(other.path(), "class").unwrap();
    link(dir.path(), "circle").unwrap();
    assert_eq!(Pictures::from_folder(dir.path()).unwrap().len(), 1);
    link(Path::new("nowhere"), "b.png").unwrap();
    let message = Pictures::from_folder(dir.path()).unwrap_err().to_string();
    assert!(message.contains("b.png"), "{message}");
}

#[test]
fn what_is_no_set_of_pictures_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let message = Pictures::from_folder(dir.path()).unwrap_err().to_string();
    assert!(message.contains("no PNG or JPEG"), "{message}");
    let path = dir.path().join("a.npz");
    let message = Pictures::from_npz(&path).unwrap_err().to_string();
    assert!(message.contains("a.npz"), "{message}");
    std::fs::write(&path, b"PK nothing").unwrap();
    assert!(Pictures::from_npz(&path).is_err());
}
