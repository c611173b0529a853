//! The report of a whole run: the folder of the digits job, without its weights.

use std::path::{Path, PathBuf};

use halfstep_report::write_report;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// The page of the digits job after `change` to its folder.
fn page(change: impl FnOnce(&Path)) -> (tempfile::TempDir, PathBuf, String) {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("digits");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture"), &run);
    change(&run);
    let path = write_report(&run).unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    (dir, run, page)
}

/// The anchors of the sections, in their order.
fn sections(page: &str) -> Vec<&str> {
    let starts = page.split("<section id=\"").skip(1);
    starts.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_finished_run_shows_all_sections() {
    let (_dir, run, page) = page(|_| {});
    let expected = [
        "result",
        "pictures",
        "agreement",
        "data",
        "plan",
        "table",
        "loss",
        "levels",
        "health",
        "nearest",
        "previews",
        "facts",
        "commands",
        "config",
    ];
    assert_eq!(sections(&page), expected);
    for words in [
        "<h1>digits</h1>",
        "Finished.</strong> 3m 31s of training.",
        "In <strong>4 steps</strong> the student's images are at distance <strong>0.00203</strong>",
        "<strong>0.0157</strong>, 7.75 times as far.",
        "200 images of each model from the same noises (seed 0) against 1797 images of digits.",
        "A training image is typically 0.242 from the nearest other training image",
        "3m 35s in total",
        "64 -&gt; 32 -&gt; 16 -&gt; 8 -&gt; 4 sampling steps",
    ] {
        assert!(page.contains(words), "{words}");
    }
    // Distance to the teacher and to the data, losses and levels of teacher and rounds, four of the training.
    assert_eq!(page.matches("<svg ").count(), 2 + 4 + 4);
    // Teacher, four students, undistilled teacher; the previews of steps 500 and 1500; nearest training images.
    assert_eq!(page.matches("data:image/png;base64,").count(), 6 + 2 + 1);
    assert!(run.join("report/sweep.svg").is_file());
}

#[test]
fn a_run_under_way_begins_with_its_plan() {
    let (_dir, _, page) = page(|run| {
        for file in ["report/summary.json", "report/sweep.json", "report/nearest.json"] {
            std::fs::remove_file(run.join(file)).unwrap();
        }
        for folder in ["students/0008", "students/0004"] {
            std::fs::remove_dir_all(run.join(folder)).unwrap();
        }
        // The metrics of the third round up to its step 200.
        let path = run.join("metrics.jsonl");
        let lines = std::fs::read_to_string(&path).unwrap();
        let end = lines.find("{\"stage\":3,\"num_steps\":8,\"step\":220,").unwrap();
        std::fs::write(&path, &lines[..end]).unwrap();
    });
    assert_eq!(sections(&page)[..3], ["plan", "pictures", "loss"]);
    assert!(page.contains("Running: student 8, step 200 of 400; 80 % of all steps."), "{page}");
    assert!(page.contains("<meta http-equiv=\"refresh\""));
}

#[test]
fn a_folder_with_its_configuration_alone_has_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/config.toml");
    std::fs::copy(config, dir.path().join("config.toml")).unwrap();
    let page = std::fs::read_to_string(write_report(dir.path()).unwrap()).unwrap();
    assert_eq!(sections(&page), ["plan", "loss", "facts", "commands", "config"]);
    assert!(page.contains("Nothing has been measured yet."));
}
