//! RTSP 1.0, as far as live cameras need it (RFC 2326): requests, the ways by which a stream can go, its description, and in which
//! order things can be asked.
//!
//! Lives here: text and its meaning, both ways. May not live here: connections, packets (`rtp`), who may ask (`admission`).
//!
//! | module | what |
//! |---|---|
//! | [`request`] | a request's head, and what else comes over the connection |
//! | [`target`] | what is asked for, by any of the names that programs use |
//! | [`transport`] | the way by which packets are to go |
//! | [`session`] | what can be asked when |
//! | [`sdp`] | the stream's description |
//! | [`answer`] | an answer |
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod answer;
pub mod request;
pub mod sdp;
pub mod session;
pub mod target;
pub mod transport;

/// What an answer begins with (RFC 2326, 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 413
    BodyTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 431, of RTSP 2.0 and HTTP
    HeadTooLarge,
    /// 429, of HTTP
    TooManyRequests,
    /// 451
    NotUnderstood,
    /// 453
    NotEnoughBandwidth,
    /// 454
    SessionNotFound,
    /// 455
    NotInThisState,
    /// 461
    UnsupportedTransport,
    /// 500
    Internal,
    /// 501
    NotImplemented,
    /// 503
    Unavailable,
    /// 505
    Version,
    /// 551
    UnsupportedOption,
}

impl Status {
    /// Its number, and the words that stand beside it.
    pub fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::Unauthorized => "401 Unauthorized",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::BodyTooLarge => "413 Request Entity Too Large",
            Status::UnsupportedMediaType => "415 Unsupported Media Type",
            Status::TooManyRequests => "429 Too Many Requests",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::NotUnderstood => "451 Parameter Not Understood",
            Status::NotEnoughBandwidth => "453 Not Enough Bandwidth",
            Status::SessionNotFound => "454 Session Not Found",
            Status::NotInThisState => "455 Method Not Valid in This State",
            Status::UnsupportedTransport => "461 Unsupported Transport",
            Status::Internal => "500 Internal Server Error",
            Status::NotImplemented => "501 Not Implemented",
            Status::Unavailable => "503 Service Unavailable",
            Status::Version => "505 RTSP Version Not Supported",
            Status::UnsupportedOption => "551 Option not supported",
        }
    }
}
