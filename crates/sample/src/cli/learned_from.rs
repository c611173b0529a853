//! The pictures that a model learned from, which nothing may be drawn into.

use std::path::Path;

use anyhow::{Context, bail};
use halfstep_data::DataConfig;
use halfstep_files::read_text;
use serde::Deserialize;

/// `[data]` of the text of a run's `config.toml`.
///
/// # Errors
/// If the text is not TOML, or its `[data]` is missing or is none.
pub fn data_section(text: &str) -> Result<DataConfig, toml::de::Error> {
    #[derive(Deserialize)]
    struct RunConfig {
        data: DataConfig,
    }
    Ok(toml::from_str::<RunConfig>(text)?.data)
}

/// Refuses to write pictures into the folder that the model's run learns from: the run would take them
/// for data when it continues. `written` are flags with their values.
///
/// The pictures of a model that lies in no run folder are unknown; then nothing is refused.
///
/// # Errors
/// Also for a run whose `config.toml` cannot be read: where its pictures lie is then unknown.
pub fn refuse_among_pictures(
    model: &Path,
    written: &[(&str, Option<&Path>)],
) -> anyhow::Result<()> {
    let Some(data) = data_of_run(model)? else { return Ok(()) };
    for (flag, path) in written {
        let Some(path) = path else { continue };
        if let Some(pictures) = data.would_see(path) {
            bail!(
                "{flag}: {} lies in {}, the training pictures of this model, and would become training data. Choose \
                 another folder",
                path.display(),
                from_here(pictures).display()
            );
        }
    }
    Ok(())
}

/// The data of the run whose folder holds the model: `RUN/teacher` or `RUN/students/0004`.
fn data_of_run(model: &Path) -> anyhow::Result<Option<DataConfig>> {
    let Ok(model) = model.canonicalize() else { return Ok(None) };
    let config =
        |folder: &Path| folder.join("dataset.sha256").is_file().then(|| folder.join("config.toml"));
    let path = model.ancestors().skip(1).take(2).find_map(config).filter(|path| path.exists());
    let Some(path) = path else { return Ok(None) };
    let unreadable = || {
        format!(
            "{} is damaged, so the folder of the model's training pictures is unknown, and drawing into it must be \
             prevented. Restore the file, or copy the model's folder out of the run",
            path.display()
        )
    };
    let text = read_text(&path).with_context(unreadable)?;
    Ok(Some(data_section(&text).with_context(unreadable)?))
}

/// The path relative to the current folder, if it lies in it.
fn from_here(path: &Path) -> &Path {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).ok().filter(|way| !way.as_os_str().is_empty()).unwrap_or(path)
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

        // As an editor on Windows saves it.
        let config = std::fs::read_to_string(at("run/config.toml")).unwrap();
        std::fs::write(at("run/config.toml"), format!("\u{feff}{config}")).unwrap();
        assert!(refused("run/teacher", "pictures/drawn").is_some());
        assert_eq!(refused("run/teacher", "drawn"), None);
        std::fs::write(at("run/config.toml"), &config[..config.len() / 2]).unwrap();
        let message = refused("run/teacher", "drawn").expect("where the pictures lie is unknown");
        assert!(message.contains("run/config.toml is damaged"), "{message}");
        assert_eq!(refused("alone", "drawn"), None);
    }

    #[test]
    fn a_path_is_shown_from_the_current_folder() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(from_here(&here.join("a/b")), Path::new("a/b"));
        assert_eq!(from_here(&here), here);
        assert_eq!(from_here(Path::new("/elsewhere")), Path::new("/elsewhere"));
    }
}
