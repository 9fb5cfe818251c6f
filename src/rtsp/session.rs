//! What can be asked when (RFC 2326, appendix A). A connection has one session; another connection's is not found from here.

use super::Status;
use super::request::{Method, Request};
use super::target::{Target, Wish};

/// How long a session lasts without a sign of life, in seconds, as it is said; it is kept half as long again.
pub const TIMEOUT: u32 = 60;

/// How far a session has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// There is none.
    #[default]
    Init,
    /// The way is prepared.
    Ready,
    /// Packets go.
    Playing,
}

/// What a request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Say what may be asked.
    Options,
    /// Describe the stream.
    Describe(Wish),
    /// Prepare a way, in place of the one that there may be.
    Setup(Wish),
    /// Send packets.
    Play,
    /// Send none.
    Pause,
    /// End the session.
    Teardown,
    /// Nothing: it only shows life.
    Nothing,
    /// Nothing but this.
    Refuse(Status, &'static str),
}

/// The name of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub u64);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Name {
    fn is(self, typed: &str) -> bool {
        let is_hex = typed.len() == 16 && typed.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex && u64::from_str_radix(typed, 16) == Ok(self.0)
    }
}

/// What this request comes to on a connection whose session, if there is one, has this name and has come so far.
pub fn act(request: &Request<'_>, name: Name, state: State) -> Act {
    if let Some(typed) = request.session {
        if state == State::Init || !name.is(typed) {
            return Act::Refuse(Status::SessionNotFound, "this connection has no such session");
        }
    }
    if request.require.is_some() {
        return Act::Refuse(Status::UnsupportedOption, "nothing beyond RTSP 1.0 is known here");
    }
    let wish = match Target::of(request.target) {
        Some(Target::Stream(wish)) => Some(wish),
        Some(Target::Server) => None,
        None => return Act::Refuse(Status::NotFound, "there is nothing of that name here: it is /stream"),
    };
    match (request.method, wish, state) {
        (Method::Options, ..) => Act::Options,
        (Method::GetParameter | Method::SetParameter, ..) if request.body > 0 => {
            Act::Refuse(Status::NotUnderstood, "no parameter is known here")
        }
        (Method::GetParameter | Method::SetParameter, ..) => Act::Nothing,
        (Method::Other, ..) => Act::Refuse(Status::NotImplemented, "a camera does not do that"),
        (_, None, _) => Act::Refuse(Status::NotFound, "that is not asked of a server, but of a stream"),
        (Method::Describe, Some(wish), _) => Act::Describe(wish),
        (Method::Setup, Some(_), State::Playing) => {
            Act::Refuse(Status::NotInThisState, "the stream is played: pause it before")
        }
        (Method::Setup, Some(wish), _) => Act::Setup(wish),
        (_, _, State::Init) => Act::Refuse(Status::NotInThisState, "no session is set up"),
        (Method::Play, ..) => Act::Play,
        (Method::Pause, ..) => Act::Pause,
        (Method::Teardown, ..) => Act::Teardown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{Parsed, parse};
    use super::*;
    use State::{Init, Playing, Ready};

    const NAME: Name = Name(0xab);

    fn act_on(line: &str, fields: &str, state: State) -> Act {
        let text = format!("{line} RTSP/1.0\r\nCSeq: 1\r\n{fields}\r\n");
        match parse(text.as_bytes()) {
            Parsed::Request(request, _) => act(&request, NAME, state),
            other => panic!("{other:?}"),
        }
    }

    fn status(line: &str, fields: &str, state: State) -> Option<Status> {
        match act_on(line, fields, state) {
            Act::Refuse(status, _) => Some(status),
            _ => None,
        }
    }

    #[test]
    fn what_comes_in_the_right_order_is_done() {
        let wish = Wish::default();
        for (line, state, done) in [
            ("OPTIONS *", Init, Act::Options),
            ("OPTIONS rtsp://a/", Playing, Act::Options),
            ("DESCRIBE rtsp://a/stream", Init, Act::Describe(wish)),
            ("DESCRIBE rtsp://a/stream", Playing, Act::Describe(wish)),
            ("SETUP rtsp://a/stream/track1", Init, Act::Setup(wish)),
            ("SETUP rtsp://a/stream/track1", Ready, Act::Setup(wish)),
            ("PLAY rtsp://a/stream/", Ready, Act::Play),
            ("PLAY rtsp://a/stream/", Playing, Act::Play),
            ("PAUSE rtsp://a/stream/", Playing, Act::Pause),
            ("PAUSE rtsp://a/stream/", Ready, Act::Pause),
            ("TEARDOWN rtsp://a/stream/", Ready, Act::Teardown),
            ("TEARDOWN rtsp://a/stream/track1", Playing, Act::Teardown),
            ("GET_PARAMETER rtsp://a/stream/", Playing, Act::Nothing),
            ("GET_PARAMETER *", Init, Act::Nothing),
            ("SET_PARAMETER rtsp://a/", Playing, Act::Nothing),
        ] {
            assert_eq!(act_on(line, "", state), done, "{line} {state:?}");
        }
    }

    #[test]
    fn what_does_not_is_refused() {
        for (line, state, refused) in [
            ("PLAY rtsp://a/", Init, Status::NotInThisState),
            ("PAUSE rtsp://a/", Init, Status::NotInThisState),
            ("TEARDOWN rtsp://a/", Init, Status::NotInThisState),
            ("SETUP rtsp://a/track1", Playing, Status::NotInThisState),
            ("DESCRIBE *", Init, Status::NotFound),
            ("SETUP *", Init, Status::NotFound),
            ("PLAY *", Ready, Status::NotFound),
            ("DESCRIBE rtsp://a/other", Init, Status::NotFound),
            ("ANNOUNCE rtsp://a/", Init, Status::NotImplemented),
            ("RECORD rtsp://a/", Ready, Status::NotImplemented),
            ("describe rtsp://a/", Init, Status::NotImplemented),
        ] {
            assert_eq!(status(line, "", state), Some(refused), "{line} {state:?}");
        }
        assert_eq!(
            status("SETUP rtsp://a/", "Require: implicit-play\r\n", Init),
            Some(Status::UnsupportedOption)
        );
        let parameter = "Content-Length: 4\r\n";
        assert_eq!(status("GET_PARAMETER rtsp://a/", parameter, Ready), Some(Status::NotUnderstood));
    }

    #[test]
    fn a_session_belongs_to_its_connection() {
        let of = |typed: &str| format!("Session: {typed}\r\n");
        for method in ["PLAY", "TEARDOWN", "PAUSE", "GET_PARAMETER", "OPTIONS", "SETUP"] {
            let line = format!("{method} rtsp://a/stream");
            assert_eq!(status(&line, &of("00000000000000ab;timeout=60"), Ready), None, "{method}");
            for other in ["00000000000000ac", "ab", "+0000000000000ab", "", "00000000000000abc"] {
                assert_eq!(
                    status(&line, &of(other), Ready),
                    Some(Status::SessionNotFound),
                    "{method} {other}"
                );
            }
            assert_eq!(
                status(&line, &of("00000000000000ab"), Init),
                Some(Status::SessionNotFound),
                "{method}"
            );
        }
    }
}
