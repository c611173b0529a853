//! Names of tensors in PyTorch's files, in diffusers' network and in Burn.

use std::collections::BTreeMap;

use burn::store::ApplyError;

use crate::params::Parameter;

/// Modules that wrap another one in PyTorch and appear in its tensors' names: `torch.compile`, `DataParallel`
/// and the like, FSDP, activation checkpointing.
const WRAPPERS: [&str; 4] =
    ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// A tensor's name without the wrappers: `module._orig_mod.conv_in.bias` is `conv_in.bias`. Wrappers of a part
/// of the network are removed too, but `module`, a name that anything may have, only at the beginning.
pub(crate) fn unwrapped(name: &str) -> String {
    let mut at_beginning = true;
    let inside = |part: &&str| {
        let wrapper = WRAPPERS.contains(part) && (at_beginning || part.starts_with('_'));
        at_beginning &= wrapper;
        !wrapper
    };
    name.split('.').filter(inside).collect::<Vec<_>>().join(".")
}

/// Two tensors of a file whose names are the same without their wrappers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has `{plain}` twice, as `{one}` and as `{other}`")]
pub struct NamedTwice {
    /// The name without wrappers.
    pub plain: String,
    /// The first name in the file.
    pub one: String,
    /// The second name in the file.
    pub other: String,
}

/// Maps a file's names to names without the wrappers of PyTorch's modules: `module._orig_mod.conv_in.bias` to
/// `conv_in.bias`.
///
/// # Errors
/// [`NamedTwice`] if two names of the file mean the same tensor.
pub fn unwrapped_once(
    names: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, String>, NamedTwice> {
    let (mut inside, mut outside) = (BTreeMap::new(), BTreeMap::new());
    for name in names {
        let plain = unwrapped(&name);
        if let Some(one) = outside.insert(plain.clone(), name.clone()) {
            return Err(NamedTwice { plain, one, other: name });
        }
        inside.insert(name, plain);
    }
    Ok(inside)
}

/// The parameters of a module by Burn's names, which differ from PyTorch's in norms.
pub(crate) struct BurnNames(BTreeMap<String, Parameter>);

impl BurnNames {
    pub fn new(parameters: Vec<Parameter>) -> Self {
        Self(parameters.into_iter().map(|found| (found.burn_name.clone(), found)).collect())
    }

    /// The name of a parameter in the file.
    pub fn in_file(&self, burn_name: &str) -> String {
        self.0.get(burn_name).map_or(burn_name, |found| &found.name).to_owned()
    }

    /// Describes an error by the tensor's name and shape in the file.
    pub fn problem(&self, error: &ApplyError) -> String {
        match error {
            ApplyError::ShapeMismatch { path, expected, found } => format!(
                "tensor `{}` has shape {:?}, and {:?} is needed",
                self.in_file(path),
                self.in_torch(path, found),
                self.in_torch(path, expected)
            ),
            ApplyError::DTypeMismatch { path, expected, found } => {
                format!("tensor `{}` is {found:?}, and {expected:?} is needed", self.in_file(path))
            }
            ApplyError::AdapterError { path, message }
            | ApplyError::LoadError { path, message } => {
                format!("tensor `{}`: {message}", self.in_file(path))
            }
        }
    }

    /// The shape in PyTorch, which stores the weights of a linear layer transposed.
    fn in_torch(&self, burn_name: &str, shape: &[usize]) -> Vec<usize> {
        let mut shape = shape.to_vec();
        if self.0.get(burn_name).is_some_and(|found| found.is_linear) {
            shape.reverse();
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_left_out_of_names() {
        for (name, plain) in [
            ("conv_in.bias", "conv_in.bias"),
            ("module.conv_in.bias", "conv_in.bias"),
            ("_orig_mod.conv_in.bias", "conv_in.bias"),
            ("module._orig_mod.conv_in.bias", "conv_in.bias"),
            ("_orig_mod.module.module.conv_in.bias", "conv_in.bias"),
            (
                "down_blocks.0._orig_mod.resnets.1.norm1.weight",
                "down_blocks.0.resnets.1.norm1.weight",
            ),
            ("_fsdp_wrapped_module.mid._checkpoint_wrapped_module.w", "mid.w"),
            ("net.module.weight", "net.module.weight"),
            ("modules.weight", "modules.weight"),
        ] {
            assert_eq!(unwrapped(name), plain, "{name}");
        }
    }

    #[test]
    fn two_names_of_one_tensor_are_refused() {
        let of = |names: &[&str]| unwrapped_once(names.iter().map(ToString::to_string));
        assert_eq!(of(&["module.a", "b"]).unwrap().len(), 2);
        let problem = of(&["b", "module.a", "_orig_mod.a"]).unwrap_err().to_string();
        assert!(problem.contains("`module.a`") && problem.contains("`_orig_mod.a`"), "{problem}");
    }
}
