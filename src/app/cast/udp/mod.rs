//! The UDP outlet: the doors, connections that have not said yet what they want, clients and their sockets.

pub mod client;
pub mod listener;
pub mod pending;
pub mod shrunk;
