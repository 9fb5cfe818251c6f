//! camcast streams a camera's MJPEG over UDP, camrec records it; this library is both of them. This page is the map.
//!
//! ```text
//!  camera --DQBUF--> capture --check--> REEL --cursor--> session --bursts--> a UDP socket a client ----> camrec
//!  (mmap buffer,     (is it a whole     (the newest      (one a client:      (a slice of the reel,       (assembler,
//!   requeued at       JPEG? one copy     frames, in       newest or every     GSO: one syscall            segment,
//!   once)             into the reel)     RAM, by number)  frame, a window)    a 64 KiB)                   disk)
//! ```
//!
//! # Rooms
//!
//! | room | kind | what lives there |
//! |---|---|---|
//! | [`time`] | pure | instants as plain numbers |
//! | [`jpeg`] | pure | what a JPEG is: the marker walk, the check of each frame, frames out of a byte stream |
//! | [`wire`] | pure | bytes and their meaning: join lines, datagrams |
//! | [`reel`] | pure | the newest frames by number, laid out once as trains of datagrams |
//! | [`sender`] | pure | the sender's brain: who is here, what each client gets next, timers |
//! | [`receiver`] | pure | the receiver's brain: when to join, frames out of datagrams, what is asked for again ([`receiver::requests`]) |
//! | [`clock`] | pure | whose clock says what: the camera's, ours, the wall's |
//! | [`account`] | pure | what has become of every frame |
//! | [`record`] | pure | containers, where files begin and end, their names |
//! | [`picture`] | pure | pictures that the program makes itself: the pattern, NO SIGNAL, raw frames compressed, frames shrunk for plain clients |
//! | [`shown`] | pure | names and words of others, as a terminal may be shown them |
//! | [`supervisor`] | pure | a camera's life: when it is opened, given up, tried again; its stamps made sense of |
//! | [`capture`] | shell | sources: a V4L2 camera with its ring of mmap buffers, the pattern, files, standard input |
//! | [`sys`] | shell | every other system call as a safe function |
//! | [`store`] | shell | recording files and their sidecars |
//! | [`app`] | shell | the two programs: options, the loops, what people are told |
//!
//! PURE: no descriptor, no clock, no file, no `unsafe`; time comes in as an argument. SHELL: the rest. Arrows go one
//! way: `app` may use everything; `sender` and `receiver` use `wire`, `jpeg` and `time`, and the sender the `reel`; nothing
//! pure uses a shell room; `sys` uses nothing of ours but `time`. `tests/layering.rs` checks it.
//!
//! # The loop's contract
//!
//! Both programs are one loop around a pure machine, and drive it in the same way:
//!
//! 1. **sleep** in one `ppoll` until somebody has something to say, or until the earliest deadline;
//! 2. **read the clock** once;
//! 3. **hand in one input** (`handle_*`: a frame, a datagram, a join, a timeout);
//! 4. **drain the outputs** (`poll_*` until there is none), and only then hand in the next input;
//! 5. ask for the **next deadline** (`next_timeout`), and sleep again.
//!
//! Each loop over outside input has a budget a turn, so nobody starves the others. What the machines want sent they say
//! as descriptors (which client, which frame, which fragments): the shell sends slices of the reel, and copies nothing.
//!
//! # What a frame costs
//!
//! camcast: one DQBUF and one QBUF, one pass that looks for its end, one copy into the reel, one `send` a client for each
//! 64 KiB, one `ppoll` and one `clock_gettime` a wake-up, and no allocation (`tests/steady_state.rs`). The protocol is specified in
//! `docs/PROTOCOL.md`; why things are as they are stands in `docs/DECISIONS.md`.

pub mod account;
pub mod app;
pub mod capture;
pub mod clock;
pub mod jpeg;
pub mod picture;
pub mod receiver;
pub mod record;
pub mod reel;
pub mod sender;
pub mod shown;
pub mod store;
pub mod supervisor;
pub mod sys;
pub mod time;
pub mod wire;
