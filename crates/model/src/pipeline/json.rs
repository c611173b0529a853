//! JSON files; errors name the wrong field.

use std::borrow::Cow;
use std::path::Path;

use halfstep_files::read_text;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ModelError;

/// Parses an object all of whose fields have defaults.
///
/// # Errors
/// [`ModelError`] naming the file, and the field whose value is of the wrong type or not supported.
pub(crate) fn parse_fields<T: DeserializeOwned>(
    fields: Map<String, Value>,
    path: &Path,
) -> Result<T, ModelError> {
    let of = |fields: Map<String, Value>| T::deserialize(Value::Object(fields));
    let error = match of(fields.clone()) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    let alone = |field: &String, value: &Value| Map::from_iter([(field.clone(), value.clone())]);
    let culprit = fields.iter().find_map(|(field, value)| {
        of(alone(field, value)).err().map(|error| (field, value, error))
    });
    match culprit {
        Some((field, value, error)) => Err(ModelError::Folder {
            path: path.to_path_buf(),
            problem: format!("`{field}` is {value}, which is not supported: {error}"),
        }),
        None => Err(ModelError::json(path)(error)),
    }
}

/// Reads a JSON file, which Python may have written.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let text = read_text(path).map_err(ModelError::io(path))?;
    serde_json::from_str(&without_infinities(&text)).map_err(ModelError::json(path))
}

/// Replaces infinities and NaN by null: Python writes them, JSON has none.
fn without_infinities(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    if !WORDS.iter().any(|word| text.contains(word)) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest, mut in_string) = (String::with_capacity(text.len()), text, false);
    while let Some(c) = rest.chars().next() {
        let word = WORDS.iter().find(|word| !in_string && rest.starts_with(**word));
        let taken = match (c, word) {
            (_, Some(word)) => {
                out.push_str("null");
                word.len()
            }
            ('\\', None) if in_string => {
                let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..1 + escaped]);
                1 + escaped
            }
            (c, None) => {
                in_string ^= c == '"';
                out.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// Writes a JSON file that people can read.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), ModelError> {
    let mut text = serde_json::to_string_pretty(value).map_err(ModelError::json(path))?;
    text.push('\n');
    std::fs::write(path, text).map_err(ModelError::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_infinities_are_null_outside_of_strings() {
        let text = r#"{"a": -Infinity, "b": [NaN, Infinity], "NaN \" Infinity \\": "-Infinity"}"#;
        let expected = r#"{"a": null, "b": [null, null], "NaN \" Infinity \\": "-Infinity"}"#;
        assert_eq!(without_infinities(text), expected);
        assert_eq!(without_infinities(r#"{"é": 1}"#), r#"{"é": 1}"#);
        assert_eq!(without_infinities("NaN é \\"), "null é \\");
    }

    #[test]
    fn the_field_that_does_not_parse_is_named() {
        let fields = |json: &str| serde_json::from_str::<Map<String, Value>>(json).unwrap();
        let path = Path::new("a.json");
        let parse = |json| parse_fields::<crate::UNetConfig>(fields(json), path);
        parse(r#"{"act_fn": "swish", "sample_size": [8, 4]}"#).unwrap();
        for (json, word) in [
            (r#"{"act_fn": "tanh"}"#, "act_fn"),
            (r#"{"class_embed_type": "identity", "act_fn": "silu"}"#, "identity"),
            (r#"{"down_block_types": ["SkipDownBlock2D"]}"#, "SkipDownBlock2D"),
            (r#"{"time_embedding_type": "learned"}"#, "time_embedding_type"),
            (r#"{"resnet_time_scale_shift": "spatial"}"#, "resnet_time_scale_shift"),
            (r#"{"sample_size": [8]}"#, "sample_size"),
            (r#"{"layers_per_block": [2, 2]}"#, "layers_per_block"),
        ] {
            let error = parse(json).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("a.json"), "{json}: {error}");
        }
    }
}
