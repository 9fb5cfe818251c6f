//! camcast streams a camera's MJPEG over UDP, and camrec records it. This library is both programs; this page is its map.
//!
//! # The walk of a frame
//!
//! ```text
//! camcast                                                                              one thread, one poll loop
//!
//!   camera --DQBUF--> capture ---> app::cast::source --> reel ----cursor----> sender -----> app::cast::udp ---> client
//!            (a mmap  (one header   (judge, stamp,       (the newest frames   (who gets      (a burst is a slice
//!            buffer)  walk: a whole store: the one       by number, laid out  which burst,   of the reel: one call
//!                     JPEG?)        copy)                as datagrams)        and when)      each, cut by GSO)
//!
//! camrec                                                       one poll loop                the writer's own thread
//!
//!   socket ----GRO---> receiver ------------> app::rec ------queue-----> app::rec::writer ----> record ------> store
//!            (several  (fragments become      (session, rejoin,          (plan: which file,     (the bytes     (files,
//!            datagrams frames; what is        what people are told)      which time, which      of a file)     fsync)
//!            a call)   missing is asked for)                             account)
//! ```
//!
//! # Rooms
//!
//! | room | kind | what lives there |
//! |---|---|---|
//! | [`time`] | pure | instants as plain numbers |
//! | [`clock`] | pure | whose clock says what: the camera's, ours, the wall's |
//! | [`jpeg`] | pure | what a JPEG is: the marker walk, the check of each frame, frames out of a byte stream |
//! | [`wire`] | pure | bytes and their meaning: join lines, datagrams |
//! | [`fec`] | pure | the erasure code: parity rows of a frame, and a frame out of what came of both |
//! | [`key_text`] | pure | keys as a line of text, in which a typo is told from a wrong key |
//! | [`seal`] | pure | sealed mode: the key, the join's handshake, datagrams that only who has it can read or make |
//! | [`sign`] | pure | signed frames: the camera's key, the statement in each frame, and what a row of them proves |
//! | [`reel`] | pure | the newest frames by number, laid out once as trains of datagrams; cursors over them |
//! | [`sender`] | pure | the sender's brain: who is here, what each client gets next, what is sent again (`sender/repair.rs`), timers |
//! | [`receiver`] | pure | the receiver's brain: when to join, frames out of the datagrams of one path or two, what is asked for again ([`receiver::requests`]) |
//! | [`admission`] | pure | who may come in: who knows a password (Basic, Digest), who guesses one, who goes when all places are taken |
//! | [`account`] | pure | what has become of every frame |
//! | [`http`] | pure | what is asked for by HTTP, and the bytes of an answer |
//! | [`rtp`] | pure | a frame as RTP packets (RFC 2435), and the reports beside them |
//! | [`rtsp`] | pure | RTSP: requests, transports, descriptions, what can be asked when |
//! | [`mdns`] | pure | how a camera is found without an address: questions and answers by multicast DNS |
//! | [`record`] | pure | containers, where files begin and end, their names |
//! | [`picture`] | pure | pictures that the program makes itself: the pattern, NO SIGNAL, raw frames compressed, frames shrunk for plain clients and for `?scale=` |
//! | [`shown`] | pure | names and words of others, as a terminal may be shown them |
//! | [`doctor`] | pure | what `--doctor` thinks of what it finds, and says of it |
//! | [`supervisor`] | pure | a camera's life: when it is opened, given up, tried again |
//! | [`capture`] | shell | sources: a V4L2 camera with its ring of mmap buffers, the pattern, files, standard input |
//! | [`sys`] | shell | every other system call as a safe function |
//! | [`store`] | shell | recording files and their sidecars |
//! | [`spill`] | shell | frames on a disk for recorders that are away: the folder, its thread |
//! | [`app`] | shell | the two programs: options ([`app::cast::options`], [`app::rec::options`]), the loops, what people are told; what happens when the disk is full ([`app::rec::writer`]) |
//!
//! PURE: no descriptor, no clock, no file, no `unsafe`; time comes in as an argument. SHELL: the rest. Arrows go one
//! way: `app` may use everything; `sender` and `receiver` use `wire`, `jpeg`, `fec` and `time`, and the sender the `reel`; nothing
//! pure uses a shell room; `sys` uses nothing of ours but `time`. `tests/layering.rs` checks it.
//!
//! # The loop's contract
//!
//! Both programs are one loop around pure machines, and drive each of them in the same way:
//!
//! 1. **sleep** in one `ppoll` until a descriptor answers, or until the earliest deadline;
//! 2. **read the clock** once for the turn;
//! 3. **hand in one input** (`handle_*`: a frame, a datagram, a join, a timeout);
//! 4. **drain the outputs** (`poll_*` until there is none), and only then hand in the next input;
//! 5. ask for the **next deadline** (`next_timeout`), and sleep again.
//!
//! Each loop over outside input has a budget a turn, so that no input starves another. What the machines want sent they
//! say as descriptors (which client, which frame, which fragments): the shell sends slices of the reel, and copies nothing.
//! camcast's ways out are [outlets](app::cast::outlet), which know the same few verbs and share one budget a turn.
//!
//! # Threads
//!
//! What may block has a thread of its own, with a queue to it and a bell back that the loop polls ([`sys::worker`]): in camcast
//! the camera's opener, which sees to its controls too, and what writes to the folder of `--spill`; in camrec the writer, name lookups, `--on-segment` commands and `--json`
//! events; in both whatever of the log goes to a file. So has what keeps the processor for milliseconds: frames made smaller for
//! HTTP (`?scale=`), or written anew for RTSP (`--rtsp-recode`), while somebody asks; and, once, the tables of the erasure code.
//!
//! # What a frame costs
//!
//! camcast: one DQBUF and one QBUF, one walk over the header and one search for the end, one copy into the reel; for each client
//! one `send` for each 45 datagrams, all at once where its path holds that, and with pauses where it does not. A wake-up is one `ppoll` and two `clock_gettime`. In sealed mode
//! each datagram is sealed once, whatever the number of clients; with `--sign` each frame is hashed and signed once, and the wall clock is read once a second. Nothing is allocated (`tests/steady_state.rs`). The protocol is specified in `docs/PROTOCOL.md`; why things are as they are stands in
//! `docs/DECISIONS.md`.

pub mod account;
pub mod admission;
pub mod app;
pub mod capture;
pub mod clock;
pub mod doctor;
pub mod fec;
pub mod http;
pub mod jpeg;
pub mod key_text;
pub mod mdns;
pub mod picture;
pub mod receiver;
pub mod record;
pub mod reel;
pub mod rtp;
pub mod rtsp;
pub mod seal;
pub mod sender;
pub mod shown;
pub mod sign;
pub mod spill;
pub mod store;
pub mod supervisor;
pub mod sys;
pub mod time;
pub mod wire;
