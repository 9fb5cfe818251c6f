//! Where a field lies in a datagram: said once, for reading and for writing. Numbers are big-endian.

/// `LEN` bytes from `AT` on. That a datagram is long enough for its fields is checked when the program is compiled.
#[derive(Clone, Copy)]
pub(super) struct Field<const AT: usize, const LEN: usize>;

/// What the datagram is; in all of them.
pub(super) const KIND: Field<0, 1> = Field;
/// The stream's epoch; in all of them.
pub(super) const EPOCH: Field<2, 2> = Field;
/// The session's token; in all but DATA.
pub(super) const TOKEN: Field<4, 8> = Field;

impl<const AT: usize, const LEN: usize> Field<AT, LEN> {
    /// Its bytes.
    pub(super) fn of<const N: usize>(self, datagram: &[u8; N]) -> [u8; LEN] {
        const { assert!(AT + LEN <= N) };
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(datagram.split_at(AT).1.split_at(LEN).0);
        bytes
    }

    /// Writes its bytes.
    pub(super) fn put<const N: usize>(self, datagram: &mut [u8; N], bytes: [u8; LEN]) {
        const { assert!(AT + LEN <= N) };
        datagram.split_at_mut(AT).1.split_at_mut(LEN).0.copy_from_slice(&bytes);
    }
}

impl<const AT: usize> Field<AT, 1> {
    /// It as a number.
    pub(super) fn u8<const N: usize>(self, datagram: &[u8; N]) -> u8 {
        let [byte] = self.of(datagram);
        byte
    }
}

impl<const AT: usize> Field<AT, 2> {
    /// It as a number.
    pub(super) fn u16<const N: usize>(self, datagram: &[u8; N]) -> u16 {
        u16::from_be_bytes(self.of(datagram))
    }
}

impl<const AT: usize> Field<AT, 4> {
    /// It as a number.
    pub(super) fn u32<const N: usize>(self, datagram: &[u8; N]) -> u32 {
        u32::from_be_bytes(self.of(datagram))
    }
}

impl<const AT: usize> Field<AT, 8> {
    /// It as a number.
    pub(super) fn u64<const N: usize>(self, datagram: &[u8; N]) -> u64 {
        u64::from_be_bytes(self.of(datagram))
    }
}
