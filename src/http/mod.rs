//! HTTP, as far as cameras need it: a request's head, what it asks for, and the bytes of an answer and of a stream's parts.
//!
//! Lives here: text and its meaning, both ways. May not live here: connections, frames, who may ask.
//!
//! | module | what |
//! |---|---|
//! | [`access`] | who may ask, by what a browser says |
//! | [`controls`] | what a camera's controls are to be set to |
//! | [`request`] | a request's head, and how far it can be trusted |
//! | [`route`] | what is asked for, by any of the names that programs use |
//! | [`answer`] | the head of an answer |
//! | [`multipart`] | the head of each part of a stream |
//! | [`thin`] | fewer frames for those who ask for fewer |
#![forbid(unsafe_code)]

pub mod access;
pub mod answer;
pub mod controls;
pub mod multipart;
pub mod request;
pub mod route;
pub mod thin;

/// What an answer begins with (RFC 9110, 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200
    Ok,
    /// 204
    NoContent,
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 413
    BodyTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 417
    ExpectationFailed,
    /// 422
    Unprocessable,
    /// 429
    TooManyRequests,
    /// 431
    HeadTooLarge,
    /// 501
    NotImplemented,
    /// 503
    Unavailable,
    /// 504
    GatewayTimeout,
    /// 505
    Version,
}

impl Status {
    /// Its number, and the words that stand beside it.
    pub fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::NoContent => "204 No Content",
            Status::BadRequest => "400 Bad Request",
            Status::Unauthorized => "401 Unauthorized",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::BodyTooLarge => "413 Content Too Large",
            Status::UnsupportedMediaType => "415 Unsupported Media Type",
            Status::ExpectationFailed => "417 Expectation Failed",
            Status::Unprocessable => "422 Unprocessable Content",
            Status::TooManyRequests => "429 Too Many Requests",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::NotImplemented => "501 Not Implemented",
            Status::Unavailable => "503 Service Unavailable",
            Status::GatewayTimeout => "504 Gateway Timeout",
            Status::Version => "505 HTTP Version Not Supported",
        }
    }
}
