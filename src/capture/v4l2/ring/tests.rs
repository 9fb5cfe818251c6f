use std::thread;

use super::fake::{Fake, LENGTH};
use super::*;

const MONOTONIC: u32 = sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;

#[test]
fn a_near_monotonic_time_is_believed() {
    let now = Time::from_millis(100_000);
    for millis in [90_000, 99_967, 100_000, 100_178, 110_000] {
        let driver = Time::from_millis(millis);
        assert_eq!(believable(MONOTONIC | sys::V4L2_BUF_FLAG_DONE, driver, now), driver);
    }
}

#[test]
fn any_other_time_is_not() {
    let now = Time::from_millis(100_000);
    for millis in [0, 89_999, 110_001, 4_154_505_010_000] {
        assert_eq!(believable(MONOTONIC, Time::from_millis(millis), now), now);
    }
    let near = Time::from_millis(99_990);
    assert_eq!(believable(0, near, now), now);
    assert_eq!(believable(sys::V4L2_BUF_FLAG_TIMESTAMP_COPY, near, now), now);
}

fn ring(fake: &Arc<Fake>) -> Result<Ring, CallError> {
    Ring::start(Arc::clone(fake) as Arc<dyn Driver>)
}

/// What the next buffer holds.
fn next(ring: &mut Ring) -> Vec<u8> {
    ring.dequeue().unwrap().unwrap().bytes().to_vec()
}

#[test]
fn frames_come_as_they_were_filled_while_the_driver_fills_all_others() {
    let fake = Fake::new(9);
    let mut ring = ring(&fake).unwrap();
    assert_eq!(
        (ring.len(), fake.state().queued.len()),
        (6, 6),
        "six are asked for, and all given to the driver"
    );
    assert!(fake.fill(0, LENGTH));
    for value in 1..50 {
        let lent = ring.dequeue().unwrap().unwrap();
        let others = (0..9).take_while(|_| fake.fill(value, u32::from(value))).count();
        assert_eq!(others, if value == 1 { 5 } else { 0 }, "the driver has all but the one that is lent");
        assert!(lent.bytes().iter().all(|&byte| byte == lent.bytes()[0]));
        let seen = lent.bytes()[0];
        drop(lent);
        assert!(seen < value);
        assert!(fake.fill(value, LENGTH), "and gets that back");
    }
}

#[test]
fn none_is_lent_before_one_is_filled() {
    let fake = Fake::new(6);
    let mut ring = ring(&fake).unwrap();
    assert!(ring.dequeue().unwrap().is_none());
    assert_eq!(ring.drop_older(), Ok(0));
    assert!(fake.fill(7, 3));
    assert_eq!(next(&mut ring), [7; 3]);
}

#[test]
fn what_a_driver_says_is_bounded_by_what_the_buffer_holds() {
    let fake = Fake::new(4);
    let mut ring = ring(&fake).unwrap();
    assert!(fake.fill(1, LENGTH + 1) && fake.fill(2, u32::MAX) && fake.fill(3, 0));
    assert_eq!(next(&mut ring), [1; LENGTH as usize]);
    assert_eq!(next(&mut ring), [2; LENGTH as usize]);
    let empty = ring.dequeue().unwrap().unwrap();
    assert!(empty.bytes().is_empty() && empty.flawed());
    drop(empty);
    for index in [4, u32::MAX] {
        assert!(fake.fill(5, 5));
        fake.state().filled[0].index = index;
        let failed = ring.dequeue().err().unwrap();
        assert_eq!(failed, CallError { call: "VIDIOC_DQBUF", errno: Errno::ERANGE });
    }
}

#[test]
fn with_one_buffer_there_is_no_ring() {
    for grants in [0, 1] {
        let fake = Fake::new(grants);
        assert_eq!(ring(&fake).err().unwrap().errno, Errno::ENOMEM);
        assert!(fake.state().mapped.is_empty() && !fake.state().is_on);
    }
}

#[test]
fn older_ones_go_back_and_the_newest_is_next() {
    let fake = Fake::new(6);
    let mut ring = ring(&fake).unwrap();
    for value in 1..=4 {
        assert!(fake.fill(value, LENGTH));
    }
    assert_eq!(ring.drop_older(), Ok(3));
    assert_eq!(fake.state().queued.len(), 5);
    assert!(fake.fill(5, LENGTH));
    assert_eq!(ring.drop_older(), Ok(1), "of the one that was kept before, too");
    assert_eq!(next(&mut ring), [5; LENGTH as usize]);
    assert_eq!(fake.state().queued.len(), 6);
}

#[test]
fn a_buffer_that_cannot_be_given_back_is_told_by_the_next_call() {
    let fake = Fake::new(6);
    let mut ring = ring(&fake).unwrap();
    assert!(fake.fill(1, 1) && fake.fill(2, 2));
    let lent = ring.dequeue().unwrap().unwrap();
    let next_call = fake.state().calls;
    fake.state().fails = Some(next_call);
    drop(lent);
    assert_eq!(ring.dequeue().err().unwrap(), CallError { call: "VIDIOC_QBUF", errno: Errno::ENODEV });
    assert_eq!(next(&mut ring), [2; 2], "once");
}

/// A ring's whole life, with frames, one of them kept and never lent.
fn live(fake: &Arc<Fake>) -> Result<(), CallError> {
    let mut ring = ring(fake)?;
    for value in 0..4 {
        fake.fill(value, 1);
    }
    drop(ring.dequeue()?);
    ring.drop_older()?;
    drop(ring.dequeue()?);
    fake.fill(9, 1);
    ring.drop_older().map(drop)
}

#[test]
fn whichever_call_fails_all_is_undone() {
    let mut failed = Vec::new();
    for call in 0.. {
        let fake = Fake::new(3);
        fake.state().fails = Some(call);
        if let Err(error) = live(&fake) {
            failed.push(error.call);
        }
        let state = fake.state();
        assert!(state.mapped.is_empty(), "call {call}");
        if state.calls <= call {
            assert!(!state.is_on && state.made == 0);
            break;
        }
    }
    for call in
        ["VIDIOC_REQBUFS", "VIDIOC_QUERYBUF", "mmap", "VIDIOC_QBUF", "VIDIOC_STREAMON", "VIDIOC_DQBUF"]
    {
        assert!(failed.contains(&call), "{call} was never told: {failed:?}");
    }
}

#[test]
fn a_ring_may_move_to_another_thread() {
    let fake = Fake::new(6);
    let mut ring = ring(&fake).unwrap();
    assert!(fake.fill(1, 2));
    thread::spawn(move || assert_eq!(next(&mut ring), [1; 2])).join().unwrap();
    assert!(fake.state().mapped.is_empty());
}
