//! The stream's description (RFC 4566; RFC 2326, appendix C; of JPEG RFC 3551, 5).

use super::target::TRACK;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// What is described.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stream {
    /// The description's own number.
    pub id: u64,
    /// Whose address it is.
    pub at: IpAddr,
    /// Pixels, if a frame has come.
    pub size: Option<(u16, u16)>,
    /// A side is longer than packets can say: the size stands here alone.
    pub is_beyond: bool,
    /// Frames a second, if that is known.
    pub fps: Option<f32>,
    /// What is lacking may be asked for (RFC 4585).
    pub has_nack: bool,
    /// Where packets for all go, and how many routers they pass.
    pub group: Option<(SocketAddr, u8)>,
}

impl Stream {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(512);
        // a string takes all
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let kind = |ip: IpAddr| if ip.is_ipv4() { "IP4" } else { "IP6" };
        write!(text, "v=0\r\no=- {} 1 IN {} {}\r\n", self.id, kind(self.at), self.at)?;
        text.write_str("s=camcast\r\n")?;
        match self.group {
            // IPv6 has no number of routers there (RFC 4566, 5.7)
            Some((to, ttl)) if to.is_ipv4() => write!(text, "c=IN IP4 {}/{ttl}\r\n", to.ip())?,
            Some((to, _)) => write!(text, "c=IN IP6 {}\r\n", to.ip())?,
            None if self.at.is_ipv4() => text.write_str("c=IN IP4 0.0.0.0\r\n")?,
            None => text.write_str("c=IN IP6 ::\r\n")?,
        }
        let port = self.group.map_or(0, |(to, _)| to.port());
        let profile = if self.has_nack { "RTP/AVPF" } else { "RTP/AVP" };
        write!(text, "t=0 0\r\na=control:*\r\na=range:npt=now-\r\nm=video {port} {profile} 26\r\n")?;
        write!(text, "a=rtpmap:26 JPEG/90000\r\na=control:{TRACK}\r\n")?;
        if self.has_nack {
            text.write_str("a=rtcp-fb:26 nack\r\n")?;
        }
        if let Some(fps) = self.fps {
            write!(text, "a=framerate:{fps:.2}\r\n")?;
        }
        if let Some((width, height)) = self.size {
            write!(text, "a=framesize:26 {width}-{height}\r\n")?;
            // RFC 2435 has no room for it; GStreamer reads it
            if self.is_beyond {
                write!(text, "a=x-dimensions:{width},{height}\r\n")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Stream = Stream {
        id: 5,
        at: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
        size: Some((1280, 720)),
        is_beyond: false,
        fps: Some(29.97),
        has_nack: false,
        group: None,
    };

    #[test]
    fn a_stream_is_described() {
        assert_eq!(
            PLAIN.text(),
            "v=0\r\no=- 5 1 IN IP4 10.0.0.1\r\ns=camcast\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
             a=range:npt=now-\r\nm=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:track1\r\n\
             a=framerate:29.97\r\na=framesize:26 1280-720\r\n"
        );
    }

    #[test]
    fn what_is_special_is_said() {
        let special = Stream {
            at: "fe80::1".parse().unwrap(),
            size: Some((2592, 1944)),
            is_beyond: true,
            fps: None,
            has_nack: true,
            group: Some(("239.1.2.3:5004".parse().unwrap(), 1)),
            ..PLAIN
        };
        let text = special.text();
        for line in [
            "o=- 5 1 IN IP6 fe80::1",
            "c=IN IP4 239.1.2.3/1",
            "m=video 5004 RTP/AVPF 26",
            "a=rtcp-fb:26 nack",
            "a=x-dimensions:2592,1944",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
        assert!(!text.contains("framerate"));
    }
}
