//! Pixel formats, as the kernel names them.

use crate::picture::Layout;
use std::fmt;

/// A pixel format's four characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FourCc(pub(super) [u8; 4]);

impl FourCc {
    /// Motion JPEG.
    pub(super) const MJPG: FourCc = FourCc(*b"MJPG");
    /// The same by another name: some drivers call it so.
    pub(super) const JPEG: FourCc = FourCc(*b"JPEG");
    /// Packed 4:2:2.
    pub(super) const YUYV: FourCc = FourCc(*b"YUYV");
    /// 4:2:0 in two planes.
    pub(super) const NV12: FourCc = FourCc(*b"NV12");
    /// 4:2:0 in three planes.
    pub(super) const YU12: FourCc = FourCc(*b"YU12");

    pub(super) fn from_u32(code: u32) -> Self {
        FourCc(code.to_le_bytes())
    }

    pub(super) fn to_u32(self) -> u32 {
        u32::from_le_bytes(self.0)
    }

    /// How its pixels lie; `None` if it has none that camcast compresses.
    pub(super) fn layout(self) -> Option<Layout> {
        match self {
            FourCc::YUYV => Some(Layout::Yuyv),
            FourCc::NV12 => Some(Layout::Nv12),
            FourCc::YU12 => Some(Layout::Yu12),
            _ => None,
        }
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, last] = self.0;
        // the highest bit says that samples are big-endian
        let (last, order) = if last & 0x80 == 0 { (last, "") } else { (last & 0x7f, "-BE") };
        let code = [a, b, c, last];
        write!(f, "{}{order}", code.trim_ascii_end().escape_ascii())
    }
}
