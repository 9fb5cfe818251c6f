//! Cameras of the kernel's Video4Linux: opening and agreeing (`device`, `negotiate`, `sizes`, `controls`, `settings`), streaming
//! (`ring` of what `buffers` says of a driver, `changes`), looking for those that are there (`list`, `listing`, `usb`), and for the one that was there before (`trace`).
//! Every system call on a camera is a method of `node`, or of what `buffers` has it do.
//!
//! Lives here: everything that only a camera of the kernel has. May not live here: other sources, and when a camera is opened again
//! (`supervisor`).
//!
//! The `v4l` crate opens the device and brings the kernel's structures and request numbers. Its stream, its
//! formats and its capabilities are not used: they panic on what a camera may say.

mod buffers;
mod changes;
mod controls;
mod device;
mod fourcc;
mod list;
mod listing;
mod negotiate;
mod node;
mod ring;
mod settings;
mod sizes;
mod trace;
mod usb;

pub use changes::{Change, ControlState, Controls, Order, Outcome};
pub use controls::is_same as is_same_control;
pub use device::Camera;
pub use list::{cameras, listings};
pub use listing::{Found, Listing, Shared};
pub(super) use node::CallError;
pub use ring::Buffer;
pub use settings::{Note, Recheck};
pub use trace::Trace;
pub use usb::{Port, port};
