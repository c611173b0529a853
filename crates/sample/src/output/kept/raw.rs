//! The head of a safetensors file with one tensor.

use serde_json::json;

/// Bytes of the head: the length of the JSON text, and the text with spaces after it, which the format
/// allows. Enough for any numbers.
pub(super) const HEAD: usize = 8 + 152;

/// Of tensor `samples`, f32 `[count, C, H, W]`.
pub(super) fn head(count: u64, [c, h, w]: [usize; 3]) -> Vec<u8> {
    let shape = [count, c as u64, h as u64, w as u64];
    let bytes = 4 * shape.iter().product::<u64>();
    let text = json!({"samples": {"dtype": "F32", "shape": shape, "data_offsets": [0, bytes]}});
    let mut head = (HEAD as u64 - 8).to_le_bytes().to_vec();
    head.extend(text.to_string().bytes());
    head.resize(HEAD, b' ');
    head
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    #[test]
    fn the_head_is_read_by_safetensors_and_as_long_for_any_numbers() {
        let file = [head(2, [1, 2, 3]), vec![7; 48]].concat();
        let read = SafeTensors::deserialize(&file).unwrap();
        let samples = read.tensor("samples").unwrap();
        assert_eq!(samples.shape(), [2, 1, 2, 3]);
        assert_eq!(samples.data(), [7; 48]);
        let largest = head(u64::from(u32::MAX), [64, 16_384, 1024]);
        assert!(largest.len() == HEAD && largest.ends_with(b" "));
    }
}
