//! A bad network in front of the real programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod support;

use camcast::sys::clock;
use camcast::sys::udp::set_receive_buffer;
use std::net::UdpSocket;
use std::time::Duration;
use support::PATIENCE;
use support::netem::{Link, Reorder, Spec};
use support::proxy::{Proxy, link_seeds};

const MS: Duration = Duration::from_millis(1);

/// 20 ms with 4 ms of jitter, and half a percent that falls behind.
fn air(loss: f64) -> Spec {
    let reorder = Some(Reorder { probability: 0.005, extra: 3 * MS });
    Spec { loss, delay: 20 * MS, jitter: 4 * MS, reorder, ..Spec::default() }
}

#[test]
fn the_proxy_loses_exactly_what_its_links_lose() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for socket in [&server, &client] {
        set_receive_buffer(socket, 4 << 20);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let spec = Spec { duplicate: 0.01, ..air(0.05) };
    let proxy = Proxy::start(server.local_addr().unwrap(), &air(0.0), &spec, 1);
    client.connect(proxy.address).unwrap();
    let mut room = [0; 2000];
    let began = clock::now();
    client.send(b"hello").unwrap();
    let (_, back) = server.recv_from(&mut room).unwrap();
    assert!(clock::now().since(began) >= 20 * MS);

    let count = 20_000_u32;
    let datagram = |n: u32| [&n.to_be_bytes()[..], &[7; 1400]].concat();
    // the same seed, the same fate, whatever the time
    let mut twin = Link::new(spec, link_seeds(1, 0)[1], clock::now());
    let passes: Vec<bool> = (0..count).map(|n| twin.send(clock::now(), datagram(n))).collect();
    let fates = twin.fates();
    assert!(fates.lost > 900 && fates.duplicated > 150 && fates.reordered > 50, "{fates:?}");
    let sender = std::thread::spawn(move || {
        for n in 0..count {
            server.send_to(&datagram(n), back).unwrap();
            // bursts of a frame, 120 Mbit/s
            if n % 70 == 69 {
                std::thread::park_timeout(Duration::from_micros(6_500));
            }
        }
    });
    let mut came = vec![0_u64; count as usize];
    for _ in 0..u64::from(count) - fates.lost + fates.duplicated {
        let len = client.recv(&mut room).expect("all come that the link does not lose");
        assert_eq!(room[4..len], [7; 1400]);
        came[u32::from_be_bytes(room[..4].try_into().unwrap()) as usize] += 1;
    }
    sender.join().unwrap();
    assert!(came.iter().zip(passes).all(|(times, passes)| passes == (*times > 0)));
    assert_eq!(came.iter().filter(|times| **times == 2).count() as u64, fates.duplicated);
    assert_eq!(proxy.end().down, fates);
}
