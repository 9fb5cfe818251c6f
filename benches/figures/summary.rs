//! Figures of several rounds as one.

use serde::Serialize;

/// The one in the middle; not a number of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// A figure of each round: the one in the middle, and how far they are apart.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        let (least, most) = (f64::min, f64::max);
        Spread {
            median: median(values.iter().copied()),
            least: values.iter().copied().fold(f64::NAN, least),
            most: values.iter().copied().fold(f64::NAN, most),
        }
    }

    /// As a table shows it, with so many digits behind the point.
    pub(crate) fn shown(&self, digits: usize) -> String {
        let Spread { median, least, most } = self;
        // a single round has no spread
        if median.is_nan() || least == most {
            return figure(*median, digits);
        }
        format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

/// With so many digits behind the point; a dash for none.
pub(crate) fn figure(value: f64, digits: usize) -> String {
    if value.is_nan() { "-".into() } else { format!("{value:.digits$}") }
}

/// Of fewer delays there is no p99: it would be one of the longest three.
pub(crate) const LEAST_FOR_P99: usize = 300;

/// Times from capture until a frame was complete, in milliseconds: the middle, the end and the longest of all rounds together.
/// Not numbers where there are too few.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Delays {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) most_ms: f64,
    /// So many frames of so many clients.
    pub(crate) count: usize,
}

impl Delays {
    /// Of the delays of each round, in microseconds.
    pub(crate) fn of<'a>(rounds: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut sorted = rounds.into_iter().flatten().copied().collect::<Vec<u32>>();
        sorted.sort_unstable();
        // the least of them that so many percent do not exceed
        let at = |percent: usize| {
            let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(place).map_or(f64::NAN, |delay| f64::from(*delay) / 1000.0)
        };
        Delays {
            p50_ms: at(50),
            p99_ms: if sorted.len() < LEAST_FOR_P99 { f64::NAN } else { at(99) },
            most_ms: at(100),
            count: sorted.len(),
        }
    }

    pub(crate) fn shown(&self) -> String {
        let [p50, p99, most] = [self.p50_ms, self.p99_ms, self.most_ms].map(|ms| figure(ms, 1));
        if self.count == 0 { p50 } else { format!("{p50} / {p99} / {most}") }
    }
}
