//! What programs and people are told of each way, where there are two.

use crate::app::quantity::show_duration;
use crate::receiver::shares::Share;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// What there is to say of one way.
#[derive(Clone, Debug)]
pub struct PathAccount {
    /// As it was typed.
    pub name: String,
    /// The stream comes by it now.
    pub is_there: bool,
    /// What it has brought, and what was lost on it.
    pub share: Share,
    /// Where it is known.
    pub round_trip: Option<Duration>,
    /// How often it was lost.
    pub losses: u32,
    /// How long it was away in all.
    pub away: Duration,
}

/// The same in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the table in docs/json.md says what each is")]
pub struct PathFigures {
    pub host: String,
    pub there: bool,
    pub first: u64,
    pub sent: u64,
    pub lost: u64,
    pub round_trip_ms: Option<f64>,
    pub losses: u32,
    pub away_ms: u64,
}

impl From<&PathAccount> for PathFigures {
    fn from(path: &PathAccount) -> Self {
        let Share { first, sent, lost } = path.share;
        PathFigures {
            host: path.name.clone(),
            there: path.is_there,
            first,
            sent,
            lost,
            round_trip_ms: path.round_trip.map(|time| (time.as_secs_f64() * 1e4).round() / 10.0),
            losses: path.losses,
            away_ms: u64::try_from(path.away.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The lines of the account; nothing where there is but one way.
pub(super) fn text(paths: &[PathAccount]) -> String {
    let mut text = String::new();
    for path in paths {
        let _ = write!(text, "by {}: {} first", path.name, percent(first_percent(path, paths)));
        let _ = write!(text, ", {} lost", percent(path.share.lost_percent()));
        if let Some(round_trip) = path.round_trip {
            let _ = write!(text, ", round trip {} ms", round_trip.as_millis());
        }
        if path.losses > 0 {
            let times = if path.losses == 1 { "once".into() } else { format!("{} times", path.losses) };
            let _ = write!(text, ", away {times}, {} in all", show_duration(path.away));
        }
        text.push('\n');
    }
    text
}

/// For the status line: what came first by each way, and which are away.
pub(in crate::app::rec) fn glance(paths: &[PathAccount]) -> Option<String> {
    let each = |path: &PathAccount| {
        if path.is_there { percent(first_percent(path, paths)).replace(' ', "") } else { "away".to_owned() }
    };
    let each: Vec<String> = paths.iter().map(each).collect();
    (!each.is_empty()).then(|| format!("ways {}", each.join("/")))
}

fn first_percent(path: &PathAccount, paths: &[PathAccount]) -> Option<f64> {
    let all: u64 = paths.iter().map(|path| path.share.first).sum();
    (all > 0).then(|| 100.0 * path.share.first as f64 / all as f64)
}

fn percent(share: Option<f64>) -> String {
    share.map_or("- %".to_owned(), |share| format!("{share:.1} %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str, is_there: bool, first: u64, lost: u64) -> PathAccount {
        let share = Share { first, sent: 1_000, lost };
        let round_trip = is_there.then_some(Duration::from_micros(8_460));
        let (losses, away) = if is_there { (0, Duration::ZERO) } else { (2, Duration::from_millis(10_400)) };
        PathAccount { name: name.into(), is_there, share, round_trip, losses, away }
    }

    #[test]
    fn each_way_has_a_line() {
        let paths = [path("pi.local", true, 620, 13), path("10.8.0.1", false, 380, 201)];
        assert_eq!(
            text(&paths),
            "by pi.local: 62.0 % first, 1.3 % lost, round trip 8 ms\n\
             by 10.8.0.1: 38.0 % first, 20.1 % lost, away 2 times, 10.4 s in all\n"
        );
        assert_eq!(glance(&paths).unwrap(), "ways 62.0%/away");
        let figures = serde_json::to_string(&PathFigures::from(&paths[0])).unwrap();
        assert_eq!(
            figures,
            r#"{"host":"pi.local","there":true,"first":620,"sent":1000,"lost":13,"round_trip_ms":8.5,"losses":0,"away_ms":0}"#
        );
        assert_eq!((text(&[]), glance(&[])), (String::new(), None));
    }
}
