//! What is asked for, by any of the names that programs use: ustreamer's (`/stream`, `/snapshot`, `/state`), mjpg-streamer's
//! (`/?action=stream`), and those of files. What a query says beside that, such as a cache-buster, is nobody's business.

use super::request::Request;
use std::time::Duration;

/// The fewest and the most frames a second that can be asked for.
const FPS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

/// How much smaller frames are to be than the camera's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Half as wide, half as high.
    Half,
    /// A quarter of each.
    Quarter,
    /// An eighth of each.
    Eighth,
}

impl Scale {
    /// Each of them.
    pub const ALL: [Scale; 3] = [Scale::Half, Scale::Quarter, Scale::Eighth];

    /// Its place among all.
    pub fn place(self) -> usize {
        self as usize
    }

    /// What it is asked for by: so many times smaller.
    pub fn divisor(self) -> u8 {
        match self {
            Scale::Half => 2,
            Scale::Quarter => 4,
            Scale::Eighth => 8,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The picture, frame by frame.
    Stream {
        /// No two frames are to be closer than this; zero: all of them.
        interval: Duration,
        /// Frames are to be smaller than the camera's.
        scale: Option<Scale>,
        /// The next part's head is to go with each part.
        in_advance: bool,
    },
    /// One frame.
    Snapshot {
        /// It has to be captured after the request.
        is_fresh: bool,
        /// It is to be smaller than the camera's.
        scale: Option<Scale>,
    },
    /// What there is to know, as ustreamer says it.
    State,
    /// The same for Prometheus.
    Metrics {
        /// As OpenMetrics.
        is_open: bool,
    },
    /// Whether all is well.
    Health,
    /// The camera's controls.
    Controls,
    /// The front page.
    Page,
}

impl Route {
    /// What a request asks for.
    ///
    /// # Errors
    /// What cannot be done of it; `None` if there is nothing of that name.
    pub fn of(request: &Request<'_>) -> Result<Option<Self>, &'static str> {
        let is_set = |name| request.value(name).is_some_and(|value| !matches!(value, "0" | "false"));
        let stream = || {
            let interval = request.value("fps").map_or(Ok(Duration::ZERO), interval)?;
            let scale = request.value("scale").map_or(Ok(None), scale)?;
            let in_advance = match request.value("advance_headers") {
                Some(_) => is_set("advance_headers"),
                None => request.is_picture_element(),
            };
            Ok(Some(Route::Stream { interval, scale, in_advance }))
        };
        let snapshot = || {
            let scale = request.value("scale").map_or(Ok(None), scale)?;
            Ok(Some(Route::Snapshot { is_fresh: is_set("fresh"), scale }))
        };
        match (request.path, request.value("action")) {
            ("/stream" | "/stream.mjpg" | "/stream.mjpeg" | "/video.mjpg", _) => stream(),
            ("/snapshot" | "/snapshot.jpg", _) => snapshot(),
            ("/" | "/index.html", Some("stream" | "stream_0")) => stream(),
            ("/" | "/index.html", Some("snapshot" | "snapshot_0")) => snapshot(),
            ("/" | "/index.html", _) => Ok(Some(Route::Page)),
            ("/state", _) => Ok(Some(Route::State)),
            ("/metrics", _) => {
                let is_open = request.accept.contains("application/openmetrics-text");
                Ok(Some(Route::Metrics { is_open }))
            }
            ("/healthz", _) => Ok(Some(Route::Health)),
            ("/controls", _) => Ok(Some(Route::Controls)),
            _ => Ok(None),
        }
    }
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    let fps = text.parse::<f64>().ok().filter(|fps| FPS.contains(fps));
    fps.map(|fps| Duration::from_secs_f64(1.0 / fps)).ok_or("fps: a number from 0.01 to 1000")
}

/// One time smaller is the camera's own frames.
fn scale(text: &str) -> Result<Option<Scale>, &'static str> {
    match text {
        "1" => Ok(None),
        "2" => Ok(Some(Scale::Half)),
        "4" => Ok(Some(Scale::Quarter)),
        "8" => Ok(Some(Scale::Eighth)),
        _ => Err("scale: 1, 2, 4 or 8, for frames so many times smaller"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::{Parsed, parse};
    use super::*;

    fn route_for(target: &str, fields: &str) -> Result<Option<Route>, &'static str> {
        let text = format!("GET {target} HTTP/1.1\r\nHost: pi\r\n{fields}\r\n");
        match parse(text.as_bytes()) {
            Parsed::Request(request, _) => Route::of(&request),
            other => panic!("{other:?}"),
        }
    }

    fn route(target: &str) -> Result<Option<Route>, &'static str> {
        route_for(target, "")
    }

    const STREAM: Route = Route::Stream { interval: Duration::ZERO, scale: None, in_advance: false };
    const SNAPSHOT: Route = Route::Snapshot { is_fresh: false, scale: None };

    #[test]
    fn each_name_that_programs_use() {
        for target in [
            "/stream",
            "/stream?1732612345678",
            "/stream&1732612345678",
            "/stream?cacheBust=1732612345678",
            "/?action=stream",
            "/?action=stream&1732612345678",
            "/?action=stream_0",
            "/?action=stream&dummy=param.mjpg",
            "/?action=stream&ignored.mjpg",
            "/stream?extra_headers=1&dual_final_frames=1&zero_data=0",
            "/stream?advance_headers=0",
            "/stream?scale=1",
        ] {
            assert_eq!(route(target), Ok(Some(STREAM)), "{target}");
        }
        for target in [
            "/snapshot",
            "/snapshot.jpg?timestamp=1732612345678",
            "/?action=snapshot",
            "/?action=snapshot_0&bypassCache=1732612345678",
            "/snapshot?fresh=0",
            "/snapshot?scale=1",
        ] {
            assert_eq!(route(target), Ok(Some(SNAPSHOT)), "{target}");
        }
        assert_eq!(route("/snapshot?fresh=1"), Ok(Some(Route::Snapshot { is_fresh: true, scale: None })));
        assert_eq!(route("/"), Ok(Some(Route::Page)));
        assert_eq!(route("/?action=else"), Ok(Some(Route::Page)));
        assert_eq!([route("/Stream"), route("/etc/passwd"), route("/stream/")], [Ok(None); 3]);
        assert_eq!(route("*"), Ok(None));
    }

    #[test]
    fn how_the_stream_is_wanted() {
        let with = |interval, in_advance| Ok(Some(Route::Stream { interval, scale: None, in_advance }));
        assert_eq!(route("/stream?fps=4"), with(Duration::from_millis(250), false));
        assert_eq!(route("/stream?fps=0.5&advance_headers=1"), with(Duration::from_secs(2), true));
        for fps in ["0", "-1", "nan", "inf", "", "1e99", "5x"] {
            assert!(route(&format!("/stream?fps={fps}")).is_err(), "{fps}");
        }
        let chrome = "User-Agent: Mozilla/5.0 Chrome/130.0\r\nAccept: image/avif,*/*\r\n";
        assert_eq!(route_for("/stream", chrome), with(Duration::ZERO, true));
        let open = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
        assert_eq!(route_for("/metrics", open), Ok(Some(Route::Metrics { is_open: true })));
    }

    #[test]
    fn frames_are_made_smaller_by_two_four_or_eight_and_by_nothing_else() {
        for (text, scale) in [("2", Scale::Half), ("4", Scale::Quarter), ("8", Scale::Eighth)] {
            let stream = Route::Stream { interval: Duration::ZERO, scale: Some(scale), in_advance: false };
            assert_eq!(route(&format!("/stream?scale={text}")), Ok(Some(stream)));
            assert_eq!(route(&format!("/?action=stream&scale={text}")), Ok(Some(stream)));
            let snapshot = Route::Snapshot { is_fresh: true, scale: Some(scale) };
            assert_eq!(route(&format!("/snapshot?fresh=1&scale={text}")), Ok(Some(snapshot)));
            let snapshot = Route::Snapshot { is_fresh: false, scale: Some(scale) };
            assert_eq!(route(&format!("/?action=snapshot&scale={text}")), Ok(Some(snapshot)));
        }
        for text in ["0", "3", "16", "abc", "", "-2", "02", "2.0", "0.5", "1/2", "999999999999"] {
            for target in ["/stream?", "/snapshot?", "/?action=stream&", "/?action=snapshot&"] {
                let refused = route(&format!("{target}scale={text}"));
                assert_eq!(refused, Err("scale: 1, 2, 4 or 8, for frames so many times smaller"), "{text}");
            }
        }
        assert_eq!(route("/state?scale=3"), Ok(Some(Route::State)), "it says nothing there");
    }
}
