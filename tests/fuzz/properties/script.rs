//! An input that is a sequence of steps.

/// Bytes that are taken one after the other; where they end there are zeros.
#[derive(Clone, Debug)]
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// One that begins with these.
    pub fn new(bytes: &'a [u8]) -> Self {
        Script(bytes)
    }

    /// Nothing is left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes, or what is left.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(count.min(self.0.len()));
        self.0 = left;
        taken
    }

    fn chunk<const N: usize>(&mut self) -> [u8; N] {
        let mut chunk = [0; N];
        let taken = self.take(N);
        chunk[..taken.len()].copy_from_slice(taken);
        chunk
    }

    /// A number of a byte.
    pub fn byte(&mut self) -> u8 {
        u8::from_be_bytes(self.chunk())
    }

    /// One of two.
    pub fn short(&mut self) -> u16 {
        u16::from_be_bytes(self.chunk())
    }

    /// One of four.
    pub fn word(&mut self) -> u32 {
        u32::from_be_bytes(self.chunk())
    }

    /// One of eight.
    pub fn long(&mut self) -> u64 {
        u64::from_be_bytes(self.chunk())
    }

    /// Bytes, behind a byte that says how many.
    pub fn bytes(&mut self) -> &'a [u8] {
        let count = self.byte();
        self.take(count.into())
    }
}
