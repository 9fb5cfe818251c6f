//! What a source's errors mean: the reason in a word, and how the program ends if it ends for that.

use crate::app::exit::{Exit, ExitError};
use crate::capture::{CaptureError, OpenError};
use crate::supervisor::LostReason;

/// A source that cannot be opened, with its exit code.
pub fn open_failure(error: &OpenError) -> ExitError {
    let exit = match error {
        OpenError::Missing { .. }
        | OpenError::Twin { .. }
        | OpenError::Stranger { .. }
        | OpenError::NotACamera { .. }
        | OpenError::Unreadable { .. } => Exit::NoSource,
        OpenError::NoFrames { .. } | OpenError::NoMjpeg { .. } => Exit::NoMjpeg,
        OpenError::Busy { .. } => Exit::Busy,
        OpenError::Forbidden { .. } | OpenError::Sandboxed { .. } => Exit::NotPermitted,
        OpenError::Invalid { .. } => Exit::Usage,
        OpenError::NoSignal { .. } | OpenError::UsbBandwidth { .. } | OpenError::System { .. } => {
            Exit::System
        }
    };
    ExitError::new(exit, error.to_string())
}

/// What keeps a camera from being opened, in a word.
pub fn reason_of_error(error: &OpenError) -> LostReason {
    match error {
        OpenError::Missing { .. } => LostReason::Missing,
        OpenError::Twin { .. } | OpenError::Stranger { .. } => LostReason::Another,
        OpenError::Busy { .. } => LostReason::Busy,
        OpenError::Forbidden { .. } => LostReason::Forbidden,
        OpenError::Sandboxed { .. } => LostReason::Sandboxed,
        OpenError::NoSignal { .. } => LostReason::NoWriter,
        OpenError::UsbBandwidth { .. } => LostReason::NoBandwidth,
        OpenError::System { .. } => LostReason::Broken,
        OpenError::NotACamera { .. }
        | OpenError::NoMjpeg { .. }
        | OpenError::Unreadable { .. }
        | OpenError::NoFrames { .. }
        | OpenError::Invalid { .. } => LostReason::Unfit,
    }
}

/// What ended a source, in a word.
pub fn reason_of_fault(fault: &CaptureError) -> LostReason {
    match fault {
        CaptureError::Gone { .. } => LostReason::Unplugged,
        _ => LostReason::Broken,
    }
}

/// How the program ends if this ends it; `None` for the end of a stream that gave good frames.
pub fn failure_of_fault(fault: &CaptureError, good: u64) -> Option<ExitError> {
    let exit = match fault {
        CaptureError::Ended { .. } if good > 0 => return None,
        CaptureError::Ended { frames: 1.., .. } => {
            let why = "none of which can be sent: it is no MJPEG, damaged, or too large (the line above says which)";
            return Some(ExitError::new(Exit::NoMjpeg, format!("{fault}, {why}")));
        }
        CaptureError::Gone { .. } | CaptureError::Unreadable { .. } | CaptureError::Ended { .. } => {
            Exit::NoSource
        }
        CaptureError::NotMjpeg { .. } => Exit::NoMjpeg,
        CaptureError::Broken { .. } | CaptureError::Erring { .. } | CaptureError::Undrawable { .. } => {
            Exit::System
        }
    };
    Some(ExitError::new(exit, fault.to_string()))
}
