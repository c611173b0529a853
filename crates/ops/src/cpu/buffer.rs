//! Working memory in whole cache lines.

/// A slice of f32, zeros at first, whose address is a multiple of a cache line: no vector straddles
/// two lines.
#[derive(Debug)]
pub(crate) struct Buffer {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// The values of a cache line.
    pub(crate) const LINE: usize = 16;

    pub(crate) fn zeros(len: usize) -> Self {
        let values = vec![0.0; len + Self::LINE];
        let start = values.as_ptr().align_offset(Self::LINE * size_of::<f32>()).min(Self::LINE);
        Self { values, start, len }
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.len]
    }
}
