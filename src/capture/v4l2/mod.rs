//! Cameras of the kernel's Video4Linux: opening and agreeing (`device`, `negotiate`), streaming (`ring`), and looking
//! for those that are there (`list`). Every system call is a method of `node`.
//!
//! The `v4l` crate opens the device and brings the kernel's structures and request numbers. Its stream, its
//! formats and its capabilities are not used: they panic on what a camera may say.

mod device;
mod list;
mod negotiate;
mod node;
mod ring;

pub use device::Camera;
pub use list::{Found, cameras, stable_link};
pub(super) use node::Failed;
pub use ring::Buffer;
