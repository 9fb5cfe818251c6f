//! A session's seal: its channel and the stream's key, as the join gave them. What comes is opened before the receiver sees it, and what
//! the receiver says is sealed.

use crate::seal::channel::{OVERHEAD, Unsealed};
use crate::seal::handshake::Words;
use crate::seal::{Channel, StreamKey};
use crate::wire::join::{LineError, Reply};
use crate::wire::{Kind, Tag, data};
use std::fmt;
use zeroize::Zeroizing;

/// A session's keys.
pub struct Seal {
    channel: Channel,
    stream: StreamKey,
    tag: Tag,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

impl Seal {
    /// What the server has said to a sealed join. The seal is there if it has let us in.
    ///
    /// # Errors
    /// It is no answer.
    pub fn read(words: &Words, channel: Channel) -> Result<(Reply, Option<Self>), LineError> {
        let end = words.iter().position(|byte| *byte == b'\n').ok_or(LineError::NotText)?;
        let (line, key) = words.split_at(end + 1);
        let mut reply = Reply::parse(line)?;
        let Reply::Ok(accepted) = &mut reply else { return Ok((reply, None)) };
        let key: &[u8; StreamKey::LEN] = key.try_into().map_err(|_| LineError::Lacks("key"))?;
        let plain = accepted.datagram.checked_sub(OVERHEAD as u16);
        // HELLO is as long as a full datagram when it is sealed
        accepted.datagram = plain.ok_or(LineError::Word("datagram"))?;
        let (stream, tag) = (StreamKey::new(Zeroizing::new(*key)), accepted.token.tag());
        Ok((reply, Some(Seal { channel, stream, tag })))
    }

    /// A server's datagram, opened into `room`.
    ///
    /// # Errors
    /// [`Unsealed`]: it is not to be believed.
    pub fn open<'d>(&mut self, datagram: &[u8], room: &'d mut [u8]) -> Result<&'d [u8], Unsealed> {
        match datagram.first().map(|byte| Kind::from_byte(*byte)) {
            Some(Ok(Kind::Data)) => {
                let length = self.stream.open(datagram, room).ok_or(Unsealed::Forged)?.len();
                let opened = room.get_mut(..length).ok_or(Unsealed::Forged)?;
                // as the receiver knows it of open streams that it is from there
                data::put_tag(opened, self.tag);
                Ok(opened)
            }
            Some(Ok(_)) => self.channel.open(datagram, room),
            Some(Err(_)) | None => Err(Unsealed::Forged),
        }
    }

    /// A datagram of ours, sealed into `room`.
    pub fn seal<'d>(&mut self, datagram: &[u8], room: &'d mut [u8]) -> Option<&'d [u8]> {
        self.channel.seal(datagram, room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Key, Secret, handshake};

    /// What a server says with these words, as camrec reads it, and the server's end of the channel.
    fn said(words: &[u8]) -> (Result<(Reply, Option<Seal>), LineError>, Channel) {
        let key = Key::new(Secret::new([1; 32]));
        let (asking, message) = handshake::ask(&key, &Secret::new([2; 32]), b"join").unwrap();
        let (answering, _) = handshake::hear(&key, &Secret::new([3; 32]), &message).unwrap();
        let (server, message) = answering.answer(words).unwrap();
        let (channel, words) = asking.finish(&message).unwrap();
        (Seal::read(&words, channel), server)
    }

    const OK: &[u8] =
        b"CAMCAST/1 ok token=0123456789abcdef stream=1122334455667788 next=7 datagram=1452 span_ms=0\n";

    #[test]
    fn what_a_server_has_said_is_a_session_or_a_refusal_or_named() {
        let (read, mut server) = said(&[OK, &[9; 32]].concat());
        let (Reply::Ok(accepted), Some(mut seal)) = read.unwrap() else { panic!("let in") };
        assert_eq!(accepted.datagram, 1452 - 24, "HELLO becomes longer");
        let (datagram, mut room, mut opened) = ([0x12; 36], [0; 99], [0; 99]);
        let sealed = server.seal(&datagram, &mut room).unwrap();
        assert_eq!(seal.open(sealed, &mut opened), Ok(&datagram[..]));
        assert_eq!(seal.open(sealed, &mut opened), Err(Unsealed::Again));
        for bad in [&[][..], &[0x11; 60], &[0x21; 60], &datagram] {
            assert_eq!(seal.open(bad, &mut opened), Err(Unsealed::Forged), "{bad:?}");
        }
        let (read, _) = said(b"CAMCAST/1 refused code=full why=all places are taken\n");
        assert!(matches!(read, Ok((Reply::Refused(_), None))));
        let small = String::from_utf8_lossy(OK).replace("1452", "23");
        for (words, error) in [
            (OK.to_vec(), LineError::Lacks("key")),
            ([OK, &[9; 33]].concat(), LineError::Lacks("key")),
            (b"CAMCAST/1 ok".to_vec(), LineError::NotText),
            ([small.as_bytes(), &[9; 32]].concat(), LineError::Word("datagram")),
        ] {
            assert_eq!(said(&words).0.err(), Some(error), "{words:?}");
        }
    }

    #[test]
    fn frames_are_proved_by_their_seal() {
        let (read, _) = said(&[OK, &[9; 32]].concat());
        let mut seal = read.unwrap().1.unwrap();
        let (mut plain, mut room, mut opened) = ([0; 60], [0; 76], [0; 99]);
        plain[0] = Kind::Data.byte();
        assert!(StreamKey::new(Secret::new([9; 32])).seal(&plain, &mut room));
        let opened = seal.open(&room, &mut opened).unwrap();
        assert_eq!((&opened[..32], &opened[36..]), (&plain[..32], &plain[36..]));
        assert_eq!(opened[32..36], [0x89, 0xab, 0xcd, 0xef], "with the session's tag");
    }
}
