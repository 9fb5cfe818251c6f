//! The programs as their users meet them: real processes, real sockets, real files. One crate, so that what the tests share is
//! compiled once.
//!
//! | folder | what | look here for |
//! |---|---|---|
//! | `cast/` | camcast | files and pipes as sources (`sources`), a camera that is not there yet, comes back, is slow, or sends odd frames; clients beside each other, crowds (`crowd`), strangers at full strength (`siege`), HTTP and RTSP, the no-signal picture, the client log, `--dscp`, passwords |
//! | `rec/` | camrec | a recording from start to end (`recording`), frames unchanged (`byte_for_byte`), the account, the status line, `--on-segment`, `check`, `export`, a clock that is set, servers that lie (`hostile_server`) |
//! | `files/` | recordings on the disk | Matroska, AVI and stills as other programs read them, names, `--keep`, disks that stall or fail, kills, deleted files, limits of the system, two recorders on one folder |
//! | `protocol/` | the wire | the examples of docs/PROTOCOL.md, native and plain clients made of bytes, the original server |
//! | `network/` | the path | loss, delay and outages in front of the real programs; either side gone and back; two paths at once; cameras found without an address, Avahi beside them; what is forged, or recorded and said again |
//! | `both/` | both programs | errors, exit codes and help, names that are no text, output that nobody reads, sealed mode, signed frames, options in files, what systemd hears, --doctor, manual pages and completions |
//! | `../support/` | what the tests share | its `mod.rs` has a table |
//!
//! Beside this crate: `netsim/` (the same on a virtual clock), `fuzz/` (what fuzz targets hold, and their corpora replayed),
//! `layering.rs` (who may import whom), `steady_state.rs`, `picture_alloc.rs` and `day_at_speed.rs` (they look at the memory of
//! their own process, so each is alone in it), `vm/` (real drivers), `scripts/`.
//!
//! - All: `make test`, or `tests/scripts/run.sh`, which sums up and names what this machine cannot test.
//! - One test: `cargo test --test it a_disk_that_stands_still`; a file: `cargo test --test it files::disk`; a folder:
//!   `cargo test --test it network::`.
//! - What comes from outside, as odd as can be: `cargo test --test fuzz` replays `fuzz/corpus` and some thousand mutations of it;
//!   `make fuzz SECONDS=600 TARGET=rtsp` looks for more. `../fuzz/properties/mod.rs` says what holds, and how to add a target.
//! - The long ones, with figures: `make test-long`. Those are the ignored tests of `network/` (a minute each; wants an
//!   idle machine) and `files/matroska.rs` (5 GB of disk), and `day_at_speed.rs` and the kills in `files/disk.rs`, for which
//!   `HOURS=24` and `KILLS=200` ask for more. `LONG_RUN=300` is the seconds of a long run in `bad_network`.
//! - What hostile ones can do, for ten minutes and for half a minute each, with figures (`SECONDS` for more or less):
//!   `cargo test --release --test it hostile_server -- --ignored`, and `--test it siege -- --ignored --test-threads=1 --nocapture`.
//! - Ignored as well, as they measure: `the_check_costs` in `cast/odd_frames.rs`, `what_many_viewers_cost` in
//!   `cast/http_crowd.rs`, `from_capture_to_paint` in `cast/paint.rs`.
//! - Written by the tests themselves when told to: `UPDATE_GOLDEN=1 cargo test --test it help_is_as_agreed` (`golden/`),
//!   `UPDATE_GOLDEN=1 cargo test --test it -- both::manual both::completions` (`man/`, `completions/`),
//!   `UPDATE_FIXTURES=1 cargo test --test it odd_frames` (`fixtures/jpeg`).
//!
//! What reads HTTP and RTSP needs more than the rest: `tests/scripts/deps.sh web players` installs Chromium, promtool and others, and
//! mpv, OpenCV and GStreamer; without them those tests are left out, and said to be.
//!
//! Eight tests run at once, since most only wait. One that keeps a processor busy, or needs it in time, takes a
//! `support::heavy_turn()`. Where counts are asserted the source is a file, of which camcast skips nothing.
#![allow(unreachable_pub, reason = "a test has no outside")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "figures, and what was left out")]

#[path = "../support/mod.rs"]
mod support;

/// camcast: its cameras and sources, its clients, its log.
mod cast {
    mod camera_comes_back;
    mod client_log;
    mod crowd;
    mod dscp;
    mod few_descriptors;
    mod five_clients;
    mod handed;
    mod http;
    mod http_crowd;
    mod http_readers;
    mod http_scale;
    mod limits;
    mod no_camera_yet;
    mod no_signal;
    mod odd_frames;
    mod page;
    mod paint;
    mod passwords;
    mod prometheus;
    mod rtsp;
    mod rtsp_crowd;
    mod rtsp_lossy;
    mod rtsp_multicast;
    mod rtsp_readers;
    mod siege;
    mod slow_cameras;
    mod sources;
}

/// camrec: what it records and what it says of it.
mod rec {
    mod account;
    mod byte_for_byte;
    mod check;
    mod export;
    mod hostile_server;
    mod hostile_stamps;
    mod on_segment;
    mod recording;
    mod status_line;
    mod wall_clock;
}

/// Recordings on the disk: formats, names, limits, disks and folders that fail.
mod files {
    mod avi;
    mod deleted;
    mod disk;
    mod keep;
    mod matroska;
    mod names_and_folders;
    mod shared_folder;
    mod stills;
    mod system_limits;
    mod trespass;
}

/// The bytes on the wire, by clients and servers that share no code with ours.
mod protocol {
    mod examples;
    mod native;
    mod original_server;
    mod plain;
}

/// Loss, delay, and ends that go away.
mod network {
    mod bad_network;
    mod find;
    mod forged;
    mod leave_and_return;
    mod replayed;
    mod two_ways;
}

/// What holds for both programs: errors and help, odd names, output that nobody reads, sealed mode, signed frames.
mod both {
    mod completions;
    mod config_file;
    mod doctor;
    mod errors;
    mod manual;
    mod odd_names;
    mod option_tables;
    mod reload;
    mod scaling;
    mod sealed;
    mod service;
    mod signed;
    mod spill;
    mod spill_disks;
    mod stalled_output;
    mod troubleshooting;
}
