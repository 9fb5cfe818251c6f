//! The least that sending can cost: a loop without a protocol. Frames that lie ready go to each client at once, a train of
//! datagrams a call, thirty times a second; and a process that receives them.

use crate::frames::INTERVAL;
use crate::gauge::{Busy, Gauge};
use crate::plan::FPS;
use crate::roles::{Heard, Task};
use camcast::jpeg::Size;
use camcast::reel::Reel;
use camcast::sys::clock;
use camcast::sys::poll::{self, PollFlags};
use camcast::sys::udp::{self, Received, Sent};
use camcast::time::{Stamp, Time};
use camcast::wire::StreamId;
use camcast::wire::data::HEADER_LEN;
use nix::poll::PollFd;
use std::fs::File;
use std::io::{Write, stdin};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// As camcast's on a network of 1500 bytes.
const DATAGRAM: u16 = 1452;

/// Asked for each socket: what camrec asks for.
const RECEIVE_BUFFER: usize = 4 * 1024 * 1024;

/// Where a header has the frame's number, the fragment's index and the capture time.
const NUMBER: usize = 4;
const INDEX: usize = 12;
const CAPTURED: usize = 16;

/// A frame that has not come after so long will not.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends frames of that many bytes to the ports that standard input names, until it is killed.
pub(crate) fn send(bytes: usize) {
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
    let sockets: Vec<UdpSocket> =
        line.split_ascii_whitespace().map(|port| socket(port.parse().unwrap())).collect();
    let mut train = train(bytes);
    let burst = usize::from(DATAGRAM) * (udp::MAX_SEND / usize::from(DATAGRAM)).min(udp::MAX_SEGMENTS);
    let mut due = clock::now();
    for number in 1_u32.. {
        due = due.after(Duration::from_nanos(INTERVAL));
        poll::wait(&mut [], due, clock::now()).unwrap();
        train[NUMBER..][..4].copy_from_slice(&number.to_be_bytes());
        train[CAPTURED..][..8].copy_from_slice(&clock::now().as_nanos().to_be_bytes());
        for socket in &sockets {
            for burst in train.chunks(burst) {
                // nobody waits: what is not taken is lost, and the receiver says so
                let sent = udp::send_bytes(socket, burst);
                assert!(matches!(sent, Sent::Ok | Sent::Blocked), "{sent:?}");
            }
        }
    }
}

fn socket(port: u16) -> UdpSocket {
    let socket = udp::connected((Ipv4Addr::LOCALHOST, port).into()).unwrap();
    assert!(udp::set_segment(&socket, DATAGRAM), "this kernel has no GSO");
    socket
}

/// A frame as it lies in camcast's reel.
fn train(bytes: usize) -> Vec<u8> {
    let mut reel = Reel::new(bytes + bytes / 8 + 65_536, DATAGRAM, StreamId(1));
    let frame = vec![0x55; bytes];
    let number = reel.push(&frame, Size { width: 1, height: 1 }, Stamp::default(), 0).unwrap();
    let frame = reel.frame(number).unwrap();
    frame.datagrams(0..u16::MAX).to_vec()
}

/// One socket, and the frame that is coming in.
struct Client {
    socket: UdpSocket,
    number: u32,
    captured: Time,
    bytes: usize,
}

/// Receives frames of that many bytes.
pub(crate) fn receive(bytes: usize, task: Task) -> Heard {
    let sockets = listen(task.clients).into_iter();
    let client = |socket| Client { socket, number: 0, captured: Time::default(), bytes: 0 };
    let mut clients: Vec<Client> = sockets.map(client).collect();

    let gauge = Gauge::new(task.sender);
    let busy = Busy::new(task.sender);
    let count = bytes.div_ceil(usize::from(DATAGRAM) - HEADER_LEN);
    let whole = bytes + count * HEADER_LEN;
    let (first, last) = (task.warm, task.warm + task.frames);
    let mut used = None;
    let mut delays_us = Vec::with_capacity(task.clients * task.frames as usize);
    let mut room = vec![0; 65_536];
    let mut until = clock::now().after(Duration::from_secs((last / FPS).into())).after(PATIENCE);
    let mut end = None;
    while clock::now() < until && delays_us.len() < task.clients * task.frames as usize {
        wait(clients.iter().map(|client| &client.socket), until);
        for (place, client) in clients.iter_mut().enumerate() {
            while let Received::Some(train) = udp::receive_train(&client.socket, &mut room) {
                let datagrams = room[..train.len].chunks(train.segment.max(1));
                let complete = datagrams.filter(|datagram| client.hear(datagram) == whole).count();
                if complete == 0 {
                    continue;
                }
                let now = clock::now();
                if (first + 1..=last).contains(&client.number) {
                    delays_us.push(now.since(client.captured).as_micros() as u32);
                }
                if place == 0 && client.number >= first && used.is_none() {
                    used = Some((client.number, gauge.read()));
                }
                if place == 0 && client.number >= last && end.is_none() {
                    end = Some((client.number, gauge.read()));
                    until = now.after(PATIENCE);
                }
            }
        }
    }
    let busy = busy.share();
    let lost = u64::from(task.frames) * task.clients as u64 - delays_us.len() as u64;
    let mut heard = Heard { delays_us, lost, busy, ..Heard::default() };
    if let Some(((from, before), (to, after))) = used.zip(end) {
        let used = after - before;
        (heard.cpu_ns, heard.sleeps, heard.frames) = (used.cpu.as_nanos() as u64, used.sleeps, to - from);
    }
    heard
}

/// Sockets of any ports, which are told.
fn listen(count: usize) -> Vec<UdpSocket> {
    let socket = |_| {
        let socket = udp::bound((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        udp::set_receive_buffer(&socket, RECEIVE_BUFFER);
        assert!(udp::set_gro(&socket), "this kernel has no GRO");
        socket
    };
    let sockets: Vec<UdpSocket> = (0..count).map(socket).collect();
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port().to_string();
    let ports: Vec<String> = sockets.iter().map(port).collect();
    eprintln!("ports {}", ports.join(" "));
    sockets
}

fn wait<'a>(sockets: impl Iterator<Item = &'a UdpSocket>, until: Time) {
    let mut fds: Vec<PollFd<'_>> =
        sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
    poll::wait(&mut fds, until, clock::now()).unwrap();
}

/// Receives frames of that many bytes, puts them together and writes each to the file, until it is killed.
pub(crate) fn record(bytes: usize, file: &Path) {
    let socket = listen(1).remove(0);
    let mut file = File::create(file).unwrap();
    let mut room = vec![0; 65_536];
    let fragment = usize::from(DATAGRAM) - HEADER_LEN;
    let (mut frame, mut have) = (vec![0; bytes], 0);
    loop {
        wait([&socket].into_iter(), Time::NEVER);
        while let Received::Some(train) = udp::receive_train(&socket, &mut room) {
            for datagram in room[..train.len].chunks(train.segment.max(1)) {
                let index = usize::from(u16::from_be_bytes([datagram[INDEX], datagram[INDEX + 1]]));
                let payload = &datagram[HEADER_LEN..];
                have = if index == 0 { payload.len() } else { have + payload.len() };
                frame[index * fragment..][..payload.len()].copy_from_slice(payload);
                if have == bytes {
                    file.write_all(&frame).unwrap();
                }
            }
        }
    }
}

/// Of RTP (RFC 3550, 5.1): a packet's number, and whether it is a frame's last.
fn rtp(datagram: &[u8]) -> (u16, bool) {
    (u16::from_be_bytes([datagram[2], datagram[3]]), datagram[1] & 0x80 != 0)
}

/// Receives RTP, and measures the process that standard input names: it cannot be started before the ports are known.
pub(crate) fn receive_rtp(task: Task) -> Heard {
    let sockets = listen(task.clients);
    let mut line = String::new();
    stdin().read_line(&mut line).unwrap();
    let sender = line.trim().parse().unwrap();
    let (gauge, busy, since) = (Gauge::new(sender), Busy::new(sender), clock::now());
    let mut next: Vec<Option<u16>> = vec![None; task.clients];
    let mut room = vec![0; 65_536];
    // frames that the first client has had, and what they were when it began and ended, with what was used up then
    let (mut had, mut begin, mut end) = (0, None, None);
    let mut lost = 0;
    let until =
        since.after(Duration::from_secs(((task.warm + task.frames) / FPS).into())).after(PATIENCE * 2);
    while end.is_none() && clock::now() < until {
        wait(sockets.iter(), until);
        for (place, socket) in sockets.iter().enumerate() {
            while let Received::Some(train) = udp::receive_train(socket, &mut room) {
                for datagram in room[..train.len].chunks(train.segment.max(1)) {
                    let (number, is_last) = rtp(datagram);
                    let missing = next[place].map_or(0, |next| number.wrapping_sub(next));
                    // before it began nothing is lost that is measured
                    lost += if begin.is_some() { u64::from(missing) } else { 0 };
                    next[place] = Some(number.wrapping_add(1));
                    had += u32::from(is_last && place == 0);
                }
                if begin.is_none() && had >= task.warm {
                    begin = Some((had, gauge.read()));
                }
                if end.is_none() && had >= task.warm + task.frames {
                    end = Some((had, gauge.read()));
                }
            }
        }
    }
    let ((from, before), (to, after)) = begin.zip(end).expect("as many frames come as are measured");
    let used = after - before;
    let (cpu_ns, sleeps, busy) = (used.cpu.as_nanos() as u64, used.sleeps, busy.share());
    Heard { cpu_ns, sleeps, frames: to - from, lost, busy, ..Heard::default() }
}

impl Client {
    /// Takes a datagram in. How many bytes of its frame are here then, headers included.
    fn hear(&mut self, datagram: &[u8]) -> usize {
        if datagram[INDEX..][..2] == [0, 0] {
            self.number = u32::from_be_bytes(datagram[NUMBER..][..4].try_into().unwrap());
            self.captured =
                Time::from_nanos(u64::from_be_bytes(datagram[CAPTURED..][..8].try_into().unwrap()));
            self.bytes = 0;
        }
        self.bytes += datagram.len();
        self.bytes
    }
}
