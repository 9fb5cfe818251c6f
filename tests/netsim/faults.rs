//! Whether the bad network is as bad as it was asked to be.

use crate::netem::{Bottleneck, DUPLICATE_LAG, Fates, GilbertElliott, Link, OVERHEAD, Reorder, Spec};
use camcast::time::Time;
use std::time::Duration;

const START: Time = Time::from_millis(50_000);
const MS: Duration = Duration::from_millis(1);

struct Run {
    /// Which datagram came when, in the order of arrival.
    came: Vec<(u32, Time)>,
    fates: Fates,
}

/// Sends `count` datagrams of `bytes`, headers included, `gap` apart.
fn run(spec: Spec, seed: u64, count: u32, bytes: usize, gap: Duration) -> Run {
    let mut link = Link::new(spec, seed, START);
    for n in 0..count {
        let mut bytes = vec![0; bytes - OVERHEAD];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        link.send(sent_at(n, gap), bytes);
    }
    let mut came = Vec::new();
    while link.in_flight() > 0 {
        let at = link.next_timeout();
        assert_eq!(link.poll(at.before(Duration::from_nanos(1))), None, "not before its time");
        let bytes = link.poll(at).unwrap();
        came.push((u32::from_be_bytes(bytes[..4].try_into().unwrap()), at));
    }
    Run { came, fates: link.fates() }
}

fn sent_at(n: u32, gap: Duration) -> Time {
    START.after(gap * n)
}

fn is_sorted(came: &[(u32, Time)]) -> bool {
    came.windows(2).all(|pair| pair[0].0 < pair[1].0)
}

fn near(measured: f64, wanted: f64, tolerance: f64) {
    assert!((measured - wanted).abs() <= wanted * tolerance, "{measured} is not about {wanted}");
}

#[test]
fn nothing_happens_on_a_clean_path() {
    let run = run(Spec::clean(20 * MS), 1, 1_000, 1_500, MS / 10);
    assert_eq!(run.came.len(), 1_000);
    assert!(is_sorted(&run.came));
    assert!(run.came.iter().all(|(n, at)| *at == sent_at(*n, MS / 10).after(20 * MS)));
}

#[test]
fn the_same_seed_gives_the_same_fate_and_another_one_another() {
    let spec = Spec { loss: 0.1, duplicate: 0.1, jitter: 3 * MS, ..Spec::default() };
    let came = |seed| run(spec.clone(), seed, 500, 100, MS).came;
    assert_eq!(came(7), came(7));
    assert_ne!(came(7), came(8));
}

#[test]
fn loss_is_as_asked_for_and_independent() {
    let run = run(Spec { loss: 0.05, ..Spec::default() }, 2, 40_000, 100, MS);
    near(run.fates.lost as f64, 2_000.0, 0.08);
    let gaps = run.came.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 1).count();
    near(run.fates.lost as f64 / gaps as f64, 1.0 / 0.95, 0.02);
}

#[test]
fn bursts_have_their_share_and_their_length() {
    let bursts = Some(GilbertElliott::bursts(0.04, 50.0));
    let run = run(Spec { gilbert_elliott: bursts, ..Spec::default() }, 3, 400_000, 100, MS);
    near(run.fates.lost as f64, 16_000.0, 0.15);
    let gaps = run.came.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 1).count();
    near(run.fates.lost as f64 / gaps as f64, 50.0, 0.15);
}

#[test]
fn jitter_wanders_within_its_bounds_and_keeps_the_order() {
    for jitter in [4 * MS, 40 * MS] {
        let spec = Spec { delay: 20 * MS, jitter, ..Spec::default() };
        let run = run(spec, 4, 50_000, 100, MS / 2);
        assert!(is_sorted(&run.came));
        let extra = |(n, at): &(u32, Time)| at.since(sent_at(*n, MS / 2).after(20 * MS));
        assert!(run.came.iter().map(extra).max() <= Some(jitter));
        let mean = run.came.iter().map(|came| extra(came).as_secs_f64()).sum::<f64>() / 50_000.0;
        // 40 ms in steps of 10 ms falls faster than time goes: the queue smooths it upward
        near(mean, jitter.as_secs_f64() / 2.0, if jitter == 4 * MS { 0.05 } else { 0.25 });
    }
}

#[test]
fn only_reordering_reorders() {
    let reorder = Some(Reorder { probability: 0.005, extra: 3 * MS });
    let spec = Spec { delay: 20 * MS, jitter: 4 * MS, reorder, ..Spec::default() };
    let run = run(spec, 5, 40_000, 100, MS / 10);
    near(run.fates.reordered as f64, 200.0, 0.2);
    let mut newest = 0;
    let mut overtaken = 0;
    for (n, _) in &run.came {
        overtaken += u64::from(*n < newest);
        newest = newest.max(*n);
    }
    // two that fall behind together keep their order
    near(overtaken as f64, run.fates.reordered as f64, 0.02);
    assert_eq!(run.came.len(), 40_000);
}

#[test]
fn duplicates_come_soon_after() {
    let run = run(Spec { duplicate: 0.02, ..Spec::clean(5 * MS) }, 6, 20_000, 100, MS);
    near(run.fates.duplicated as f64, 400.0, 0.15);
    assert_eq!(run.came.len() as u64, 20_000 + run.fates.duplicated);
    let latest = run.came.iter().map(|(n, at)| at.since(sent_at(*n, MS))).max();
    assert!(latest <= Some(5 * MS + DUPLICATE_LAG));
}

#[test]
fn a_bottleneck_has_its_rate_and_drops_what_its_queue_does_not_hold() {
    let bottleneck = Some(Bottleneck { rate_bps: 100_000_000, queue_bytes: 64 * 1024 });
    let spec = Spec { bottleneck, ..Spec::clean(5 * MS) };
    // 1500 bytes every 60 us are 200 Mbit/s
    let run = run(spec, 7, 20_000, 1_500, Duration::from_micros(60));
    let lasted = run.came[run.came.len() - 1].1.since(run.came[0].1);
    near(run.came.len() as f64 * 1_500.0 * 8.0 / lasted.as_secs_f64(), 100e6, 0.01);
    near(run.fates.overflow as f64, 10_000.0, 0.02);
    assert!(is_sorted(&run.came));
    let longest = run.came.iter().map(|(n, at)| at.since(sent_at(*n, Duration::from_micros(60)))).max();
    near(longest.unwrap().as_secs_f64(), 0.005 + 65_536.0 * 8.0 / 100e6, 0.05);
}

#[test]
fn a_bottleneck_within_its_rate_only_takes_its_time() {
    let bottleneck = Some(Bottleneck { rate_bps: 10_000_000, queue_bytes: 3_000 });
    let run = run(Spec { bottleneck, ..Spec::default() }, 8, 1_000, 1_250, MS);
    assert_eq!(run.fates.overflow, 0);
    assert!(run.came.iter().all(|(n, at)| at.since(sent_at(*n, MS)) == MS));
}

#[test]
fn nothing_survives_an_outage() {
    let outages = vec![(100 * MS, 200 * MS), (300 * MS, 301 * MS)];
    let run = run(Spec { outages, ..Spec::clean(20 * MS) }, 9, 400, 100, MS);
    let came: Vec<u32> = run.came.iter().map(|(n, _)| *n).collect();
    let wanted: Vec<u32> = (0..100).chain(200..300).chain(301..400).collect();
    assert_eq!(came, wanted);
    assert_eq!(run.fates.outage, 101);
}
