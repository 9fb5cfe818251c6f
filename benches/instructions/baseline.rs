//! The baseline in the repository, and what is counted now beside it.

use crate::counted::Counted;
use crate::work::WORK;
use std::fs;

/// More than so many percent more is a failure. Where another compiler has been at work, counts differ by themselves: then only
/// what is far more is one.
const TOLERANCE: u64 = 5;
const TOLERANCE_ELSEWHERE: u64 = 15;

/// Instructions that nobody would miss: what is so short varies.
const LEAST: u64 = 50;

/// How the baseline of that kind of processor is renewed.
fn renewal(processor: &str) -> &'static str {
    match processor {
        "aarch64" => "UPDATE_GOLDEN=1 TESTS=instructions make cross",
        _ => "UPDATE_GOLDEN=1 make bench-instructions",
    }
}

/// Says what has changed; or renews the baseline, if that is wanted. False: something takes more than it did, or nobody knows.
pub(crate) fn compare(now: &Counted) -> bool {
    if now.works.len() != WORK.len() || now.works.iter().any(|(_, count)| *count == 0) {
        println!("not all work has been counted: {:?}", now.works);
        return false;
    }
    let path = Counted::path(&now.processor);
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|update| !update.is_empty()) {
        fs::write(&path, now.text()).unwrap();
        print!("{}", now.text());
        return true;
    }
    let Some(was) = Counted::read(&now.processor) else {
        println!("there is no {}: {} writes it", path.display(), renewal(&now.processor));
        return false;
    };
    let tolerance = if now.rustc == was.rustc { TOLERANCE } else { TOLERANCE_ELSEWHERE };
    if now.rustc != was.rustc {
        println!(
            "the baseline is {}'s, and this is {}: only {tolerance} % more is a failure",
            was.rustc, now.rustc
        );
    }
    println!("{:14} {:>9} {:>9}", "instructions", "now", "were");
    let rows: Vec<bool> = now.works.iter().map(|(name, count)| row(name, *count, &was, tolerance)).collect();
    let is_good = !rows.contains(&false);
    if !is_good {
        println!("If that is as it should be: {}, and say why in the commit.", renewal(&now.processor));
    }
    is_good
}

fn row(name: &str, count: u64, was: &Counted, tolerance: u64) -> bool {
    let Some((_, before)) = was.works.iter().find(|(known, _)| known == name) else {
        println!("{name:14} {count:>9}         - NEW");
        return false;
    };
    let percent = 100.0 * (count as f64 / (*before).max(1) as f64 - 1.0);
    let is_more = count > before + before * tolerance / 100 + LEAST;
    println!("{name:14} {count:>9} {before:>9} {percent:>+7.1} %{}", if is_more { "  TOO MANY" } else { "" });
    !is_more
}
