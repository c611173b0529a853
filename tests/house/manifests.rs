//! Dependencies go one way, the crates that need no Burn have none, and backends are chosen in one place.

use std::collections::BTreeMap;

use crate::sources::root;

/// The crates in the order of their dependencies: each may use those before it.
const ORDER: [&str; 12] = [
    "core", "files", "ops", "data", "model", "run", "report", "terminal", "sample", "train",
    "eval", "halfstep",
];

fn manifest(package: &str) -> toml::Table {
    let path = root().join("crates").join(package).join("Cargo.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The workspace crates that a crate depends on.
fn dependencies(package: &str) -> Vec<String> {
    let manifest = manifest(package);
    let names = manifest["dependencies"].as_table().unwrap().keys();
    let ours = names.map(|name| name.strip_prefix("halfstep-").unwrap_or(name).to_owned());
    ours.filter(|name| ORDER.contains(&name.as_str())).collect()
}

#[test]
fn dependencies_go_one_way() {
    let mut folders: Vec<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut known = ORDER.map(str::to_owned).to_vec();
    known.sort();
    assert_eq!(folders, known);
    let place = |name: &str| ORDER.iter().position(|other| *other == name);
    for package in ORDER {
        for dependency in dependencies(package) {
            assert!(place(&dependency) < place(package), "{package} depends on {dependency}");
        }
    }
}

#[test]
fn the_run_folder_and_its_report_need_no_burn() {
    for package in ["files", "run", "report"] {
        let manifest = manifest(package);
        let dependencies = manifest["dependencies"].as_table().unwrap();
        assert!(!dependencies.contains_key("burn"), "{package} depends on Burn");
        let allowed = ["files", "run"];
        let ours = self::dependencies(package);
        assert!(ours.iter().all(|name| allowed.contains(&name.as_str())), "{package}: {ours:?}");
    }
}

/// Programs choose the backends; `ops`, where they are wired up, is the only library with features.
#[test]
fn backends_are_chosen_where_programs_are() {
    let mut lists = BTreeMap::new();
    for package in ORDER {
        let features = manifest(package)
            .get("features")
            .map(|features| features.as_table().unwrap().keys().cloned().collect::<Vec<_>>());
        if let Some(features) = features {
            lists.insert(package, features);
        }
    }
    let with: Vec<&str> = lists.keys().copied().collect();
    assert_eq!(with, ["eval", "halfstep", "ops", "sample", "train"]);
    for (package, features) in &lists {
        assert_eq!(features, &lists["ops"], "{package} offers other features than ops");
    }
}
