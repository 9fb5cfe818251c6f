//! Somebody on the network speaks in the name of both: from other ports, from another address, and by a raw socket from the very
//! addresses of a session. It has joined as well, so it knows the epoch, and each frame's header when it has been sent.

use crate::support::clips::Clips;
use crate::support::forger::Forger;
use crate::support::inside::ALONE;
use crate::support::native::{self, NativeClient};
use crate::support::procs::{Camcast, camrec_into};
use crate::support::{PATIENCE, deadline, is_over};
use std::net::SocketAddr;
use std::time::Duration;

const FORGED: u32 = 100_000;

/// What is forged of the latest datagram that the spy has got.
fn to_camrec(turn: u32, latest: &[u8], epoch: [u8; 2]) -> Vec<u8> {
    let mut data = latest.to_vec();
    let number = u32::from_be_bytes(latest[4..8].try_into().unwrap());
    let renumber = |data: &mut Vec<u8>, by: u32| data[4..8].copy_from_slice(&(number + by).to_be_bytes());
    // nobody else's tag
    data[32..36].copy_from_slice(&[0; 4]);
    let token = turn.wrapping_mul(0x9e37_79b9).to_be_bytes();
    let said = |kind: u8, fields: &[u32]| {
        let fields: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
        [&[kind, 1][..], &epoch, &token, &token, &fields].concat()
    };
    match turn / 4 % 9 {
        // other bytes in a frame that is on its way
        0 => data[36..].iter_mut().for_each(|byte| *byte ^= 0x55),
        1 => renumber(&mut data, 60_000),
        2 => renumber(&mut data, 200),
        3 => renumber(&mut data, 1),
        // a frame of another length; and a whole one, of one datagram
        4 => data[8..12].copy_from_slice(&8_000_000_u32.to_be_bytes()),
        5 => {
            renumber(&mut data, 1);
            data[8..12].copy_from_slice(&100_u32.to_be_bytes());
            data[12..14].copy_from_slice(&[0; 2]);
            data.resize(136, 7);
        }
        6 => data[32..36].copy_from_slice(&token),
        7 => return said(native::BEAT, &[number + 60_000, number + 60_000, 0, 0, u32::MAX, 0]),
        _ => return said(native::SERVER_END, &[number]),
    }
    data
}

fn to_camcast(turn: u32, epoch: [u8; 2]) -> Vec<u8> {
    let token = turn.wrapping_mul(0x9e37_79b9).to_be_bytes();
    let common = |kind: u8| [&[kind, 0][..], &epoch, &token, &token].concat();
    match turn / 4 % 5 {
        0 => common(native::END),
        1 => [&common(native::CONTINUE)[..], &[0xff; 20]].concat(),
        2 => [&common(native::HELLO)[..], &[0; 8]].concat(),
        3 => b"end".to_vec(),
        _ => b"continue".to_vec(),
    }
}

#[test]
fn a_hundred_thousand_forged_datagrams_have_no_effect() {
    if !ALONE.is_inside("network::forged::a_hundred_thousand_forged_datagrams_have_no_effect") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clips = Clips::new(60);
    let camcast = Camcast::start(&[clips.path(), "-f", "30"]);
    let camrec = camrec_into(folder.path(), camcast.address, &["-v", "--frames", "300"]);
    let joined = camcast.wait_line("(native, every, camrec/");
    let remote = joined.split_whitespace().find_map(|word| word.parse::<SocketAddr>().ok()).unwrap();
    camrec.wait_line("writing ");
    let mut spy = NativeClient::join(camcast.address, "newest");
    spy.say_hello();
    // who has answered nothing is sent no video
    let cont = spy.continue_with(spy.next.wrapping_sub(1));
    spy.send(&cont);
    spy.udp.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let forger = Forger::new(camcast.address, remote);
    let (mut latest, mut turn, mut room) = (Vec::new(), 0, [0; 2048]);
    let until = deadline(PATIENCE);
    while turn < FORGED {
        assert!(!is_over(until), "only {turn} were forged");
        while let Ok(count) = spy.udp.recv(&mut room) {
            let mut number = spy.next.wrapping_sub(1);
            if room[0] == native::DATA {
                latest = room[..count].to_vec();
                number = u32::from_be_bytes(latest[4..8].try_into().unwrap());
            }
            let cont = spy.continue_with(number);
            spy.send(&cont);
        }
        for _ in 0..if latest.is_empty() { 0 } else { 500 } {
            forger.send(turn, &to_camrec(turn, &latest, spy.epoch), true);
            forger.send(turn + 1, &to_camcast(turn, spy.epoch), false);
            turn += 2;
        }
    }
    let ended = camrec.wait_exit().expect(0);
    assert_eq!((ended.account("recorded"), ended.account("missing")), (300, 0), "{}", ended.text());
    let first = ended.first_frame();
    clips.assert_recorded(folder.path(), first..first + 300);
    // they are counted
    assert!(ended.log.contains(" datagrams not taken: "), "{}", ended.log);
}
