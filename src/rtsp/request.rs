//! What comes over a connection: requests, packets between them (RFC 2326, 10.12), and now and then an answer to nothing.

use super::Status;

/// The longest head, in bytes. Clients send 100 to 600.
pub const MAX_HEAD: usize = 4096;

/// The longest body, in bytes: parameters, of which none is known here.
pub const MAX_BODY: usize = 4096;

/// The longest packet between requests: a client's reports have about a hundred bytes.
pub const MAX_PACKET: usize = 2048;

/// The most header fields.
const MAX_FIELDS: usize = 32;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Say what may be asked.
    Options,
    /// Say what the stream is.
    Describe,
    /// Prepare the way for packets.
    Setup,
    /// Send them.
    Play,
    /// Send none for now.
    Pause,
    /// It is over.
    Teardown,
    /// Say what a parameter is; without one, it only shows life.
    GetParameter,
    /// Set one; the same.
    SetParameter,
    /// Known to RFC 2326, and nothing that a camera does: to record, to be announced to.
    Other,
}

/// A request, whose text lies in the connection's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is to be done.
    pub method: Method,
    /// The same as it was typed, for a password's proof.
    pub method_text: &'a str,
    /// To what, as typed.
    pub target: &'a str,
    /// The request's number.
    pub cseq: u32,
    /// The session that it is about, without what may follow its name.
    pub session: Option<&'a str>,
    /// The ways that suit the client, by its preference.
    pub transport: Option<&'a str>,
    /// Who asks, and how that can be believed.
    pub authorization: Option<&'a str>,
    /// What the client cannot do without.
    pub require: Option<&'a str>,
    /// The program that asks.
    pub user_agent: &'a str,
    /// Bytes that follow the head, and belong to it.
    pub body: usize,
}

/// What the bytes that have come are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// More is to come.
    Partial,
    /// A packet of this channel, which these are the bytes of; it takes four more.
    Packet(u8, &'a [u8]),
    /// A request, and how many bytes its head takes.
    Request(Request<'a>, usize),
    /// So many bytes that are nobody's: empty lines, or an answer.
    Nothing(usize),
    /// A request that cannot be read. Its number is known if it could be; the connection is to be closed.
    Refused(Status, &'static str, Option<u32>),
}

/// Reads what stands at the beginning of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    match bytes {
        [] => Parsed::Partial,
        [b'$', rest @ ..] => packet(rest),
        [b'\r' | b'\n', ..] => {
            let lines = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            Parsed::Nothing(lines.count())
        }
        _ => head(bytes),
    }
}

fn packet(rest: &[u8]) -> Parsed<'_> {
    let Some((&[channel, high, low], rest)) = rest.split_first_chunk() else { return Parsed::Partial };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_PACKET {
        return Parsed::Refused(Status::BodyTooLarge, "a packet that long is no report", None);
    }
    rest.get(..length).map_or(Parsed::Partial, |packet| Parsed::Packet(channel, packet))
}

fn head(bytes: &[u8]) -> Parsed<'_> {
    let cut = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    let refused = |status, why| Parsed::Refused(status, why, None);
    let is_whole = || {
        if bytes.len() < MAX_HEAD {
            return Parsed::Partial;
        }
        refused(Status::HeadTooLarge, "the request's head is too long")
    };
    let Some(end) = cut.iter().position(|byte| *byte == b'\n') else { return is_whole() };
    let (line, rest) = cut.split_at(end.saturating_add(1));
    let Ok(line) = std::str::from_utf8(line) else {
        return refused(Status::BadRequest, "this is no RTSP request");
    };
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let (length, fields) = match httparse::parse_headers(rest, &mut fields) {
        Ok(httparse::Status::Complete((length, fields))) => (line.len().saturating_add(length), fields),
        Ok(httparse::Status::Partial) => return is_whole(),
        Err(httparse::Error::TooManyHeaders) => {
            return refused(Status::HeadTooLarge, "the request has too many header fields");
        }
        Err(_) => return refused(Status::BadRequest, "this is no RTSP request"),
    };
    let fields = match Fields::of(fields) {
        Ok(fields) => fields,
        Err(why) => return refused(Status::BadRequest, why),
    };
    if line.starts_with("RTSP/") {
        // an answer to a request that nobody here has made
        return match fields.body() {
            Ok(body) if bytes.len().saturating_sub(length) < body => Parsed::Partial,
            Ok(body) => Parsed::Nothing(length.saturating_add(body)),
            Err((status, why)) => refused(status, why),
        };
    }
    match request(line.trim_end(), fields) {
        Ok(request) => Parsed::Request(request, length),
        Err((status, why)) => Parsed::Refused(status, why, fields.cseq),
    }
}

type Refusal = (Status, &'static str);

/// What header fields say.
#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    cseq: Option<u32>,
    length: Option<&'a str>,
    session: Option<&'a str>,
    transport: Option<&'a str>,
    authorization: Option<&'a str>,
    require: Option<&'a str>,
    user_agent: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn of(fields: &[httparse::Header<'a>]) -> Result<Self, &'static str> {
        let mut all = Fields::default();
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // what is not text says nothing to us
            let value = std::str::from_utf8(field.value).unwrap_or("").trim();
            if is("cseq") {
                if all.cseq.replace(number(value).ok_or("CSeq is no number")?).is_some() {
                    return Err("CSeq is said twice");
                }
            } else if is("content-length") {
                if all.length.replace(value).is_some() {
                    return Err("Content-Length is said twice");
                }
            } else if is("session") {
                all.session = value.split(';').next().map(str::trim_end);
            } else if is("transport") {
                all.transport = Some(value);
            } else if is("authorization") {
                all.authorization = Some(value);
            } else if is("require") || is("proxy-require") {
                all.require = Some(value);
            } else if is("user-agent") {
                all.user_agent = Some(value);
            }
        }
        Ok(all)
    }

    fn body(&self) -> Result<usize, Refusal> {
        let Some(length) = self.length else { return Ok(0) };
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Err((Status::BadRequest, "Content-Length is no number"));
        }
        let length = length.parse().ok().filter(|length| *length <= MAX_BODY);
        length.ok_or((Status::BodyTooLarge, "the request's body is too long"))
    }
}

fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn request<'a>(line: &'a str, fields: Fields<'a>) -> Result<Request<'a>, Refusal> {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let (Some(method_text), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err((Status::BadRequest, "this is no RTSP request"));
    };
    if version.starts_with("HTTP/") {
        return Err((Status::Version, "RTSP is spoken here; HTTP is where --http says"));
    }
    if version != "RTSP/1.0" {
        return Err((Status::Version, "RTSP/1.0 is spoken here"));
    }
    let method = match method_text {
        "OPTIONS" => Method::Options,
        "DESCRIBE" => Method::Describe,
        "SETUP" => Method::Setup,
        "PLAY" => Method::Play,
        "PAUSE" => Method::Pause,
        "TEARDOWN" => Method::Teardown,
        "GET_PARAMETER" => Method::GetParameter,
        "SET_PARAMETER" => Method::SetParameter,
        _ => Method::Other,
    };
    let body = fields.body()?;
    Ok(Request {
        method,
        method_text,
        target,
        cseq: fields.cseq.ok_or((Status::BadRequest, "CSeq is missing"))?,
        session: fields.session,
        transport: fields.transport,
        authorization: fields.authorization,
        require: fields.require,
        user_agent: fields.user_agent.unwrap_or(""),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETUP: &str = "SETUP rtsp://10.0.0.1:8554/stream/track1 RTSP/1.0\r\nCSeq: 3\r\n\
        Transport: RTP/AVP/UDP;unicast;client_port=25470-25471\r\nUser-Agent: Lavf59.27.100\r\n\r\n";

    fn request(text: &str) -> Request<'_> {
        match parse(text.as_bytes()) {
            Parsed::Request(request, length) => {
                assert_eq!(length, text.len());
                request
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(text: &str) -> (Status, Option<u32>) {
        match parse(text.as_bytes()) {
            Parsed::Refused(status, _, cseq) => (status, cseq),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_clients_send() {
        let setup = request(SETUP);
        assert_eq!((setup.method, setup.cseq, setup.body), (Method::Setup, 3, 0));
        assert_eq!(setup.target, "rtsp://10.0.0.1:8554/stream/track1");
        assert_eq!(setup.transport, Some("RTP/AVP/UDP;unicast;client_port=25470-25471"));
        assert_eq!((setup.user_agent, setup.session), ("Lavf59.27.100", None));
        let text =
            "GET_PARAMETER * RTSP/1.0\r\nsession: 12ab;timeout=60\r\ncseq:0\r\nContent-Length: 5\r\n\r\n";
        let life = request(text);
        assert_eq!((life.method, life.cseq, life.body), (Method::GetParameter, 0, 5));
        assert_eq!((life.session, life.target), (Some("12ab"), "*"));
        assert_eq!(request("RECORD rtsp://a RTSP/1.0\nCSeq: 1\n\n").method, Method::Other);
    }

    #[test]
    fn what_comes_between_requests() {
        assert_eq!(parse(b"$\x01\x00\x03abcOPTIONS"), Parsed::Packet(1, b"abc"));
        assert_eq!(parse(b"$\x01\x00\x03ab"), Parsed::Partial);
        assert_eq!(parse(b"$\x01"), Parsed::Partial);
        assert_eq!(parse(b"$\x00\x00\x00"), Parsed::Packet(0, b""));
        assert_eq!(parse(b"\r\n\r\nOPTIONS"), Parsed::Nothing(4));
        let answer = "RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(format!("{answer}PLAY").as_bytes()), Parsed::Nothing(answer.len()));
        let before = &answer.as_bytes()[..answer.len() - 1];
        assert_eq!(parse(before), Parsed::Partial, "the rest of its body is no request");
        assert_eq!(refused("$\u{1}\u{7f}\u{7f}").0, Status::BodyTooLarge);
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_number_if_it_has_one() {
        let with = |fields: &str| format!("PLAY rtsp://a/ RTSP/1.0\r\nCSeq: 7\r\n{fields}\r\n");
        let bad = Status::BadRequest;
        for (fields, status, number) in [
            ("CSeq: 7\r\n", bad, None),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", bad, None),
            ("Content-Length: +1\r\n", bad, Some(7)),
            ("Content-Length: \r\n", bad, Some(7)),
            ("Content-Length: 4097\r\n", Status::BodyTooLarge, Some(7)),
            ("Content-Length: 99999999999999999999\r\n", Status::BodyTooLarge, Some(7)),
            ("Range : npt=0-\r\n", bad, None),
        ] {
            assert_eq!(refused(&with(fields)), (status, number), "{fields}");
        }
        assert_eq!(refused("PLAY rtsp://a/ RTSP/1.0\r\n\r\n"), (bad, None));
        assert_eq!(refused("PLAY rtsp://a/ RTSP/1.0\r\nCSeq: -1\r\n\r\n"), (bad, None));
        assert_eq!(refused("PLAY rtsp://a/ RTSP/2.0\r\nCSeq: 2\r\n\r\n"), (Status::Version, Some(2)));
        assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\n\r\n").0, Status::Version);
        assert_eq!(refused("join 1 2 3\r\n\r\n").0, bad);
        assert_eq!(refused("PLAY a b RTSP/1.0\r\nCSeq: 1\r\n\r\n").0, bad);
    }

    #[test]
    fn a_head_without_end_is_refused_in_time() {
        let long = format!("PLAY rtsp://a/{} RTSP/1.0", "a".repeat(MAX_HEAD));
        assert_eq!(parse(&long.as_bytes()[..MAX_HEAD - 1]), Parsed::Partial);
        assert_eq!(refused(&long).0, Status::HeadTooLarge);
        let fields = "A: b\r\n".repeat(33);
        assert_eq!(refused(&format!("PLAY a RTSP/1.0\r\nCSeq: 1\r\n{fields}\r\n")).0, Status::HeadTooLarge);
        let fields = format!("A: {}\r\n", "b".repeat(MAX_HEAD));
        assert_eq!(refused(&format!("PLAY a RTSP/1.0\r\nCSeq: 1\r\n{fields}\r\n")).0, Status::HeadTooLarge);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes);
        }

        /// However the bytes come, the request is the same, and none before its last one.
        #[test]
        fn a_request_is_whole_with_its_last_byte(cut in 0..SETUP.len()) {
            prop_assert_eq!(parse(&SETUP.as_bytes()[..cut]), Parsed::Partial);
        }
    }
}
