//! What is asked for: the stream or its only track, by any of the names that programs use.
//!
//! Programs put the track's name behind the address that they were given, some in front of its query and some behind it, with or
//! without a slash between them; some ask for the whole server; some (VLC's list of servers found in the network) name no path at all.

/// The track's name.
pub const TRACK: &str = "track1";

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The server as such: `*`.
    Server,
    /// The stream.
    Stream(Wish),
}

/// How it is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// It is called by the name that means packets for all.
    pub is_multicast: bool,
    /// The client would ask for what it lacks: `?nack=1`.
    pub has_nack: bool,
}

impl Target {
    /// The target of that name, if there is one.
    pub fn of(typed: &str) -> Option<Self> {
        if typed == "*" {
            return Some(Target::Server);
        }
        let (_, place) = split(typed);
        let place = without_track(place);
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let is_multicast = match without_track(path).trim_matches('/') {
            "" | "stream" | "unicast" => false,
            "multicast" => true,
            _ => return None,
        };
        let pairs = query.split(['&', '?', '/']);
        let has_nack = pairs.filter_map(|pair| pair.split_once('=')).any(|pair| pair == ("nack", "1"));
        Some(Target::Stream(Wish { is_multicast, has_nack }))
    }
}

fn without_track(place: &str) -> &str {
    let place = place.trim_end_matches('/');
    place.strip_suffix(TRACK).filter(|rest| rest.ends_with('/')).unwrap_or(place)
}

/// An address as far as the machine goes, and from its path on. A path alone is of no machine.
fn split(address: &str) -> (&str, &str) {
    let rest = ["rtsp://", "rtspu://"].into_iter().find_map(|scheme| {
        let (start, rest) = address.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let place = rest.map_or(address, |rest| rest.trim_start_matches(|it| !matches!(it, '/' | '?')));
    address.split_at_checked(address.len().saturating_sub(place.len())).unwrap_or((address, ""))
}

/// The address that the track's name is put behind: the stream's as it was asked for, and a slash.
pub fn base(typed: &str) -> String {
    let (machine, place) = split(typed);
    format!("{machine}{}/", without_track(place).trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Wish = Wish { is_multicast: false, has_nack: false };
    const NACK: Wish = Wish { has_nack: true, ..PLAIN };
    const ALL: Wish = Wish { is_multicast: true, ..PLAIN };

    #[test]
    fn the_stream_has_the_names_that_programs_use() {
        for host in [
            "rtsp://10.0.0.1",
            "rtsp://pi.local:8554",
            "RTSP://[fe80::1]:8554",
            "rtsp://anna:x@pi",
            "rtspu://a",
        ] {
            for (path, wish) in [
                ("", PLAIN),
                ("/", PLAIN),
                ("/stream", PLAIN),
                ("/unicast/", PLAIN),
                ("/stream?x=1&y", PLAIN),
                ("/stream?nack=0", PLAIN),
                ("/?nack=1", NACK),
                ("/stream?a=b&nack=1", NACK),
                ("/stream/?nack=1", NACK),
                ("/multicast", ALL),
            ] {
                for track in ["", "/", "/track1", "/track1/"] {
                    let typed = format!("{host}{path}{track}");
                    assert_eq!(Target::of(&typed), Some(Target::Stream(wish)), "{typed}");
                }
            }
        }
        assert_eq!(Target::of("rtsp://a/stream/track1?nack=1"), Some(Target::Stream(NACK)));
        assert_eq!(Target::of("*"), Some(Target::Server));
        assert_eq!(Target::of("/stream"), Some(Target::Stream(PLAIN)));
    }

    #[test]
    fn there_is_nothing_else() {
        for typed in [
            "rtsp://a/other",
            "rtsp://a/streamtrack1",
            "rtsp://a/stream/track2",
            "rtsp://a/stream/../x",
            "http://a/",
        ] {
            assert_eq!(Target::of(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_tracks_name_has_something_to_stand_behind() {
        assert_eq!(base("rtsp://a/stream"), "rtsp://a/stream/");
        assert_eq!(base("rtsp://a/stream/"), "rtsp://a/stream/");
        assert_eq!(base("rtsp://a/?nack=1"), "rtsp://a/?nack=1/");
        assert_eq!(base("rtsp://track1"), "rtsp://track1/", "a machine of that name");
        assert_eq!(base("rtsp:///track1"), "rtsp:///", "no machine at all");
        for typed in ["rtsp://a/track1", "rtsp://a/track1/", "rtsp://a/"] {
            assert_eq!(base(typed), "rtsp://a/", "the track has no track of its own");
        }
    }
}
