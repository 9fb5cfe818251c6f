//! camcast's hub and camrec's receiver over a bad network, on a virtual clock.
//!
//! | file | what |
//! |---|---|
//! | `netem` | the bad network |
//! | `pair` | the bench: two endpoints, one clock |
//! | `shows` | what the repair has to show, a test each |
//! | `tables` | the tables of docs/NETSIM.md: `UPDATE_GOLDEN=1 cargo test --test netsim tables` writes them anew |
//! | `seeds` | thousands of short random scenes: `SEED=17 cargo test --test netsim seeds` runs one, and tells all |
#![allow(unreachable_pub)] // a test has no outside
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod netem;
mod pair;
mod seeds;
mod shows;
mod tables;
