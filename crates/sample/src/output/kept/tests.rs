use std::path::Path;

use safetensors::SafeTensors;

use super::*;

fn images(from: u64, to: u64) -> Images {
    let values = (from * 4..to * 4).map(|k| (k % 17) as f32 / 8.0 - 1.0).collect();
    Images { values, shape: [(to - from) as usize, 1, 2, 2] }
}

fn drawing(seed: u64, count: u64) -> Drawing {
    Drawing { settings: DrawingSettings::default().with("seed", seed), count, shape: [1, 2, 2] }
}

fn places(dir: &Path) -> [Destination; 3] {
    [
        Destination::Folder(dir.join("pictures")),
        Destination::File(FileFormat::Npz, dir.join("new/images.npz")),
        Destination::File(FileFormat::Raw, dir.join("images.safetensors")),
    ]
}

/// Begins, and adds images up to `to` in batches of two.
fn drawn_to(place: &Destination, drawing: &Drawing, to: u64) -> Box<dyn ImageSink> {
    let mut kept = place.begin(drawing).unwrap();
    for first in (kept.images() / 2 * 2..to).step_by(2) {
        kept.add(first, &images(first, to.min(first + 2))).unwrap();
    }
    kept
}

/// Every file below a folder, hidden ones too, with its bytes.
fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut open) = (Vec::new(), vec![dir.to_path_buf()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    files.push((path.strip_prefix(dir).unwrap().to_path_buf(), bytes));
                }
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_was_stopped_goes_on_and_ends_as_if_it_had_not() {
    let dir = tempfile::tempdir().unwrap();
    let (straight, broken) = (dir.path().join("straight"), dir.path().join("broken"));
    for (one, other) in places(&straight).iter().zip(places(&broken)) {
        drawn_to(one, &drawing(0, 7), 7).finish().unwrap();
        // Stopped after three batches, of which the last was small; asked for fewer at first.
        drop(drawn_to(&other, &drawing(0, 6), 3));
        assert_eq!(other.images(&drawing(0, 7)).unwrap(), 3);
        if let Destination::File(_, path) = &other {
            assert!(!path.exists(), "it has no name before it is whole");
        }
        let mut rest = other.begin(&drawing(0, 7)).unwrap();
        assert_eq!(rest.images(), 3);
        rest.add(2, &images(2, 4)).unwrap();
        rest.add(4, &images(4, 7)).unwrap();
        rest.finish().unwrap();
    }
    assert!(contents(&straight) == contents(&broken));
    let raw = std::fs::read(broken.join("images.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&raw).unwrap();
    let values = images(0, 7).values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(file.tensor("samples").unwrap().data(), values);
    let npz = std::fs::read(broken.join("new/images.npz")).unwrap();
    assert_eq!(npz, FileFormat::Npz.whole(&images(0, 7)));
}

#[test]
fn another_drawing_is_refused_until_it_is_cleared() {
    let dir = tempfile::tempdir().unwrap();
    for place in places(dir.path()) {
        drop(drawn_to(&place, &drawing(0, 6), 4));
        let before = contents(dir.path());
        let Err(KeptError::Other { images, difference, .. }) = place.images(&drawing(1, 6)) else {
            panic!("mixed")
        };
        assert_eq!((images.as_str(), difference.as_str()), ("4 images", "seed: 0 -> 1"));
        assert!(matches!(place.images(&drawing(0, 3)), Err(KeptError::More { count: 3, .. })));
        assert!(place.begin(&drawing(1, 6)).is_err());
        assert!(contents(dir.path()) == before, "refusing changes nothing");
        place.clear().unwrap();
        assert_eq!(place.images(&drawing(1, 3)).unwrap(), 0);
        place.clear().unwrap();
    }
    let left: Vec<PathBuf> = contents(dir.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, [Path::new("pictures/.drawing.lock")]);
}

#[test]
fn a_users_pictures_are_refused_and_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let place = Destination::Folder(dir.path().to_path_buf());
    let write = |name: &str| std::fs::write(dir.path().join(name), "mine").unwrap();
    let foreign = |drawing: &Drawing| match place.images(drawing) {
        Err(KeptError::Foreign { pictures, .. }) => pictures,
        other => panic!("{other:?}"),
    };
    for name in ["000000.png", "000001.png", "cat.JPG"] {
        write(name);
    }
    assert_eq!(foreign(&drawing(0, 2)), "000000.png and 2 more", "no record tells of them");
    assert!(place.clear().is_err());
    for name in ["000000.png", "000001.png", "cat.JPG"] {
        assert_eq!(std::fs::read(dir.path().join(name)).unwrap(), b"mine");
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    write("notes.txt");
    drop(drawn_to(&place, &drawing(0, 8), 4));
    for name in ["000004.png", "000006.png"] {
        write(name);
        assert_eq!(foreign(&drawing(0, 8)), name, "it is not among those that were drawn");
        assert!(place.clear().is_err());
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    write(".halfstep-left");
    place.clear().unwrap();
    let left: Vec<PathBuf> = contents(dir.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, [Path::new(".drawing.lock"), Path::new("notes.txt")]);
}

#[test]
fn a_picture_that_was_removed_is_drawn_again() {
    let dir = tempfile::tempdir().unwrap();
    let place = Destination::Folder(dir.path().to_path_buf());
    drawn_to(&place, &drawing(0, 8), 8).finish().unwrap();
    let whole = contents(dir.path());
    for name in ["000003.png", "000006.png"] {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert_eq!(place.images(&drawing(0, 8)).unwrap(), 3);
    drop(drawn_to(&place, &drawing(0, 8), 4));
    assert_eq!(place.images(&drawing(0, 8)).unwrap(), 6, "the others are still its own");
    drawn_to(&place, &drawing(0, 8), 8).finish().unwrap();
    assert!(contents(dir.path()) == whole);
}

/// Killed between a file's name and the end of its record.
#[test]
fn a_record_without_its_file_is_of_a_drawing_that_was_finished() {
    let dir = tempfile::tempdir().unwrap();
    let place = Destination::File(FileFormat::Raw, dir.path().join("x.safetensors"));
    let (partial, record) =
        (dir.path().join(".x.safetensors.partial"), dir.path().join(".x.safetensors.partial.json"));
    let leave_the_record = || {
        place.clear().unwrap();
        drop(drawn_to(&place, &drawing(0, 6), 4));
        std::fs::remove_file(&partial).unwrap();
        assert!(record.is_file());
    };
    for other in [drawing(1, 6), drawing(0, 3), drawing(0, 6)] {
        leave_the_record();
        assert_eq!(place.images(&other).unwrap(), 0);
        assert_eq!(place.begin(&other).unwrap().images(), 0);
        drawn_to(&place, &other, other.count).finish().unwrap();
        assert!(place.path().is_file() && !partial.exists() && !record.exists());
    }
}

#[test]
fn a_place_is_finished_when_every_image_is_there_and_sealed_before() {
    let dir = tempfile::tempdir().unwrap();
    for place in places(dir.path()) {
        let error = drawn_to(&place, &drawing(0, 6), 4).finish().unwrap_err().to_string();
        assert!(error.contains("has 4 of 6 images"), "{error}");
        let mut sealed = drawn_to(&place, &drawing(0, 6), 6);
        sealed.seal().unwrap();
        if let Destination::File(_, path) = &place {
            assert!(!path.exists(), "it has no name yet");
        }
        drop(sealed);
        // As after a place beside it that could not be sealed: also for more images.
        assert_eq!(place.images(&drawing(0, 6)).unwrap(), 6);
        drawn_to(&place, &drawing(0, 7), 7).finish().unwrap();
        if let Destination::File(format, path) = &place {
            assert!(std::fs::read(path).unwrap() == format.whole(&images(0, 7)));
        }
    }
}

#[test]
fn what_the_disk_spoilt_is_drawn_again_and_what_was_cut_off_is_not_taken_for_images() {
    let dir = tempfile::tempdir().unwrap();
    let straight = dir.path().join("straight.npz");
    drawn_to(&Destination::File(FileFormat::Npz, straight.clone()), &drawing(0, 6), 6)
        .finish()
        .unwrap();
    type Damage = fn(&mut Vec<u8>);
    let damages: [(u64, Damage); 3] = [
        (0, |bytes| *bytes.last_mut().unwrap() ^= 1),
        (0, |bytes| bytes.truncate(bytes.len() - 1)),
        // A batch whose record was never written.
        (4, |bytes| bytes.extend([9; 5])),
    ];
    for (k, (kept, damage)) in damages.into_iter().enumerate() {
        let path = dir.path().join(format!("{k}.npz"));
        let place = Destination::File(FileFormat::Npz, path.clone());
        drop(drawn_to(&place, &drawing(0, 6), 4));
        let partial = dir.path().join(format!(".{k}.npz.partial"));
        let mut bytes = std::fs::read(&partial).unwrap();
        damage(&mut bytes);
        std::fs::write(&partial, bytes).unwrap();
        assert_eq!(place.begin(&drawing(0, 6)).unwrap().images(), kept, "damage {k}");
        drawn_to(&place, &drawing(0, 6), 6).finish().unwrap();
        assert!(std::fs::read(path).unwrap() == std::fs::read(&straight).unwrap());
    }
}

#[test]
fn two_drawings_to_one_place_at_a_time_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for place in places(dir.path()) {
        let first = place.begin(&drawing(0, 6)).unwrap();
        let in_use = |result: Result<(), KeptError>| matches!(result, Err(KeptError::InUse { .. }));
        assert!(in_use(place.begin(&drawing(0, 6)).map(drop)));
        assert!(in_use(place.clear()));
        drop(first);
        place.begin(&drawing(0, 6)).unwrap();
    }
}

#[test]
fn the_size_on_the_disk_is_known_before() {
    let dir = tempfile::tempdir().unwrap();
    let [folder, npz, raw] = places(dir.path());
    assert_eq!(folder.bytes(&drawing(0, 6), 2), 4 * 4096);
    let drawing = drawing(0, 6);
    for place in [&npz, &raw] {
        drawn_to(place, &drawing, 6).finish().unwrap();
        let (size, most) = (place.path().metadata().unwrap().len(), place.bytes(&drawing, 0));
        assert!(size <= most && most < size + 200, "{size} {most}");
    }
    let many = Drawing { count: 1 << 40, ..drawing };
    assert!(raw.bytes(&many, 0) > 1 << 43);
}

#[test]
fn a_picture_that_lost_its_end_is_drawn_again() {
    let dir = tempfile::tempdir().unwrap();
    let place = Destination::Folder(dir.path().to_path_buf());
    drawn_to(&place, &drawing(0, 4), 4).finish().unwrap();
    let whole = contents(dir.path());
    for broken in [&b""[..], b"junk", &std::fs::read(dir.path().join("000002.png")).unwrap()[..20]]
    {
        std::fs::write(dir.path().join("000002.png"), broken).unwrap();
        assert_eq!(place.images(&drawing(0, 4)).unwrap(), 2);
        drawn_to(&place, &drawing(0, 4), 4).finish().unwrap();
        assert!(contents(dir.path()) == whole);
    }
}
