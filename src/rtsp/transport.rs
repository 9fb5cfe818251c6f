//! The way by which packets are to go (RFC 2326, 12.39): of those that suit the client the first that there is here.
//!
//! Where to is not the client's to say (`destination=`): packets go to the one who asks, so that nobody sends them to somebody else.

use std::fmt;

/// Ports below are other services': no packets go there.
const LOWEST_PORT: u16 = 1024;

/// A way that a client has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Datagrams to these ports of the client, packets and reports.
    Udp {
        /// Packets.
        rtp: u16,
        /// Reports.
        rtcp: u16,
    },
    /// Over the connection, by these channels, packets and reports.
    Interleaved {
        /// Packets.
        rtp: u8,
        /// Reports.
        rtcp: u8,
    },
    /// Datagrams for all who listen.
    Multicast,
}

/// A way, and by which profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// The way.
    pub way: Way,
    /// What is lacking may be asked for (RFC 4585): `RTP/AVPF`.
    pub has_feedback: bool,
}

impl Transport {
    /// The first of the ways in this header that there is here: datagrams for all where `multicast` is called for, and else none.
    pub fn choose(header: &str, multicast: bool) -> Option<Self> {
        let mut ways = header.split(',').filter_map(Transport::of);
        ways.find(|found| (found.way == Way::Multicast) == multicast)
    }

    fn of(text: &str) -> Option<Self> {
        let mut words = text.split(';').map(str::trim);
        let profile = words.next()?;
        let is = |name: &str| profile.eq_ignore_ascii_case(name);
        let is_tcp = is("RTP/AVP/TCP") || is("RTP/AVPF/TCP");
        let has_feedback = profile.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("RTP/AVPF"));
        if !is_tcp && ![is("RTP/AVP"), is("RTP/AVP/UDP"), is("RTP/AVPF"), is("RTP/AVPF/UDP")].contains(&true)
        {
            return None;
        }
        let (mut ports, mut channels, mut is_multicast, mut is_record) = (None, None, false, false);
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("client_port") {
                ports = Some(pair::<u16>(value)?);
            } else if is("interleaved") {
                channels = Some(pair::<u8>(value)?);
            } else if is("multicast") {
                is_multicast = true;
            } else if is("mode") {
                is_record |= !value.trim_matches('"').eq_ignore_ascii_case("play");
            }
        }
        let way = match (is_tcp, is_multicast) {
            _ if is_record => return None,
            (false, true) => Way::Multicast,
            (true, true) => return None,
            (true, false) => match channels.unwrap_or((0, None)) {
                (rtp, Some(rtcp)) if rtp != rtcp => Way::Interleaved { rtp, rtcp },
                (rtp, _) => Way::Interleaved { rtp, rtcp: rtp.checked_add(1)? },
            },
            (false, false) => {
                let (rtp, rtcp) = ports?;
                let rtcp = rtcp.filter(|rtcp| *rtcp != rtp).or(rtp.checked_add(1))?;
                if rtp.min(rtcp) < LOWEST_PORT {
                    return None;
                }
                Way::Udp { rtp, rtcp }
            }
        };
        Some(Transport { way, has_feedback })
    }

    fn profile(self) -> &'static str {
        match (self.way, self.has_feedback) {
            (Way::Interleaved { .. }, false) => "RTP/AVP/TCP",
            (Way::Interleaved { .. }, true) => "RTP/AVPF/TCP",
            (_, false) => "RTP/AVP",
            (_, true) => "RTP/AVPF",
        }
    }
}

/// One number, or two with a `-` between them.
fn pair<T: std::str::FromStr>(text: &str) -> Option<(T, Option<T>)> {
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_number)
    };
    match text.split_once('-') {
        Some((one, other)) => Some((number(one)?, Some(number(other)?))),
        None => Some((number(text)?, None)),
    }
}

/// What the server adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// The ports that datagrams come from, packets' and reports', and the packets' source.
    Udp(u16, u16, u32),
    /// The packets' source.
    Interleaved(u32),
    /// Where datagrams for all go, packets at this port and reports at the next one.
    Multicast(std::net::SocketAddr, u8),
}

/// The way as an answer has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed(pub Transport, pub Ours);

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Agreed(transport, ours) = *self;
        f.write_str(transport.profile())?;
        match (transport.way, ours) {
            (Way::Udp { rtp, rtcp }, Ours::Udp(from, reports, ssrc)) => {
                write!(f, ";unicast;client_port={rtp}-{rtcp};server_port={from}-{reports};ssrc={ssrc:08X}")?;
            }
            (Way::Interleaved { rtp, rtcp }, Ours::Interleaved(ssrc)) => {
                write!(f, ";unicast;interleaved={rtp}-{rtcp};ssrc={ssrc:08X}")?;
            }
            (_, Ours::Multicast(to, ttl)) => {
                let (ip, port) = (to.ip(), to.port());
                write!(f, ";multicast;destination={ip};port={port}-{};ttl={ttl}", port.saturating_add(1))?;
            }
            _ => {}
        }
        f.write_str(";mode=\"PLAY\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn way(header: &str) -> Option<Way> {
        Transport::choose(header, false).map(|found| found.way)
    }

    #[test]
    fn what_clients_send() {
        let udp = |rtp, rtcp| Some(Way::Udp { rtp, rtcp });
        let tcp = |rtp, rtcp| Some(Way::Interleaved { rtp, rtcp });
        for (header, chosen) in [
            // ffmpeg, GStreamer, VLC
            ("RTP/AVP/UDP;unicast;client_port=25470-25471", udp(25_470, 25_471)),
            ("RTP/AVP;unicast;client_port=40118-40119;mode=\"PLAY\"", udp(40_118, 40_119)),
            ("RTP/AVP/TCP;unicast;interleaved=0-1", tcp(0, 1)),
            ("rtp/avp/tcp; unicast; interleaved=4-5; mode=play", tcp(4, 5)),
            // by preference
            ("RTP/AVP/UDP;multicast,RTP/AVP/TCP;interleaved=0-1,RTP/AVP;client_port=5000-5001", tcp(0, 1)),
            ("RAW/RAW/UDP;client_port=5000-5001, RTP/AVP;unicast;client_port=5000-5001", udp(5000, 5001)),
            ("RTP/SAVP;unicast;client_port=5000-5001", None),
            // what is left out
            ("RTP/AVP;client_port=5000", udp(5000, 5001)),
            ("RTP/AVP;client_port=5000-5000", udp(5000, 5001)),
            ("RTP/AVP/TCP", tcp(0, 1)),
            ("RTP/AVP/TCP;interleaved=7", tcp(7, 8)),
            // where to is not theirs to say
            ("RTP/AVP;unicast;destination=192.0.2.1;client_port=5000-5001", udp(5000, 5001)),
        ] {
            assert_eq!(way(header), chosen, "{header}");
        }
    }

    #[test]
    fn what_cannot_be() {
        for header in [
            "",
            ",;,",
            "RTP/AVP",
            "RTP/AVP;unicast",
            "RTP/AVP;client_port=",
            "RTP/AVP;client_port=-",
            "RTP/AVP;client_port=80-81",
            "RTP/AVP;client_port=65536-65537",
            "RTP/AVP;client_port=+5000-5001",
            "RTP/AVP;client_port=65535",
            "RTP/AVP/TCP;interleaved=256-257",
            "RTP/AVP/TCP;interleaved=255",
            "RTP/AVP/TCP;multicast",
            "RTP/AVP;client_port=5000-5001;mode=record",
        ] {
            let both = [true, false].map(|multicast| Transport::choose(header, multicast));
            assert_eq!(both, [None, None], "{header}");
        }
    }

    #[test]
    fn the_group_is_for_who_asks_for_it_where_there_is_one() {
        let header = "RTP/AVP;multicast,RTP/AVP;unicast;client_port=5000-5001";
        assert_eq!(Transport::choose(header, true).unwrap().way, Way::Multicast);
        assert!(matches!(way(header), Some(Way::Udp { .. })));
    }

    #[test]
    fn an_answer_repeats_what_was_agreed() {
        let said = |header: &str, ours| {
            Agreed(Transport::choose(header, header.contains("multicast")).unwrap(), ours).to_string()
        };
        assert_eq!(
            said("RTP/AVPF/UDP;unicast;client_port=5000", Ours::Udp(6000, 6001, 0xab)),
            "RTP/AVPF;unicast;client_port=5000-5001;server_port=6000-6001;ssrc=000000AB;mode=\"PLAY\""
        );
        assert_eq!(
            said("RTP/AVP/TCP", Ours::Interleaved(1)),
            "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000001;mode=\"PLAY\""
        );
        let group = "239.1.2.3:5004".parse().unwrap();
        assert_eq!(
            said("RTP/AVP;multicast", Ours::Multicast(group, 1)),
            "RTP/AVP;multicast;destination=239.1.2.3;port=5004-5005;ttl=1;mode=\"PLAY\""
        );
    }

    proptest! {
        #[test]
        fn no_header_does_harm(header in "[A-Z/;,=a-z0-9\" -]{0,80}") {
            let _ = [true, false].map(|multicast| Transport::choose(&header, multicast));
        }
    }
}
