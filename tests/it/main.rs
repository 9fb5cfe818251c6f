//! The programs as their users meet them: real processes, real sockets, real files. One crate, so that `tests/support` is compiled
//! once.
#![allow(unreachable_pub, reason = "a test has no outside")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "figures, and what was left out")]

#[path = "../support/mod.rs"]
mod support;

/// camcast: its cameras and sources, its clients, its log.
mod cast {
    mod camera_comes_back;
    mod client_log;
    mod dscp;
    mod five_clients;
    mod no_camera_yet;
    mod no_signal;
    mod odd_frames;
    mod slow_cameras;
    mod sources;
}

/// camrec: what it records and what it says of it.
mod rec {
    mod account;
    mod byte_for_byte;
    mod check;
    mod export;
    mod on_segment;
    mod recording;
    mod status_line;
    mod wall_clock;
}

/// Recordings on the disk: formats, names, limits, disks and folders that fail.
mod files {
    mod avi;
    mod day_at_speed;
    mod deleted;
    mod disk;
    mod keep;
    mod matroska;
    mod names_and_folders;
    mod shared_folder;
    mod stills;
    mod system_limits;
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
    mod leave_and_return;
}

/// What holds for both programs: errors and help, odd names, output that nobody reads.
mod both {
    mod errors;
    mod odd_names;
    mod stalled_output;
}
