//! Weights as PyTorch safetensors, with diffusers' parameter names.

use std::io::Read;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::store::{
    BurnToPyTorchAdapter, FloatCastAdapter, KeyRemapper, ModuleAdapter, ModuleSnapshot,
    ModuleStore, PyTorchToBurnAdapter, SafetensorsStore,
};
use burn::tensor::{DType, Tensor};

use crate::error::ModelError;
use crate::params::{flat_params, param_names, parameters};
use crate::pipeline::tensor_names::{BurnNames, unwrapped, unwrapped_once};
use halfstep_ops::device::device_problem;

/// Writes the parameters of a module to `path`. A file that is there is replaced.
///
/// # Errors
/// [`ModelError::Weights`] with the reason, for instance a full disk.
pub fn save_weights<M: Module>(module: &M, path: &Path) -> Result<(), ModelError> {
    let mut store = SafetensorsStore::from_file(path)
        .clear_metadata()
        .metadata("format", "pt") // transformers and diffusers refuse files without it
        .with_to_adapter(BurnToPyTorchAdapter)
        .skip_enum_variants(true)
        .overwrite(true);
    module.save_into(&mut store).map_err(|error| ModelError::Weights {
        path: path.to_path_buf(),
        problem: format!("cannot write the weights: {error}"),
    })
}

/// diffusers' old names of an attention's layers, and its present names.
const RENAMED: [(&str, &str); 4] =
    [("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")];

/// Reads the parameters of a module from `path`. Files of f16, bf16 or f64 are converted to f32.
///
/// # Errors
/// [`ModelError::Files`] if the file cannot be opened; [`ModelError::Weights`] if it is not a
/// safetensors file, a tensor is missing, left over, of the wrong shape or type, or not finite.
pub fn load_weights<M: Module>(module: M, path: &Path) -> Result<M, ModelError> {
    load_weight_files(module, &[path.to_path_buf()])
}

/// [`load_weights`] from several files that hold a part each.
pub(crate) fn load_weight_files<M: Module>(
    mut module: M,
    paths: &[PathBuf],
) -> Result<M, ModelError> {
    let names = BurnNames::new(parameters(&module));
    let (mut missing, mut unused): (Option<Vec<String>>, Vec<String>) = (None, Vec::new());
    for path in paths {
        let (lacking, left_over) = load_part(&mut module, path, &names)?;
        unused.extend(left_over);
        missing = Some(match missing {
            Some(before) => before.into_iter().filter(|name| lacking.contains(name)).collect(),
            None => lacking,
        });
    }
    let path = paths.first().cloned().unwrap_or_default();
    let wrong = |problem: String| ModelError::Weights { path: path.clone(), problem };
    let missing = missing.unwrap_or_default();
    if !missing.is_empty() {
        let missing = list(missing.iter().map(|name| names.in_file(name)));
        return Err(wrong(format!("lacks tensors that config.json asks for: {missing}")));
    }
    if !unused.is_empty() {
        let unused = list(unused.into_iter());
        return Err(wrong(format!("has tensors that config.json does not ask for: {unused}")));
    }
    if let Some(name) = first_not_finite(&module)? {
        return Err(wrong(format!("tensor `{name}` holds NaN or infinity")));
    }
    Ok(module)
}

/// Reads the parameters that one file holds. Returns Burn's names of the parameters that it lacks, and
/// diffusers' names of the tensors that are left over.
fn load_part<M: Module>(
    module: &mut M,
    path: &Path,
    names: &BurnNames,
) -> Result<(Vec<String>, Vec<String>), ModelError> {
    std::fs::File::open(path).map_err(ModelError::io(path))?;
    let wrong = |problem: String| ModelError::Weights { path: path.to_path_buf(), problem };
    let mut store = SafetensorsStore::from_file(path);
    let tensors = store.get_all_tensors().map_err(|error| {
        wrong(match is_lfs_pointer(path) {
            true => {
                "a pointer of Git LFS, not the weights; fetch them with `git lfs pull`".to_owned()
            }
            false => format!("not a readable safetensors file: {error}"),
        })
    })?;
    let inside = unwrapped_once(tensors.keys().cloned());
    let inside = inside.map_err(|error| wrong(error.to_string()))?;
    let mut named: Vec<_> = tensors.values().cloned().collect();
    for tensor in &mut named {
        tensor.name.clone_from(&inside[&tensor.name]);
    }
    let (named, _) = renamer().remap(named);
    let adapter = PyTorchToBurnAdapter.chain(FloatCastAdapter::to(DType::F32));
    let result = module.apply(named, None, Some(Box::new(adapter)), true);
    if let Some(error) = result.errors.first() {
        let problem = names.problem(error);
        return Err(wrong(format!("does not fit the network in config.json: {problem}")));
    }
    Ok((result.missing.into_iter().map(|(name, _)| name).collect(), result.unused))
}

/// Renames from diffusers' old names, without wrappers, to its present ones.
fn renamer() -> KeyRemapper {
    let renamed = RENAMED.map(|(old, new)| {
        (format!(r"(attentions\.\d+)\.{old}\.(weight|bias)$"), format!("${{1}}.{new}.${{2}}"))
    });
    let Ok(remapper) = KeyRemapper::from_patterns(renamed.to_vec()) else {
        unreachable!("the patterns are regular expressions")
    };
    remapper
}

/// The first tensor in these files whose name contains wrappers of PyTorch: its name in the file, and its name
/// without them. `None` also if a file cannot be read, which reading the weights reports.
pub(crate) fn wrapped_name(paths: &[PathBuf]) -> Option<(String, String)> {
    let mut names =
        paths.iter().flat_map(|path| SafetensorsStore::from_file(path).keys().unwrap_or_default());
    names.find_map(|name| {
        let plain = unwrapped(&name);
        (plain != name).then_some((name, plain))
    })
}

/// Whether a file is a Git LFS pointer, which stands in for a large file that was not fetched.
fn is_lfs_pointer(path: &Path) -> bool {
    let mut begin = [0; 30];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin.starts_with(b"version https://git-lfs")
}

/// The name of the first parameter that holds NaN or infinity. Reads from the device once for all of them.
///
/// # Errors
/// [`ModelError::Device`] if the device failed.
pub fn first_not_finite<M: Module>(module: &M) -> Result<Option<String>, ModelError> {
    let sums = flat_params(module).into_iter().map(Tensor::sum).collect();
    let sums = Tensor::cat(sums, 0)
        .try_into_data()
        .map_err(|error| ModelError::Device { problem: device_problem(&error) })?;
    let which = sums.iter::<f32>().position(|sum| !sum.is_finite());
    Ok(which.and_then(|which| param_names(module).into_iter().nth(which)))
}

/// The first few names and how many more.
fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(4);
    let shown: Vec<String> = names.take(4).map(|name| format!("`{name}`")).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
