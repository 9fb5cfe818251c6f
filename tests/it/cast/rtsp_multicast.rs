//! One stream for all who ask for `/multicast`, in a network namespace of its own: elsewhere it would be on somebody's network.

use super::rtsp::Source;
use super::rtsp_readers::{By, Direct, Player, Viewer};
use crate::support::carried::pictures;
use crate::support::inside::Network;
use crate::support::procs::Camcast;
use crate::support::quirks::{self, encode};
use crate::support::rtsp::{Frames, Packet, RtspClient, address};
use crate::support::{PATIENCE, heavy_turn, receive_within};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use turbojpeg::Subsamp;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 42, 1);
const PORT: u16 = 5004;
const FRAMES: usize = 300;

/// Nothing but loopback.
const ALONE: Network<'_> = Network {
    unshare: "-rn",
    setup: "ip link set lo up && ip link set lo multicast on && ip route add 239.0.0.0/8 dev lo",
    needs: &["true"],
};

/// A member of the group, beside others of this machine.
fn member(port: u16) -> UdpSocket {
    let fd = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).unwrap();
    setsockopt(&fd, sockopt::ReuseAddr, &true).unwrap();
    setsockopt(&fd, sockopt::RcvBuf, &(1 << 20)).unwrap();
    bind(fd.as_raw_fd(), &SockaddrStorage::from(SocketAddr::from((GROUP, port)))).unwrap();
    let socket = UdpSocket::from(fd);
    socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).unwrap();
    socket
}

/// The next datagram and its sender. All members hear what any of them says to the group, junk among it.
#[track_caller]
fn next(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = vec![0; 65_536];
    let (length, from) = receive_within(socket, &mut bytes, PATIENCE).expect("no datagram came");
    bytes.truncate(length);
    (bytes, from)
}

/// A member hears each packet once, however many there are: one source, and one number after the other. How many they were.
fn listen(packets: &UdpSocket, (first, sender): (Packet, SocketAddr), is_over: &Receiver<()>) -> usize {
    let (mut frames, mut count, ssrc) = (Frames::default(), 1, first.ssrc);
    frames.push(first);
    while is_over.try_recv().is_err() {
        let (bytes, from) = next(packets);
        if from == sender {
            let packet = Packet::read(&bytes);
            assert_eq!(packet.ssrc, ssrc);
            frames.push(packet);
            count += 1;
        }
    }
    count
}

#[test]
fn each_packet_goes_once_and_all_who_ask_get_it() {
    if !ALONE.is_inside("cast::rtsp_multicast::each_packet_goes_once_and_all_who_ask_get_it") {
        return;
    }
    let _turn = heavy_turn();
    let jpegs = pictures(Subsamp::Sub2x1, 42);
    let folder = super::http::folder(&jpegs);
    let group = format!("{GROUP}:{PORT}");
    let source = Source::new(jpegs, &["-f", "30", "--rtsp-multicast", &group]);
    let url = format!("rtsp://{}/multicast", source.at);
    let (packets, reports) = (member(PORT), member(PORT + 1));
    let mut client = RtspClient::connect(source.at);
    let described = client.done("DESCRIBE", "/multicast", "");
    assert!(described.body.contains(&format!("c=IN IP4 {GROUP}/1\r\n")), "{described:?}");
    assert!(described.body.contains(&format!("m=video {PORT} RTP/AVP 26\r\n")), "{described:?}");
    let answer = client.done("SETUP", "/multicast/track1", "Transport: RTP/AVP;multicast\r\n");
    let transport = answer.field("transport");
    assert!(
        transport.contains(&format!("multicast;destination={GROUP};port=5004-5005;ttl=1")),
        "{transport}"
    );
    client.session = Some(answer.field("session").split(';').next().unwrap().to_owned());
    let played = client.done("PLAY", "/multicast", "");
    let (first, sender) = next(&packets);
    let first = Packet::read(&first);
    assert_eq!(u32::from(first.sequence), played.number("rtp-info", "seq"));

    let ssrc = first.ssrc;
    let (told, is_over) = channel::<()>();
    let listener = thread::spawn(move || listen(&packets, (first, sender), &is_over));
    // not one of each: GStreamer hears its own reports, takes them for another's, says BYE, and ffmpeg ends at anybody's
    for player in [Player::Ffmpeg, Player::GStreamer].into_iter().filter(|player| player.is_here()) {
        let two = [(), ()].map(|()| {
            let direct = Direct::new(player, folder.path(), source.jpegs.len());
            Viewer::start(player, By::Multicast, &url, direct, FRAMES)
        });
        two.into_iter().for_each(|viewer| viewer.end().assert_whole(source.jpegs.len(), false));
    }
    told.send(()).unwrap();
    println!("each of {} packets came once", listener.join().unwrap());
    // the last of them ends it
    client.done("TEARDOWN", "/multicast", "");
    let left = source.camcast.wait_line("left: ");
    assert!(!left.contains(", 0 frames"), "{left}");
    loop {
        let (report, _) = next(&reports);
        let end = [&[0x81, 203, 0, 1], &ssrc.to_be_bytes()[..]].concat();
        if report.ends_with(&end) {
            break;
        }
    }
}

#[test]
fn who_asks_for_all_is_told_too_why_nothing_can_come() {
    if !ALONE.is_inside("cast::rtsp_multicast::who_asks_for_all_is_told_too_why_nothing_can_come") {
        return;
    }
    let group = format!("{GROUP}:{PORT}");
    let (camcast, mut stdin) = Camcast::piped(&["--rtsp", "127.0.0.1:0", "--rtsp-multicast", &group]);
    let mut client = RtspClient::connect(address(&camcast));
    // nobody knows yet what comes
    let answer = client.done("SETUP", "/multicast", "Transport: RTP/AVP;multicast\r\n");
    client.session = Some(answer.field("session").split(';').next().unwrap().to_owned());
    client.done("PLAY", "/multicast", "");
    let grey = encode(&quirks::picture(), quirks::WIDTH, Subsamp::Gray);
    (0..3).for_each(|_| stdin.write_all(&grey).unwrap());
    let left = camcast.wait_line("left: ");
    assert!(left.contains("they are grey; take them by HTTP"), "{left}");
    assert!(client.is_closed());
}

#[test]
fn a_way_that_replaces_another_is_open() {
    if !ALONE.is_inside("cast::rtsp_multicast::a_way_that_replaces_another_is_open") {
        return;
    }
    let group = format!("{GROUP}:{PORT}");
    let source = Source::new(pictures(Subsamp::Sub2x1, 7), &["-f", "30", "--rtsp-multicast", &group]);
    let packets = member(PORT);
    let mut client = RtspClient::connect(source.at);
    // each program tries this first, and would get a stream of its own
    let refused = client.ask("SETUP", "/multicast/track1", "Transport: RTP/AVP/TCP;interleaved=0-1\r\n");
    assert_eq!(refused.status, 461);
    client.done("SETUP", "/stream/track1", "Transport: RTP/AVP/TCP;interleaved=0-1\r\n");
    client.done("SETUP", "/multicast/track1", "Transport: RTP/AVP;multicast\r\n");
    let answer = client.done("SETUP", "/multicast/track1", "Transport: RTP/AVP;multicast\r\n");
    client.session = Some(answer.field("session").split(';').next().unwrap().to_owned());
    client.done("PLAY", "/multicast", "");
    assert!(!Packet::read(&next(&packets).0).data.is_empty());
}
