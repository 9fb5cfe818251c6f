//! Sealed mode: a key file's text, a join's line, and datagrams, all by somebody who has no key.

use camcast::key_text::Flaw;
use camcast::seal::channel::Channel;
use camcast::seal::{Key, Secret, StreamKey, handshake};
use camcast::wire::sealed;
use std::cell::RefCell;

thread_local! {
    /// The two ends of a session, made once.
    static ENDS: RefCell<(Channel, Channel)> = RefCell::new(session());
}

fn key() -> Key {
    Key::new(Secret::new([7; 32]))
}

fn session() -> (Channel, Channel) {
    let (asking, message) = handshake::ask(&key(), &Secret::new([1; 32]), b"join").unwrap();
    let (answering, _) = handshake::hear(&key(), &Secret::new([2; 32]), &message).unwrap();
    let (server, message) = answering.answer(b"ok").unwrap();
    (asking.finish(&message).unwrap().0, server)
}

/// A text, or a line, or a datagram.
pub fn check(bytes: &[u8]) -> bool {
    let is_key = match Key::parse(&String::from_utf8_lossy(bytes)) {
        Ok(read) => {
            let text = read.to_text();
            assert_eq!(*Key::parse(&text).unwrap().to_text(), *text);
            true
        }
        Err(why) => !why.to_string().is_empty() && why.flaw != Flaw::Prefix,
    };
    let is_line = match sealed::parse(bytes) {
        Some(Ok(message)) => {
            assert_eq!(sealed::parse(sealed::line(&message).as_bytes()), Some(Ok(message.clone())));
            nothing_opens(&message);
            true
        }
        Some(Err(_)) | None => false,
    };
    nothing_opens(bytes);
    is_key || is_line
}

fn nothing_opens(bytes: &[u8]) {
    let mut room = vec![0; bytes.len()];
    assert!(handshake::hear(&key(), &Secret::new([3; 32]), bytes).is_err());
    assert!(StreamKey::new(Secret::new([4; 32])).open(bytes, &mut room).is_none());
    ENDS.with_borrow_mut(|(client, server)| {
        assert!(client.open(bytes, &mut room).is_err() && server.open(bytes, &mut room).is_err());
    });
}
