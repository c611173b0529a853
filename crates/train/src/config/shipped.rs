//! The configurations that come with halfstep, by name.

/// The name and text of every shipped configuration, from the files in `configs/`.
pub const SHIPPED_CONFIGS: [(&str, &str); 9] = [
    ("digits", include_str!("../../../../configs/digits.toml")),
    ("fashion", include_str!("../../../../configs/fashion.toml")),
    ("mnist", include_str!("../../../../configs/mnist.toml")),
    ("mnist-gpu", include_str!("../../../../configs/mnist-gpu.toml")),
    ("from-diffusers", include_str!("../../../../configs/from-diffusers.toml")),
    ("cifar", include_str!("../../../../configs/cifar.toml")),
    ("cifar-small", include_str!("../../../../configs/cifar-small.toml")),
    ("cifar-cpu", include_str!("../../../../configs/cifar-cpu.toml")),
    ("cifar-gpu", include_str!("../../../../configs/cifar-gpu.toml")),
];

/// The text of a shipped configuration; `None` if the name is unknown.
pub fn shipped_config(name: &str) -> Option<&'static str> {
    SHIPPED_CONFIGS.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_shipped_by_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let mut names = SHIPPED_CONFIGS.map(|(name, _)| name);
        names.sort_unstable();
        assert_eq!(files, names);
    }
}
