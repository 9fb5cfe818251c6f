//! camcast's hub and camrec's receiver over a bad network, on a virtual clock.
//!
//! | file | what |
//! |---|---|
//! | `support/netem` | the bad network; `tests/bad_network.rs` has it in front of the real programs |
//! | `faults` | whether that is as bad as it was asked to be |
//! | `scene` | what is simulated: camera, receivers, paths |
//! | `guest` | a receiver at its end of the path, which joins and joins again as camrec does: `receiver::rejoin` tells it when |
//! | `pair` | the bench: two endpoints, one clock |
//! | `account` | what came of it |
//! | `parity` | viewers that get parity rows for what they miss |
//! | `away` | a camera that goes away and comes back |
//! | `clock` | an hour of a camera whose clock drifts: where its frames end up on the wall clock |
//! | `shows` | what the repair has to show, a test each |
//! | `tables` | the tables of docs/NETSIM.md: `UPDATE_GOLDEN=1 cargo test --test netsim tables` writes them again |
//! | `seeds` | thousands of short random scenes: `SEED=17 cargo test --test netsim seeds` runs one, and tells all |
#![allow(unreachable_pub)] // a test has no outside
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod account;
mod away;
mod clock;
mod faults;
mod guest;
#[path = "../support/netem.rs"]
mod netem;
mod pair;
mod parity;
mod scene;
mod seeds;
mod shows;
mod tables;
