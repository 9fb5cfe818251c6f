//! camrec: records a camcast stream. The library's documentation is the map.

use camcast::app;
use std::process::ExitCode;

fn main() -> ExitCode {
    app::camrec()
}
