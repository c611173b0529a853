//! The places of the parts of a diffusers folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::ModelError;
use crate::pipeline::json::read_json;

/// diffusers' name of the file of weights.
pub(crate) const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

/// The folder in which diffusers' training scripts save the moving average of a network.
const AVERAGE: &str = "unet_ema";
const SCHEDULER: &str = "scheduler/scheduler_config.json";

/// The parts of a model folder. It is one of four:
///
/// - a pipeline with `unet/` and `scheduler/`
/// - an old pipeline with the files of both in one folder
/// - a bare network
/// - a checkpoint of diffusers' training scripts, which has `unet/`, its moving average `unet_ema/`, or both,
///   and lies in the pipeline's folder
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The folder with `config.json` and the weights.
    pub unet: PathBuf,
    /// The network that is not used, if `unet` and `unet_ema` are both there.
    pub passed_over: Option<PathBuf>,
    /// The `scheduler_config.json`; a bare network has none.
    pub scheduler: Option<PathBuf>,
    /// Whether the scheduler config belongs to the pipeline around a checkpoint.
    pub of_pipeline_around: bool,
}

impl Layout {
    /// Finds the parts in `dir`.
    ///
    /// # Errors
    /// [`ModelError::Folder`] if there is no network.
    pub fn find(dir: &Path) -> Result<Self, ModelError> {
        let (unet, passed_over) = network(dir)?;
        // The paths `.` and `unet` and links show neither the folder's name nor the folders around it.
        let real = dir.canonicalize().map_err(ModelError::io(dir))?;
        let whole: &Path = if unet == dir { real.parent().unwrap_or(&real) } else { &real };
        let places = match unet == dir {
            false => vec![dir.join(SCHEDULER)],
            true => {
                vec![dir.join("scheduler_config.json"), dir.join(SCHEDULER), whole.join(SCHEDULER)]
            }
        };
        let checkpoint = is_checkpoint(whole);
        let own = places.into_iter().find(|place| place.is_file());
        let around = whole.parent().map(|pipeline| pipeline.join(SCHEDULER));
        let around = around.filter(|place| checkpoint && place.is_file());
        let of_pipeline_around = own.is_none() && around.is_some();
        let scheduler = own.or(around);
        // A pipeline without its scheduler is damaged, not bare.
        if unet != dir && scheduler.is_none() && !checkpoint {
            let problem = "no such file: nothing says what the network predicts at which noise levels; bring it back";
            return Err(ModelError::Folder {
                path: dir.join(SCHEDULER),
                problem: problem.to_owned(),
            });
        }
        Ok(Self { unet, passed_over, scheduler, of_pipeline_around })
    }

    /// The files of weights: one, or several that an index lists.
    ///
    /// # Errors
    /// [`ModelError`] naming what is missing, or what lies there instead.
    pub fn weights(&self) -> Result<Vec<PathBuf>, ModelError> {
        let whole = self.unet.join(WEIGHTS);
        if whole.is_file() {
            return Ok(vec![whole]);
        }
        let named = |holds: &dyn Fn(&str) -> bool| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(&self.unet).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.path());
            names.filter(|path| holds(&path.to_string_lossy())).collect()
        };
        // `.index.json`, or `.index.fp16.json` of a variant.
        let indices =
            named(&|name| name.contains(".safetensors.index.") && name.ends_with(".json"));
        if let [index] = &indices[..] {
            return shards(&self.unet, index);
        }
        let mut others = named(&|name| name.ends_with(".safetensors"));
        match others.len() {
            // A file under another name: a variant (`.fp16`), or an older convention.
            1 => Ok(vec![others.remove(0)]),
            0 if !named(&|name| name.ends_with(".bin")).is_empty() => Err(ModelError::Folder {
                path: self.unet.clone(),
                problem: format!(
                    "has its weights as a pickle only, which can run code and is not read; write them \
                     again in Python with UNet2DModel.from_pretrained(\"{0}\").save_pretrained(\"{0}\")",
                    self.unet.display()
                ),
            }),
            0 => Err(ModelError::Folder {
                path: whole,
                problem: "no such file: the network has no weights".to_owned(),
            }),
            _ => Err(ModelError::Folder {
                path: self.unet.clone(),
                problem: format!(
                    "has several safetensors files and none is called {WEIGHTS}; leave only those of the variant to use"
                ),
            }),
        }
    }
}

/// The folder of the network in `dir`, and of a second network that is not used. A pipeline uses `unet`,
/// whatever else lies there. A checkpoint uses the moving average, which the training script puts into the
/// pipeline at the end.
fn network(dir: &Path) -> Result<(PathBuf, Option<PathBuf>), ModelError> {
    let holds_one = |folder: &PathBuf| folder.join("config.json").is_file();
    let there = |name: &str| Some(dir.join(name)).filter(holds_one);
    match (there("unet"), there(AVERAGE)) {
        (Some(last), Some(average)) if is_pipeline(dir) => Ok((last, Some(average))),
        (Some(last), Some(average)) => Ok((average, Some(last))),
        (Some(only), None) | (None, Some(only)) => Ok((only, None)),
        (None, None) => match holds_one(&dir.to_path_buf()) {
            true => Ok((dir.to_path_buf(), None)),
            false => Err(not_a_model(dir)),
        },
    }
}

fn is_pipeline(dir: &Path) -> bool {
    dir.join("model_index.json").is_file()
}

/// Whether `dir`, a resolved path, is a checkpoint of diffusers' training scripts: networks without a
/// pipeline.
fn is_checkpoint(dir: &Path) -> bool {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let has_average = dir.join(AVERAGE).join("config.json").is_file();
    !is_pipeline(dir) && (has_average || name.starts_with("checkpoint-"))
}

/// diffusers' index: the file of each tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

fn shards(unet: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let Index { weight_map } = read_json(index)?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    let wrong = |problem: String| ModelError::Folder { path: index.to_path_buf(), problem };
    if names.is_empty() {
        return Err(wrong("`weight_map` lists no file".to_owned()));
    }
    names
        .into_iter()
        .map(|name| match Path::new(&name).file_name() == Some(name.as_ref()) {
            true if !unet.join(&name).is_file() => {
                Err(wrong(format!("lists {name}, which is not there; the folder is incomplete")))
            }
            true => Ok(unet.join(name)),
            false => {
                Err(wrong(format!("`weight_map` names {name:?}, which is not a plain file name")))
            }
        })
        .collect()
}

fn not_a_model(dir: &Path) -> ModelError {
    let problem = if dir.join("snapshots").is_dir() {
        "a folder of the Hugging Face cache; the model is in one of the folders in its snapshots/"
    } else if dir.exists() {
        "not a model folder: neither unet/config.json nor config.json is there (expected a diffusers \
         pipeline, checkpoint or UNet2DModel folder, such as runs/NAME/teacher or runs/NAME/students/0004)"
    } else {
        "no such folder (a model of the Hugging Face Hub has to be downloaded first)"
    };
    ModelError::Folder { path: dir.to_path_buf(), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    #[test]
    fn a_network_is_found_in_every_layout() {
        let pipeline = folder(&[("unet/config.json", "{}"), (SCHEDULER, "{}")]);
        let inside = pipeline.path().join("unet");
        for dir in [pipeline.path(), &inside] {
            let layout = Layout::find(dir).unwrap();
            assert_eq!(layout.unet, inside);
            assert!(layout.scheduler.unwrap().is_file(), "{}", dir.display());
        }
        let old = folder(&[("config.json", "{}"), ("scheduler_config.json", "{}")]);
        let layout = Layout::find(old.path()).unwrap();
        assert_eq!(layout.unet, old.path());
        assert_eq!(layout.scheduler, Some(old.path().join("scheduler_config.json")));
        let bare = folder(&[("config.json", "{}")]);
        assert_eq!(Layout::find(bare.path()).unwrap().scheduler, None);
        let damaged = folder(&[("unet/config.json", "{}")]);
        let missing = Layout::find(damaged.path()).unwrap_err().to_string();
        assert!(missing.contains(SCHEDULER) && missing.contains("bring it back"), "{missing}");
        let cache = folder(&[("snapshots/abc/config.json", "{}")]);
        let hint = Layout::find(cache.path()).unwrap_err().to_string();
        assert!(hint.contains("in its snapshots/"), "{hint}");
    }

    /// diffusers' training scripts save `checkpoint-500/{unet,unet_ema}` in the folder of the pipeline.
    #[test]
    fn a_checkpoint_is_its_moving_average() {
        let last = ("run/checkpoint-500/unet/config.json", "{}");
        let average = ("run/checkpoint-500/unet_ema/config.json", "{}");
        let of_pipeline = ("run/scheduler/scheduler_config.json", "{}");
        let both = folder(&[last, average]);
        let at = |root: &tempfile::TempDir, name: &str| root.path().join("run").join(name);
        let layout = Layout::find(&at(&both, "checkpoint-500")).unwrap();
        assert_eq!(layout.unet, at(&both, "checkpoint-500/unet_ema"));
        assert_eq!(layout.passed_over, Some(at(&both, "checkpoint-500/unet")));
        assert!(layout.scheduler.is_none() && !layout.of_pipeline_around);

        let pipeline = folder(&[last, average, of_pipeline]);
        for inside in ["checkpoint-500", "checkpoint-500/unet", "checkpoint-500/unet_ema"] {
            let layout = Layout::find(&at(&pipeline, inside)).unwrap();
            assert!(layout.scheduler.unwrap().is_file() && layout.of_pipeline_around, "{inside}");
        }
        for only in [last, average] {
            let layout = Layout::find(&at(&folder(&[only, of_pipeline]), "checkpoint-500"));
            assert_eq!(layout.unwrap().passed_over, None);
        }
        // `model_index.json` names the network of a pipeline.
        let index = ("run/checkpoint-500/model_index.json", "{}");
        let own = ("run/checkpoint-500/scheduler/scheduler_config.json", "{}");
        let whole = folder(&[last, average, index, own]);
        let layout = Layout::find(&at(&whole, "checkpoint-500")).unwrap();
        assert_eq!(layout.unet, at(&whole, "checkpoint-500/unet"));
        assert_eq!(layout.passed_over, Some(at(&whole, "checkpoint-500/unet_ema")));
        assert!(!layout.of_pipeline_around);
    }

    #[test]
    fn weights_are_one_file_or_those_of_an_index() {
        let names = |files: &[(&str, &str)]| {
            let dir = folder(&[&[("config.json", "{}")], files].concat());
            let found = Layout::find(dir.path()).unwrap().weights();
            found
                .map(|paths| {
                    let names = paths.iter().map(|path| path.file_name().unwrap());
                    names.map(|name| name.to_str().unwrap().to_owned()).collect::<Vec<_>>()
                })
                .map_err(|error| error.to_string())
        };
        assert_eq!(names(&[(WEIGHTS, "")]).unwrap(), [WEIGHTS]);
        let variant = "diffusion_pytorch_model.fp16.safetensors";
        assert_eq!(names(&[(variant, "")]).unwrap(), [variant]);
        let map =
            r#"{"weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}}"#;
        const INDEX: &str = "diffusion_pytorch_model.safetensors.index.json";
        for index in [INDEX, "diffusion_pytorch_model.safetensors.index.bf16.json"] {
            let shards = [(index, map), ("1.safetensors", ""), ("2.safetensors", "")];
            assert_eq!(names(&shards).unwrap(), ["1.safetensors", "2.safetensors"]);
        }
        for (files, word) in [
            (vec![], "no weights"),
            (vec![("diffusion_pytorch_model.bin", "")], "save_pretrained"),
            (vec![("a.safetensors", ""), ("b.safetensors", "")], "several"),
            (vec![(INDEX, r#"{"weight_map": {"a": "../x"}}"#)], "plain file name"),
            (vec![(INDEX, map), ("1.safetensors", "")], "2.safetensors, which is not there"),
            (vec![(INDEX, r#"{"weight_map": {}}"#)], "lists no file"),
            (vec![(INDEX, "{}")], "not valid JSON"),
        ] {
            let error = names(&files).unwrap_err();
            assert!(error.contains(word), "{word}: {error}");
        }
    }
}
