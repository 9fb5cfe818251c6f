//! camcast

pub mod app;
pub mod capture;
pub mod cast;
pub mod jpeg;
pub mod picture;
pub mod receive;
pub mod record;
pub mod reel;
pub mod store;
pub mod sys;
pub mod time;
pub mod wire;
