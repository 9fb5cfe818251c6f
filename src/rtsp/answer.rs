//! An answer: its status, the request's number, and what is said beside.

use super::Status;
use std::fmt::{self, Display, Write};

/// What may be asked.
pub const PUBLIC: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// An answer that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(String);

impl Answer {
    /// To the request of this number, if it had one that could be read.
    pub fn new(status: Status, cseq: Option<u32>) -> Self {
        let mut text = String::with_capacity(512);
        // a string takes all, here and below
        let _ = write!(text, "RTSP/1.0 {}\r\n", status.line());
        let answer = Answer(text);
        let answer = match cseq {
            Some(cseq) => answer.with("CSeq", cseq),
            None => answer,
        };
        answer.with("Server", concat!("camcast/", env!("CARGO_PKG_VERSION")))
    }

    /// With this field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        let _ = write!(Line(&mut self.0), "{name}: {value}");
        self.0.push_str("\r\n");
        self
    }

    /// As it is sent, without a body.
    pub fn text(mut self) -> String {
        self.0.push_str("\r\n");
        self.0
    }

    /// As it is sent, with this body.
    pub fn with_body(self, kind: &str, body: &str) -> String {
        let mut text = self.with("Content-Type", kind).with("Content-Length", body.len()).text();
        text.push_str(body);
        text
    }
}

/// Leaves out what would end a line: a client's own words come back in answers.
struct Line<'a>(&'a mut String);

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.split(char::is_control).for_each(|part| self.0.push_str(part));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_it_answers() {
        let server = concat!("Server: camcast/", env!("CARGO_PKG_VERSION"), "\r\n");
        let text = Answer::new(Status::Ok, Some(3)).with("Public", PUBLIC).text();
        assert_eq!(text, format!("RTSP/1.0 200 OK\r\nCSeq: 3\r\n{server}Public: {PUBLIC}\r\n\r\n"));
        let text = Answer::new(Status::BadRequest, None).with_body("text/plain", "why\n");
        let length = "Content-Type: text/plain\r\nContent-Length: 4\r\n";
        assert_eq!(text, format!("RTSP/1.0 400 Bad Request\r\n{server}{length}\r\nwhy\n"));
    }

    #[test]
    fn nobody_writes_a_line_of_it_himself() {
        let text = Answer::new(Status::Ok, None).with("Content-Base", "a\r\nEvil: 1\u{0}").text();
        assert!(text.ends_with("Content-Base: aEvil: 1\r\n\r\n"), "{text}");
    }
}
