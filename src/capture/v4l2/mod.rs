//! Cameras of the kernel's Video4Linux: opening and agreeing (`device`, `negotiate`, `sizes`, `controls`, `settings`), streaming
//! (`ring`), and looking for those that are there (`list`, `listing`). Every system call is a method of `node`.
//!
//! The `v4l` crate opens the device and brings the kernel's structures and request numbers. Its stream, its
//! formats and its capabilities are not used: they panic on what a camera may say.

mod controls;
mod device;
mod list;
mod listing;
mod negotiate;
mod node;
mod ring;
mod settings;
mod sizes;

pub use device::Camera;
pub use list::{Found, cameras, listings, stable_link};
pub use listing::Listing;
pub(super) use node::Failed;
pub use ring::Buffer;
pub use settings::{Note, Recheck};
