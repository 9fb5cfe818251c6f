//! A measurement that fails costs its own figure, and nothing else of what took minutes: it panics, and the report says so.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How much of what was said is told.
const LENGTH: usize = 300;

/// What has failed, in words for the report.
#[derive(Default)]
pub(crate) struct Failures(RefCell<Vec<String>>);

impl Failures {
    /// What was measured. None: it has failed. Programs that it had started have been ended.
    pub(crate) fn attempt<T>(&self, what: &str, measure: impl FnOnce() -> T) -> Option<T> {
        // who measures leaves only what it returns
        let why = match catch_unwind(AssertUnwindSafe(measure)) {
            Ok(measured) => return Some(measured),
            Err(why) => why,
        };
        let text = why.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| why.downcast_ref::<&str>().copied()).unwrap_or("it says nothing");
        // in one line, and nothing in it that would be Markdown
        let line = text.split_whitespace().collect::<Vec<&str>>().join(" ").replace('`', "'");
        let short: String = line.chars().take(LENGTH).collect();
        let end = if short == line { "" } else { " ..." };
        self.0.borrow_mut().push(format!("{what}: `{short}{end}`"));
        None
    }

    /// All of them, in turn.
    pub(crate) fn told(self) -> Vec<String> {
        self.0.into_inner()
    }
}
