//! RTSP: requests and what comes between them, what can be asked when, and what is said in answer.

use super::assert_is_head;
use super::stream::{Step, cuts, read};
use camcast::rtsp::Status;
use camcast::rtsp::answer::Answer;
use camcast::rtsp::request::{MAX_BODY, MAX_HEAD, MAX_PACKET, Method, Parsed, Request, parse};
use camcast::rtsp::session::{Act, Name, State, act};
use camcast::rtsp::target::{TRACK, Target, base};
use camcast::rtsp::transport::{Agreed, Ours, Transport, Way};

/// The session that corpora speak of.
const NAME: Name = Name(0xab);

/// What comes over a connection.
pub fn check(bytes: &[u8]) -> bool {
    let mut state = State::Init;
    let (whole, left) = heard(&[bytes], |request| state = check_request(request, state));
    for pieces in cuts(bytes) {
        let cut = heard(&pieces, |_| {});
        assert_eq!(cut, (whole.clone(), left), "cut into {:?}", pieces.iter().map(|it| it.len()));
    }
    whole.iter().any(|it| !it.starts_with("refused"))
}

/// All that is heard, as `app::cast::rtsp` takes it off a connection; a refusal is the last. What is nobody's is left out.
fn heard(pieces: &[&[u8]], mut see: impl FnMut(&Request<'_>)) -> (Vec<String>, usize) {
    let (all, left) = read(pieces, MAX_HEAD + MAX_BODY, |incoming| match parse(incoming) {
        Parsed::Partial => Step::Waits,
        Parsed::Nothing(length) => Step::Took(length, String::new()),
        Parsed::Packet(channel, packet) => {
            assert!(packet.len() <= MAX_PACKET);
            Step::Took(packet.len() + 4, format!("{channel} {}", packet.escape_ascii()))
        }
        Parsed::Refused(status, why, cseq) => Step::Last(format!("refused {status:?} {why} {cseq:?}")),
        Parsed::Request(request, head) => {
            assert!(head <= MAX_HEAD && request.body <= MAX_BODY);
            if incoming.len() < head + request.body {
                return Step::Waits;
            }
            see(&request);
            Step::Took(head + request.body, format!("{request:?}"))
        }
    });
    (all.into_iter().filter(|it| !it.is_empty()).collect(), left)
}

/// What a request comes to, and how far the session has come then.
fn check_request(request: &Request<'_>, state: State) -> State {
    let said = [request.session, request.transport, request.authorization, request.require];
    assert!(
        said.into_iter().flatten().chain([request.user_agent]).all(|text| !text.contains(['\r', '\n', '\0']))
    );
    assert!(![request.method_text, request.target].iter().any(|word| word.contains(' ') || word.is_empty()));
    check_target(request.target);
    for other in [State::Init, State::Ready, State::Playing] {
        check_act(request, other);
    }
    check_answer(request);
    let way = request.transport.and_then(check_transport);
    match act(request, NAME, state) {
        Act::Setup(_) if way.is_some() => State::Ready,
        Act::Play => State::Playing,
        Act::Pause => State::Ready,
        Act::Teardown => State::Init,
        _ => state,
    }
}

/// Nothing is done without the stream's name, for another session, or before its time.
fn check_act(request: &Request<'_>, state: State) {
    let it = act(request, NAME, state);
    let does = !matches!(it, Act::Refuse(..));
    assert!(!does || Target::of(request.target).is_some() && request.require.is_none());
    let stranger = act(request, Name(NAME.0 ^ 1), state);
    assert!(
        request.session.is_none() || !does || matches!(stranger, Act::Refuse(Status::SessionNotFound, _))
    );
    match it {
        Act::Play | Act::Pause | Act::Teardown => assert_ne!(state, State::Init),
        Act::Setup(_) => assert_ne!(state, State::Playing),
        Act::Describe(_) => assert_eq!(request.method, Method::Describe),
        Act::Nothing => assert_eq!(request.body, 0),
        Act::Options | Act::Refuse(..) => {}
    }
}

/// The track that a description names is one of the stream that was described.
fn check_target(typed: &str) {
    if let Some(found @ Target::Stream(_)) = Target::of(typed) {
        let track = base(typed) + TRACK;
        assert_eq!(Target::of(&track), Some(found), "{typed} and {track}");
    }
}

/// A way that can be gone, and that is the same when an answer's header is read.
fn check_transport(header: &str) -> Option<Transport> {
    for is_multicast in [false, true] {
        let Some(found) = Transport::choose(header, is_multicast) else { continue };
        let ours = match found.way {
            Way::Udp { rtp, rtcp } => {
                assert!(rtp >= 1024 && rtcp >= 1024 && rtp != rtcp, "{header}");
                Ours::Udp(6000, 6001, 7)
            }
            Way::Interleaved { rtp, rtcp } => {
                assert_ne!(rtp, rtcp, "{header}");
                Ours::Interleaved(7)
            }
            Way::Multicast => Ours::Multicast("239.1.2.3:5004".parse().unwrap(), 1),
        };
        assert_eq!(found.way == Way::Multicast, is_multicast, "{header}");
        let agreed = Agreed(found, ours).to_string();
        assert_eq!(Transport::choose(&agreed, is_multicast), Some(found), "{header} and {agreed}");
    }
    Transport::choose(header, false)
}

/// A client's words come back in answers: never as a line of their own.
fn check_answer(request: &Request<'_>) {
    let answer = || Answer::new(Status::Ok, Some(request.cseq));
    let text = answer()
        .with("Content-Base", base(request.target))
        .with("RTP-Info", base(request.target) + TRACK)
        .text();
    assert_is_head(&text, 5);
    assert!(text.starts_with(&format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\nServer: ", request.cseq)));
    let text = answer().with("Session", NAME).with_body("text/plain", "no\r\n");
    assert_is_head(text.strip_suffix("no\r\n").unwrap(), 6);
}
