//! A camera that comes, goes, hangs and lies, on a clock that only the test moves.

use super::*;
use proptest::prelude::*;

const CAMERA: SupervisorConfig = SupervisorConfig { reopens: true, on_demand: false, exit_on_error: false };
const FRAME: Duration = Duration::from_millis(33);

/// A supervisor, the clock, and whether the source is open.
struct Life {
    supervisor: Supervisor,
    now: Time,
    notices: Vec<Notice>,
    orders: Vec<Order>,
}

impl Life {
    fn new(plan: SupervisorConfig) -> Self {
        let now = Time::from_millis(10_000);
        let mut life =
            Life { supervisor: Supervisor::new(plan, now), now, notices: Vec::new(), orders: Vec::new() };
        life.drain();
        life
    }

    fn drain(&mut self) {
        while let Some(order) = self.supervisor.poll_order() {
            self.orders.push(order);
        }
        while let Some(notice) = self.supervisor.poll_notice() {
            self.notices.push(notice);
        }
    }

    fn act(&mut self, act: impl FnOnce(&mut Supervisor, Time)) {
        act(&mut self.supervisor, self.now);
        self.drain();
    }

    /// Sleeps until the next deadline, and returns how long that was.
    fn sleep(&mut self) -> Duration {
        let due = self.supervisor.next_timeout();
        assert_ne!(due, Time::NEVER, "nothing to wait for");
        let slept = due.since(self.now);
        self.now = self.now.max(due);
        self.act(|supervisor, now| supervisor.handle_timeout(now));
        slept
    }

    fn opened(&mut self) {
        self.act(|supervisor, now| supervisor.handle_opened(Some(FRAME), now));
    }

    fn failed(&mut self, cause: LostReason) {
        self.act(|supervisor, now| supervisor.handle_open_failed(cause, true, now));
    }

    fn frames(&mut self, count: u32) {
        for _ in 0..count {
            self.now = self.now.after(FRAME);
            self.act(|supervisor, now| supervisor.handle_frame(now));
        }
    }

    fn fault(&mut self, cause: LostReason) {
        self.act(|supervisor, now| supervisor.handle_fault(cause, now));
    }

    fn told(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn ordered(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    fn is_lost(&self) -> bool {
        matches!(self.supervisor.signal(), Signal::Lost { .. })
    }

    fn streaming(plan: SupervisorConfig) -> Self {
        let mut life = Life::new(plan);
        life.opened();
        life.frames(100);
        life.told();
        life.ordered();
        life
    }
}

#[test]
fn another_camera_that_comes_and_goes_is_told_once() {
    let mut life = Life::streaming(CAMERA);
    life.fault(LostReason::Unplugged);
    life.sleep();
    for _ in 0..50 {
        for cause in [LostReason::Another, LostReason::Missing] {
            life.failed(cause);
            life.sleep();
        }
    }
    assert_eq!(life.told(), [Notice::Lost(LostReason::Unplugged), Notice::Waiting(LostReason::Another)]);
    let Signal::Lost { cause, .. } = life.supervisor.signal() else { panic!("there is none") };
    assert_eq!(cause, LostReason::Missing, "a picture says what is so now");
    // what has another remedy is said
    life.failed(LostReason::Forbidden);
    assert_eq!(life.told(), [Notice::Waiting(LostReason::Forbidden)]);
}

#[test]
fn starts_without_a_camera_and_waits_for_it() {
    let mut life = Life::new(CAMERA);
    let mut waits = Vec::new();
    for _ in 0..7 {
        assert_eq!(life.ordered(), [Order::Open]);
        life.failed(LostReason::Missing);
        waits.push(life.sleep().as_millis());
    }
    assert_eq!(waits, [200, 400, 800, 1600, 2000, 2000, 2000]);
    assert_eq!(life.told(), [Notice::Waiting(LostReason::Missing)]);
    assert!(life.is_lost());
    life.failed(LostReason::Forbidden);
    life.sleep();
    life.failed(LostReason::Forbidden);
    life.sleep();
    life.opened();
    assert!(life.is_lost());
    life.frames(1);
    let Some(Notice::Frames { after }) = life.notices.pop() else { panic!("{:?}", life.notices) };
    assert!(after > Duration::from_secs(9), "{after:?}");
    assert_eq!(life.told(), [Notice::Waiting(LostReason::Forbidden)]);
    assert!(!life.is_lost());
    assert!(!life.supervisor.take_discontinuity(), "there was nothing before");
}

#[test]
fn a_new_device_is_tried_at_once_but_not_in_a_storm() {
    let mut life = Life::new(CAMERA);
    for _ in 0..6 {
        life.failed(LostReason::Missing);
        life.sleep();
    }
    life.failed(LostReason::Missing);
    life.now = life.now.after(Duration::from_millis(700));
    life.act(Supervisor::handle_hint);
    assert_eq!(life.sleep(), Duration::ZERO);
    life.failed(LostReason::Forbidden);
    life.act(Supervisor::handle_hint);
    assert_eq!(life.sleep(), ATTEMPT_GAP);
    life.failed(LostReason::Forbidden);
    assert_eq!(life.sleep(), SHORTEST_WAIT);
}

#[test]
fn an_unplugged_camera_is_closed_before_it_is_opened_again() {
    let mut life = Life::streaming(CAMERA);
    life.fault(LostReason::Unplugged);
    assert_eq!(life.told(), [Notice::Lost(LostReason::Unplugged)]);
    assert!(life.is_lost());
    assert_eq!(life.sleep(), Duration::ZERO);
    assert_eq!(life.ordered(), [Order::Close, Order::Open]);
    life.failed(LostReason::Missing);
    life.sleep();
    life.opened();
    life.frames(3);
    assert!(matches!(life.told()[..], [Notice::Waiting(LostReason::Missing), Notice::Frames { .. }]));
    assert!(life.supervisor.take_discontinuity());
    assert!(!life.supervisor.take_discontinuity(), "said once");
    assert!(!life.is_lost());
}

#[test]
fn a_camera_that_fails_again_and_again_is_tried_less_and_less() {
    let mut life = Life::streaming(CAMERA);
    let mut waits = Vec::new();
    for _ in 0..6 {
        life.fault(LostReason::Broken);
        waits.push(life.sleep().as_millis());
        life.opened();
        life.frames(1);
    }
    assert_eq!(waits, [0, 200, 400, 800, 1600, 2000]);
    life.frames(90);
    life.fault(LostReason::Broken);
    assert_eq!(life.sleep(), Duration::ZERO);
}

#[test]
fn a_silent_camera_is_opened_anew_with_growing_patience() {
    let mut life = Life::streaming(CAMERA);
    let mut waits = Vec::new();
    for _ in 0..6 {
        waits.push(life.sleep().as_secs());
        assert_eq!(life.ordered(), [Order::Close, Order::Open]);
        life.opened();
    }
    assert_eq!(waits, [2, 4, 8, 16, 16, 16]);
    assert_eq!(life.told(), [Notice::Lost(LostReason::Silent)]);
    life.frames(1);
    assert_eq!(life.sleep(), SILENCE);
}

#[test]
fn a_slow_camera_is_given_ten_of_its_frames() {
    let mut life = Life::new(CAMERA);
    life.act(|supervisor, now| supervisor.handle_opened(Some(Duration::from_secs(1)), now));
    life.frames(1);
    assert_eq!(life.sleep(), Duration::from_secs(10));
    assert!(life.is_lost());
}

#[test]
fn frames_of_no_use_are_a_sign_of_life_but_no_picture() {
    useless(Supervisor::handle_damaged, LostReason::Damaged);
    useless(Supervisor::handle_too_large, LostReason::TooLarge);
}

fn useless(handle: fn(&mut Supervisor, Time), cause: LostReason) {
    let mut life = Life::streaming(CAMERA);
    for _ in 0..200 {
        life.now = life.now.after(FRAME);
        life.act(|supervisor, now| {
            handle(supervisor, now);
            if now >= supervisor.next_timeout() {
                supervisor.handle_timeout(now);
            }
        });
    }
    assert_eq!(life.told(), [Notice::Lost(cause)]);
    assert_eq!(life.ordered(), [], "reopening it would not help");
    assert!(life.is_lost());
    life.frames(1);
    assert!(matches!(life.told()[..], [Notice::Frames { .. }]));
    assert!(!life.supervisor.take_discontinuity(), "it never was away");
}

#[test]
fn a_source_that_cannot_be_opened_anew_is_only_spoken_of() {
    let mut life = Life::streaming(SupervisorConfig { reopens: false, ..CAMERA });
    life.sleep();
    assert_eq!(life.told(), [Notice::Lost(LostReason::Silent)]);
    assert_eq!(life.ordered(), []);
    assert_eq!(life.supervisor.next_timeout(), Time::NEVER);
    life.frames(1);
    assert!(matches!(life.told()[..], [Notice::Frames { .. }]));
    life.fault(LostReason::Broken);
    assert_eq!(life.told(), [Notice::Fatal(LostReason::Broken)]);
}

#[test]
fn waiting_in_vain_ends() {
    let mut life = Life::new(CAMERA);
    life.act(|supervisor, now| supervisor.handle_open_failed(LostReason::Unfit, false, now));
    assert_eq!(life.told(), [Notice::Fatal(LostReason::Unfit)]);
    // what comes later at the same path may be replaced again
    let mut life = Life::streaming(CAMERA);
    life.fault(LostReason::Unplugged);
    life.sleep();
    life.act(|supervisor, now| supervisor.handle_open_failed(LostReason::Unfit, false, now));
    assert_eq!(life.told(), [Notice::Lost(LostReason::Unplugged), Notice::Waiting(LostReason::Unfit)]);
}

#[test]
fn who_wants_no_patience_gets_none() {
    let plan = SupervisorConfig { exit_on_error: true, ..CAMERA };
    let mut life = Life::new(plan);
    life.failed(LostReason::Busy);
    assert_eq!(life.told(), [Notice::Fatal(LostReason::Busy)]);
    let mut life = Life::streaming(plan);
    life.fault(LostReason::Unplugged);
    assert_eq!(life.told(), [Notice::Fatal(LostReason::Unplugged)]);
}

#[test]
fn an_opening_that_hangs_is_told_once() {
    let mut life = Life::new(CAMERA);
    assert_eq!(life.sleep(), STUCK);
    assert_eq!(life.told(), [Notice::Stuck]);
    assert_eq!(life.supervisor.next_timeout(), Time::NEVER);
    life.opened();
    life.frames(1);
    assert_eq!(life.ordered(), [Order::Open]);
}

#[test]
fn on_demand_the_camera_is_on_while_somebody_watches() {
    let mut life = Life::new(SupervisorConfig { on_demand: true, ..CAMERA });
    life.opened();
    life.frames(1);
    life.told();
    assert_eq!(life.sleep(), SILENCE.min(LINGER), "it is tried at the start");
    life.ordered();
    life.opened();
    life.frames(1);
    life.now = life.now.after(LINGER);
    life.act(|supervisor, now| supervisor.handle_timeout(now));
    assert_eq!(life.ordered(), [Order::Close]);
    assert!(matches!(life.told()[..], [Notice::Lost(_), Notice::Frames { .. }, Notice::Asleep]));
    assert_eq!(life.supervisor.next_timeout(), Time::NEVER);
    assert!(!life.is_lost(), "nobody misses anything");

    life.now = life.now.after(Duration::from_secs(3600));
    life.act(|supervisor, now| supervisor.set_wanted(true, now));
    assert_eq!(life.ordered(), [Order::Open]);
    life.opened();
    life.frames(1);
    assert_eq!(life.told(), [Notice::Awake, Notice::Frames { after: FRAME }]);
    assert!(life.supervisor.take_discontinuity());
    life.act(|supervisor, now| supervisor.set_wanted(false, now));
    life.frames(30);
    life.act(|supervisor, now| supervisor.set_wanted(true, now));
    life.frames(300);
    assert_eq!(life.ordered(), [], "who comes back soon finds it on");
}

#[test]
fn a_camera_asleep_that_is_not_there_when_wanted_is_waited_for() {
    let mut life = Life::streaming(SupervisorConfig { on_demand: true, ..CAMERA });
    life.fault(LostReason::Unplugged);
    life.now = life.now.after(LINGER);
    life.act(|supervisor, now| supervisor.handle_timeout(now));
    assert_eq!(life.told(), [Notice::Lost(LostReason::Unplugged), Notice::Asleep]);
    assert_eq!(life.ordered(), [Order::Close], "closed once");
    life.act(|supervisor, now| supervisor.set_wanted(true, now));
    life.failed(LostReason::Missing);
    assert_eq!(life.told(), [Notice::Awake, Notice::Waiting(LostReason::Missing)]);
}

/// What may happen to a source.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u16),
    Frame,
    Damaged,
    Fault,
    Answer(bool),
    Hint,
    Wanted(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3000_u16).prop_map(Step::Wait),
        Just(Step::Frame),
        Just(Step::Damaged),
        Just(Step::Fault),
        any::<bool>().prop_map(Step::Answer),
        Just(Step::Hint),
        any::<bool>().prop_map(Step::Wanted),
    ]
}

proptest! {
    /// Whatever happens: what is open is opened no second time, what is not is not closed, deadlines lead somewhere,
    /// and no more is said than has happened.
    #[test]
    fn orders_make_sense(on_demand in any::<bool>(), steps in proptest::collection::vec(step(), 0..200)) {
        let mut life = Life::new(SupervisorConfig { on_demand, ..CAMERA });
        let (mut is_open, mut is_asked) = (false, false);
        let mut said = 0;
        for step in &steps {
            for order in life.ordered() {
                match order {
                    Order::Open => prop_assert!(!std::mem::replace(&mut is_asked, true) && !is_open),
                    Order::Close => prop_assert!(std::mem::replace(&mut is_open, false)),
                }
            }
            match step {
                Step::Wait(millis) => {
                    let until = life.now.after(Duration::from_millis((*millis).into()));
                    for turn in 0.. {
                        prop_assert!(turn < 100, "it spins");
                        if life.supervisor.next_timeout() > until { break }
                        life.sleep();
                    }
                    life.now = until;
                }
                Step::Frame if is_open => life.frames(1),
                Step::Damaged if is_open => life.act(Supervisor::handle_damaged),
                Step::Fault if is_open => life.fault(LostReason::Broken),
                Step::Answer(true) if is_asked => {
                    (is_open, is_asked) = (true, false);
                    life.opened();
                }
                Step::Answer(false) if is_asked => {
                    is_asked = false;
                    life.failed(LostReason::Missing);
                }
                Step::Hint => life.act(Supervisor::handle_hint),
                Step::Wanted(wanted) => life.act(|supervisor, now| supervisor.set_wanted(*wanted, now)),
                _ => {}
            }
            said += life.told().len();
        }
        // at most two things are told a step, and one a deadline of many seconds
        prop_assert!(said <= 3 * steps.len() + 2, "{said} notices");
    }
}
