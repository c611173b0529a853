//! Reading the tensors of a weights file.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use halfstep_model::{ModelNote, NamedTwice, unwrapped_once};
use pytorch_reader::{DType, PytorchReader};
use safetensors::{Dtype, SafeTensors};

use crate::error::EvalError;

/// The tensors of a file by name; those that are read are finite f32.
pub(crate) struct Weights {
    tensors: HashMap<String, WeightValues>,
    path: PathBuf,
    device: Device,
    /// What the weights belong to, for messages.
    network: String,
    /// From names without PyTorch's wrappers to the names in the file, where they differ.
    plain: BTreeMap<String, String>,
}

struct WeightValues {
    shape: Vec<usize>,
    values: Result<Vec<f32>, String>,
}

impl Weights {
    /// Reads a safetensors file, or one that `torch.save` wrote. The latter is read as data; nothing in it is
    /// executed.
    pub fn read(path: &Path, network: &str, device: &Device) -> Result<Self, EvalError> {
        let tensors = std::fs::read(path).map_err(|error| error.to_string()).and_then(|bytes| {
            match bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
                true => read_torch(path),
                false => read_safetensors(&bytes),
            }
        });
        let wrong = |problem| EvalError::Weights { path: path.to_path_buf(), problem };
        let tensors = tensors.map_err(wrong)?;
        let plain = plain_names(&tensors).map_err(|error| wrong(error.to_string()))?;
        let (path, network) = (path.to_path_buf(), network.to_owned());
        Ok(Self { tensors, path, device: device.clone(), network, plain })
    }

    /// What a user should know about the file, as a phrase that follows its name.
    pub fn note(&self) -> Option<String> {
        let (plain, name) = self.plain.first_key_value()?;
        let (name, plain) = (name.clone(), plain.clone());
        Some(ModelNote::Wrapped { name, plain }.to_string())
    }

    /// A tensor by its name in the file, or by its name without wrappers.
    fn find(&self, name: &str) -> Option<&WeightValues> {
        self.tensors.get(name).or_else(|| self.tensors.get(self.plain.get(name)?))
    }

    pub fn wrong(&self, problem: String) -> EvalError {
        EvalError::Weights { path: self.path.clone(), problem }
    }

    /// The shape of a tensor.
    pub fn shape(&self, name: &str) -> Result<&[usize], EvalError> {
        match self.find(name) {
            Some(tensor) => Ok(&tensor.shape),
            None => {
                let network = &self.network;
                Err(self.wrong(format!("has no tensor `{name}`: not the weights of {network}")))
            }
        }
    }

    /// The values of a tensor, which must be f32 of exactly this shape and finite.
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, EvalError> {
        let found = self.shape(name)?;
        let values = match self.find(name).map(|tensor| &tensor.values) {
            Some(Ok(values)) if found == shape => values,
            None | Some(Ok(_)) => {
                return Err(self.wrong(format!(
                    "tensor `{name}` is f32 of shape {found:?}; f32 of {shape:?} is needed"
                )));
            }
            Some(Err(kind)) => {
                return Err(self.wrong(format!(
                    "tensor `{name}` is {kind} of shape {found:?}; f32 of {shape:?} is needed"
                )));
            }
        };
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values.clone()),
            false => Err(self.wrong(format!("tensor `{name}` contains NaN or infinity"))),
        }
    }

    /// A tensor of exactly this shape, on the device.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Tensor<D>, EvalError> {
        let values = self.values(name, &shape)?;
        Ok(self.to_device(values, shape))
    }

    pub fn to_device<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

/// From names without PyTorch's wrappers to the names in the file, where they differ.
fn plain_names(
    tensors: &HashMap<String, WeightValues>,
) -> Result<BTreeMap<String, String>, NamedTwice> {
    let mut names: Vec<String> = tensors.keys().cloned().collect();
    names.sort_unstable(); // one file, one message
    let wrapped = unwrapped_once(names)?.into_iter().filter(|(name, plain)| name != plain);
    Ok(wrapped.map(|(name, plain)| (plain, name)).collect())
}

fn read_safetensors(bytes: &[u8]) -> Result<HashMap<String, WeightValues>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| {
        format!("not a readable safetensors file, nor one of torch.save: {error}")
    })?;
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let values = match view.dtype() {
            Dtype::F32 => Ok(floats(view.data())),
            dtype => Err(format!("{dtype:?}")),
        };
        (name, WeightValues { shape: view.shape().to_vec(), values })
    });
    Ok(tensors.collect())
}

fn read_torch(path: &Path) -> Result<HashMap<String, WeightValues>, String> {
    let wrong = |error: String| format!("not a readable file of torch.save: {error}");
    let file = PytorchReader::new(path).map_err(|error| wrong(error.to_string()))?;
    file.into_tensors()
        .into_iter()
        .map(|(name, tensor)| {
            let values = match tensor.dtype() {
                DType::F32 => Ok(floats(&tensor.read().map_err(|error| wrong(error.to_string()))?)),
                dtype => Err(format!("{dtype:?}")),
            };
            Ok((name, WeightValues { shape: tensor.shape().to_vec(), values }))
        })
        .collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let four = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    bytes.chunks_exact(4).map(four).collect()
}
