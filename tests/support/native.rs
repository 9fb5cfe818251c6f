//! A client of our own protocol, and a server, by hand from docs/PROTOCOL.md: their own bytes and their own parser.

use super::plain::socket_near;
use super::{PATIENCE, deadline, is_over, receive_within};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// First bytes of datagrams: version 1 in the high nibble, the kind in the low one.
pub const DATA: u8 = 0x11;
pub const BEAT: u8 = 0x12;
pub const SERVER_END: u8 = 0x13;
pub const HELLO: u8 = 0x19;
pub const CONTINUE: u8 = 0x1a;
pub const END: u8 = 0x1b;

/// END's reasons.
pub const STOPPING: u8 = 1;
pub const SILENCE: u8 = 2;
pub const GOODBYE: u8 = 3;

/// DATA's flag: the camera was away before this frame.
pub const DISCONTINUITY: u8 = 1;

const HEADER: usize = 36;

/// CONTINUE goes at least this often.
const SAY: Duration = Duration::from_millis(200);

/// A session that was accepted.
pub struct NativeClient {
    pub udp: UdpSocket,
    pub server: SocketAddr,
    pub token: [u8; 8],
    pub epoch: [u8; 2],
    /// The first frame that will come.
    pub next: u32,
    /// Bytes of a full datagram.
    pub datagram: usize,
    stamp: u32,
    under_way: BTreeMap<u32, Assembly>,
}

struct Assembly {
    is_proved: bool,
    bytes: Vec<u8>,
    have: Vec<bool>,
}

/// What the server says.
pub enum Heard {
    Data {
        number: u32,
        length: usize,
        index: usize,
        size: usize,
        check: u32,
        is_tagged: bool,
        payload: Vec<u8>,
    },
    Beat {
        newest: u32,
        oldest: u32,
        echo: u32,
        size: (u16, u16),
    },
    End {
        reason: u8,
    },
}

/// Says a line over TCP and returns the line that comes back.
pub fn ask(server: SocketAddr, line: &[u8]) -> String {
    let mut tcp = TcpStream::connect(server).unwrap();
    tcp.write_all(line).unwrap();
    answer(&mut tcp)
}

/// All that comes until the server closes the connection.
pub fn answer(tcp: &mut TcpStream) -> String {
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    let mut bytes = [0; 1024];
    loop {
        match tcp.read(&mut bytes) {
            // reset: the server has closed it with something of ours unread
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::ConnectionReset && !answer.is_empty() => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(count) => answer.extend_from_slice(&bytes[..count]),
            Err(error) => panic!("no answer: {error}"),
        }
    }
    String::from_utf8(answer).unwrap()
}

/// The value of `name=` in a line.
#[track_caller]
pub fn word(line: &str, name: &str) -> String {
    let value = line.split_ascii_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name}= in {line:?}")).to_owned()
}

/// CRC-32, as PNG's specification has it.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 },
        )
    })
}

/// What proves that DATA is of the session with this token.
pub fn tag_of(token: [u8; 8]) -> u32 {
    u32_at(&token, 4) | 1
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

impl NativeClient {
    /// Joins with a policy, over TCP only: [`hello`](Self::hello) comes next.
    #[track_caller]
    pub fn join(server: SocketAddr, policy: &str) -> Self {
        let reply = ask(server, format!("CAMCAST/1 join policy={policy} agent=test/1\n").as_bytes());
        NativeClient::accepted(server, &reply)
    }

    /// With the server's answer to a join.
    #[track_caller]
    pub fn accepted(server: SocketAddr, reply: &str) -> Self {
        assert!(reply.starts_with("CAMCAST/1 ok ") && reply.ends_with('\n'), "{reply:?}");
        let token = u64::from_str_radix(&word(reply, "token"), 16).unwrap().to_be_bytes();
        let stream = u64::from_str_radix(&word(reply, "stream"), 16).unwrap().to_be_bytes();
        NativeClient {
            udp: socket_near(server),
            server,
            token,
            epoch: [stream[6], stream[7]],
            next: word(reply, "next").parse().unwrap(),
            datagram: word(reply, "datagram").parse().unwrap(),
            stamp: 0,
            under_way: BTreeMap::new(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.udp.local_addr().unwrap()
    }

    fn common(&self, kind: u8) -> Vec<u8> {
        [&[kind, 0], &self.epoch[..], &self.token[..]].concat()
    }

    pub fn hello(&mut self) -> Vec<u8> {
        self.stamp += 1;
        let mut hello = [&self.common(HELLO)[..], &self.stamp.to_be_bytes()].concat();
        hello.resize(self.datagram, 0);
        hello
    }

    /// All frames through this number have come, and none later was heard of.
    pub fn continue_with(&mut self, through: u32) -> Vec<u8> {
        self.stamp += 1;
        let fields = [self.stamp, through, through, 0, 0].map(u32::to_be_bytes);
        [&self.common(CONTINUE)[..], fields.as_flattened()].concat()
    }

    pub fn end(&self) -> Vec<u8> {
        self.common(END)
    }

    pub fn send(&self, datagram: &[u8]) {
        self.udp.send_to(datagram, self.server).unwrap();
    }

    /// The next datagram, taken apart; `None` if none comes in this time.
    #[track_caller]
    pub fn hear_within(&self, wait: Duration) -> Option<Heard> {
        let mut bytes = [0; 2048];
        let (count, from) = receive_within(&self.udp, &mut bytes, wait)?;
        assert_eq!(from, self.server, "video has to come from where the client joined");
        assert!(count <= self.datagram, "a datagram of {count} bytes");
        Some(self.understand(&bytes[..count]))
    }

    #[track_caller]
    fn understand(&self, bytes: &[u8]) -> Heard {
        assert_eq!(bytes[2..4], self.epoch, "the epoch is the stream's");
        match bytes[0] {
            DATA => Heard::Data {
                number: u32_at(bytes, 4),
                length: u32_at(bytes, 8) as usize,
                index: u16::from_be_bytes([bytes[12], bytes[13]]).into(),
                size: u16::from_be_bytes([bytes[14], bytes[15]]).into(),
                check: u32_at(bytes, 28),
                is_tagged: {
                    let tag = u32_at(bytes, 32);
                    assert!(tag == 0 || tag == tag_of(self.token), "the tag is another session's");
                    tag != 0
                },
                payload: bytes[HEADER..].to_vec(),
            },
            BEAT => {
                assert_eq!((bytes.len(), &bytes[4..12]), (36, &self.token[..]));
                let [width, height] = [32, 34].map(|at| u16::from_be_bytes([bytes[at], bytes[at + 1]]));
                Heard::Beat {
                    newest: u32_at(bytes, 12),
                    oldest: u32_at(bytes, 16),
                    echo: u32_at(bytes, 20),
                    size: (width, height),
                }
            }
            SERVER_END => {
                assert_eq!((bytes.len(), &bytes[4..12]), (16, &self.token[..]));
                Heard::End { reason: bytes[1] }
            }
            other => panic!("a datagram of kind {other:#04x}"),
        }
    }

    /// HELLO until something comes back, which is returned.
    #[track_caller]
    pub fn say_hello(&mut self) -> Heard {
        let until = deadline(PATIENCE);
        while !is_over(until) {
            let hello = self.hello();
            self.send(&hello);
            if let Some(heard) = self.hear_within(Duration::from_millis(200)) {
                return heard;
            }
        }
        panic!("no answer to HELLO");
    }

    /// Takes a fragment in. The number of the frame that it made whole, and the frame.
    #[track_caller]
    pub fn assemble(&mut self, heard: Heard) -> Option<(u32, Vec<u8>)> {
        let Heard::Data { number, length, index, size, check, is_tagged, payload } = heard else {
            return None;
        };
        let count = length.div_ceil(size);
        let frame = self.under_way.entry(number).or_insert_with(|| Assembly {
            is_proved: false,
            bytes: vec![0; length],
            have: vec![false; count],
        });
        assert_eq!((frame.bytes.len(), frame.have.len()), (length, count), "frame {number}");
        frame.bytes[index * size..][..payload.len()].copy_from_slice(&payload);
        frame.have[index] = true;
        frame.is_proved |= is_tagged;
        if frame.have.contains(&false) {
            return None;
        }
        assert!(frame.is_proved, "no datagram of frame {number} has a tag");
        assert_eq!(crc32(&frame.bytes), check, "frame {number}");
        self.under_way.remove(&number).map(|frame| (number, frame.bytes))
    }

    /// Takes this many whole frames, each told of by a CONTINUE.
    #[track_caller]
    pub fn take_frames(&mut self, count: usize) -> Vec<(u32, Vec<u8>)> {
        let mut frames: Vec<(u32, Vec<u8>)> = Vec::new();
        let (until, mut said) = (deadline(PATIENCE), deadline(Duration::ZERO));
        while frames.len() < count {
            assert!(!is_over(until), "{} of {count} frames came", frames.len());
            let whole = match self.hear_within(SAY) {
                Some(Heard::End { .. }) => panic!("END came"),
                Some(heard) => self.assemble(heard),
                None => None,
            };
            // a frame may take long on a small machine; who says nothing for a second is sent nothing
            if whole.is_some() || is_over(said) {
                let last =
                    whole.as_ref().or(frames.last()).map_or(self.next.wrapping_sub(1), |frame| frame.0);
                let cont = self.continue_with(last);
                self.send(&cont);
                said = deadline(SAY);
            }
            frames.extend(whole);
        }
        frames
    }

    /// Waits for END, whatever else comes, and returns its reason.
    #[track_caller]
    pub fn wait_end(&self) -> u8 {
        let until = deadline(PATIENCE);
        while !is_over(until) {
            if let Some(Heard::End { reason }) = self.hear_within(PATIENCE) {
                return reason;
            }
        }
        panic!("END never came");
    }

    /// What has arrived and was not taken.
    pub fn drain(&self) -> Vec<Heard> {
        std::iter::from_fn(|| self.hear_within(Duration::from_millis(1))).collect()
    }
}

/// Where a server by hand can be joined, for camrec to be tried with: TCP and UDP on one port.
pub struct Door {
    pub address: SocketAddr,
    tcp: TcpListener,
    udp: UdpSocket,
}

/// A server by hand that has a client, and sends it what the test makes.
pub struct Server {
    pub udp: UdpSocket,
    client: SocketAddr,
    epoch: [u8; 2],
    token: [u8; 8],
}

impl Door {
    pub fn open() -> Self {
        let both = (0..20).find_map(|_| {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = tcp.local_addr().unwrap();
            let udp = UdpSocket::bind(address).ok()?;
            Some(Door { address, tcp, udp })
        });
        both.expect("one of twenty ports is free for both")
    }

    /// Lets a client join that stream, from frame `next` on. Returns with its HELLO, and the line that it said.
    pub fn accept(&self, stream: u64, next: u32) -> (Server, String) {
        self.accept_with(stream, next, "")
    }

    /// The same with other words at the line's end, each after a blank.
    pub fn accept_with(&self, stream: u64, next: u32, words: &str) -> (Server, String) {
        let (mut tcp, _) = self.tcp.accept().unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            tcp.read_exact(&mut byte).expect("a whole line");
            line.push(byte[0]);
        }
        let token = (stream ^ u64::from(next)).to_be_bytes();
        let [.., high, low] = stream.to_be_bytes();
        let hex: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
        let reply = format!(
            "CAMCAST/1 ok token={hex} stream={stream:016x} next={next} datagram=1452 span_ms=0{words}\n"
        );
        tcp.write_all(reply.as_bytes()).unwrap();
        let udp = self.udp.try_clone().unwrap();
        udp.set_read_timeout(Some(PATIENCE)).unwrap();
        let epoch = [high, low];
        let common = [&[HELLO, 0][..], &epoch, &token].concat();
        let mut bytes = [0; 2048];
        loop {
            let (count, client) = udp.recv_from(&mut bytes).expect("HELLO");
            // what an earlier session said last may still be there
            if bytes.starts_with(&common) {
                assert_eq!(count, 1452, "HELLO is as long as a datagram");
                return (Server { udp, client, epoch, token }, String::from_utf8(line).unwrap());
            }
        }
    }
}

impl Server {
    pub fn send(&self, datagram: &[u8]) {
        self.udp.send_to(datagram, self.client).unwrap();
    }

    /// The datagrams of a frame, 40 ms after the one before.
    pub fn fragments(&self, number: u32, jpeg: &[u8]) -> Vec<Vec<u8>> {
        self.stamped(number, jpeg, (0, u64::from(number) * 40, number))
    }

    /// The same of a frame with these flags, each with the session's tag, captured at these milliseconds, and with this number of the driver's.
    pub fn stamped(
        &self,
        number: u32,
        jpeg: &[u8],
        (flags, millis, sequence): (u8, u64, u32),
    ) -> Vec<Vec<u8>> {
        let (size, check, tag) = (1416_u16, crc32(jpeg), tag_of(self.token));
        let fragment = |(index, payload): (usize, &[u8])| {
            let mut datagram = vec![DATA, flags];
            datagram.extend(self.epoch);
            datagram.extend(number.to_be_bytes());
            datagram.extend((jpeg.len() as u32).to_be_bytes());
            datagram.extend((index as u16).to_be_bytes());
            datagram.extend(size.to_be_bytes());
            datagram.extend((millis * 1_000_000).to_be_bytes());
            datagram.extend(sequence.to_be_bytes());
            datagram.extend(check.to_be_bytes());
            datagram.extend(tag.to_be_bytes());
            datagram.extend(payload);
            datagram
        };
        jpeg.chunks(usize::from(size)).enumerate().map(fragment).collect()
    }

    /// Sends a whole frame, and waits until the client has said that it and all before it are done with.
    pub fn show(&self, number: u32, jpeg: &[u8]) {
        self.fragments(number, jpeg).iter().for_each(|datagram| self.send(datagram));
        self.wait_through(number);
    }

    /// The same with a stamp of one's own.
    pub fn show_stamped(&self, number: u32, jpeg: &[u8], stamp: (u8, u64, u32)) {
        self.stamped(number, jpeg, stamp).iter().for_each(|datagram| self.send(datagram));
        self.wait_through(number);
    }

    /// Waits for a CONTINUE that says that all frames through `number` are done with.
    pub fn wait_through(&self, number: u32) {
        let until = deadline(PATIENCE);
        let mut bytes = [0; 2048];
        while !is_over(until) {
            let Ok(count) = self.udp.recv(&mut bytes) else { continue };
            if count >= 32 && bytes[0] == CONTINUE && u32_at(&bytes, 16) == number {
                return;
            }
        }
        panic!("no CONTINUE through {number}");
    }

    /// BEAT: the newest frame sent, and the oldest that is still there.
    pub fn beat(&self, newest: u32, oldest: u32) -> Vec<u8> {
        // nothing echoed, nothing skipped, no size
        let fields = [newest, oldest, 0, 0, 0, 0].map(u32::to_be_bytes);
        [&[BEAT, 0][..], &self.epoch, &self.token, fields.as_flattened()].concat()
    }

    /// The same, and that the camera delivers nothing.
    pub fn silent_beat(&self, newest: u32, oldest: u32) -> Vec<u8> {
        let mut beat = self.beat(newest, oldest);
        beat[1] = 1;
        beat
    }

    pub fn end(&self) -> Vec<u8> {
        // the newest frame sent: 0, which is before any
        [&[SERVER_END, STOPPING][..], &self.epoch, &self.token, &[0; 4]].concat()
    }
}
