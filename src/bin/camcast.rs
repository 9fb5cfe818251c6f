//! camcast: streams a camera's MJPEG over UDP. The library's documentation is the map.

use camcast::app;
use std::process::ExitCode;

fn main() -> ExitCode {
    app::camcast()
}
