//! The pictures that a model learned from, which nothing may be drawn into.

use std::path::Path;

use anyhow::bail;
use halfstep_data::DataConfig;
use serde::Deserialize;

/// What is needed of a run's `config.toml`.
#[derive(Deserialize)]
struct RunConfig {
    data: DataConfig,
}

/// Refuses to write pictures into the folder that the model's run learns from: the run would take them
/// for data when it goes on. `written` are flags with their values.
///
/// A model that lies in no run folder says nothing of where its pictures lie; then nothing is refused.
pub fn refuse_among_pictures(
    model: &Path,
    written: &[(&str, Option<&Path>)],
) -> anyhow::Result<()> {
    let Some(data) = data_of_run(model) else { return Ok(()) };
    for (flag, path) in written {
        let Some(path) = path else { continue };
        if let Some(pictures) = data.would_see(path) {
            bail!(
                "{flag}: {} lies in {}, the folder of pictures that this model learned from; a run would take \
                 what is drawn for data. Draw into another folder",
                path.display(),
                pictures.display()
            );
        }
    }
    Ok(())
}

/// What the run learns from whose folder holds the model: `RUN/teacher` or `RUN/students/0004`.
fn data_of_run(model: &Path) -> Option<DataConfig> {
    let model = model.canonicalize().ok()?;
    let config =
        |folder: &Path| folder.join("dataset.sha256").is_file().then(|| folder.join("config.toml"));
    let path = model.ancestors().skip(1).take(2).find_map(config)?;
    let config: RunConfig = toml::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    Some(config.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_not_drawn_among_those_of_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for folder in ["run/students/0004", "run/teacher", "pictures", "alone"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        let config = format!(
            "name = 'x'\n[data]\nkind = 'folder'\nsize = 8\ndir = '{}'",
            at("pictures").display()
        );
        std::fs::write(at("run/config.toml"), config).unwrap();
        std::fs::write(at("run/dataset.sha256"), "12").unwrap();
        let refused = |model: &str, path: &str| {
            let path = at(path);
            let written = [("--out", None), ("--dir", Some(path.as_path()))];
            refuse_among_pictures(&at(model), &written).err().map(|error| error.to_string())
        };
        for model in ["run/students/0004", "run/teacher"] {
            let message = refused(model, "pictures/drawn").expect("refused");
            assert!(
                message.starts_with("--dir: ") && message.contains("pictures/drawn"),
                "{message}"
            );
            assert_eq!(refused(model, "drawn"), None);
            assert_eq!(refused(model, "pictures/.drawn"), None);
        }
        assert_eq!(refused("alone", "pictures/drawn"), None);
        assert_eq!(refused("not there", "pictures/drawn"), None);
    }
}
