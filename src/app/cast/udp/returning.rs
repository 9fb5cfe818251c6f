//! Those who come back, and what is kept for them until they do: the outlet's side of it.

use super::Udp;
use super::absent::{Whereabouts, who_is};
use super::backlog::{Backlog, move_session};
use super::crowd::Site;
use super::spilling::Route as Way;
use crate::app::cast::outlet::Shared;
use crate::reel::Reel;
use crate::sender::{ClientId, Route};
use crate::time::Time;
use crate::wire::join::{Join, Policy, Refusal, RefusalCode, Reply};
use crate::wire::{FrameNumber, StreamId, Token};

/// What is said to one more of those who come back at once.
const BUSY: &str = "as many recorders as can be are getting what they missed; try again in a few seconds";

/// What is said to those who come back while the disk has not said yet what it has for them.
const OPENING: &str = "the disk with what was missed does not answer yet; try again in a few seconds";

impl Udp {
    /// Somebody joins: the stream as it comes, or what he has missed of it. With the answer comes the place of his backlog, if he has one.
    pub(super) fn join(
        &mut self,
        mut request: Join,
        route: Route,
        token: Token,
        shared: &Shared<'_>,
        now: Time,
    ) -> (Reply, Option<usize>) {
        let live = &shared.stream.reel;
        let mut clock = None;
        let wanted = request.resume.filter(|_| request.policy == Policy::Every);
        if let (Some(spilling), Some(wanted)) = (&mut self.spilling, wanted) {
            let who = who_is(route.remote.ip());
            match spilling.route(wanted, live, now) {
                Way::Spilled(stream, first, clock) => {
                    return self.join_backlog(
                        request,
                        (route, token),
                        (wanted, (stream, first), clock),
                        live,
                        now,
                    );
                }
                Way::Later => {
                    let refusal = Refusal { code: RefusalCode::Full, why: OPENING.into() };
                    return (Reply::Refused(refusal), None);
                }
                Way::Live(first) => {
                    // a stream that he does not know may be as old as the reel
                    clock = first.map(|_| now);
                    request.resume = first.map(|first| (live.stream(), first)).or(request.resume);
                    spilling.absentees.claim(wanted, who, token);
                }
            }
        }
        let mut reply = self.crowd.hub.join_native(request, route, token, live, now);
        if let Reply::Ok(accepted) = &mut reply {
            accepted.clock = clock;
        }
        (reply, None)
    }

    fn join_backlog(
        &mut self,
        request: Join,
        (route, token): (Route, Token),
        (wanted, place, clock): ((StreamId, FrameNumber), (StreamId, FrameNumber), Option<Time>),
        live: &Reel,
        now: Time,
    ) -> (Reply, Option<usize>) {
        if let Err(refusal) = self.crowd.hub.admits(route.remote.ip(), now) {
            return (Reply::Refused(refusal), None);
        }
        let busy = || Refusal { code: RefusalCode::Full, why: BUSY.into() };
        let Some((mut backlog, reader)) = self.backlog(place, live) else {
            return (Reply::Refused(busy()), None);
        };
        let request = Join { resume: Some(place), ..request };
        let mut reply = backlog.crowd.hub.join_native(request, route, token, &backlog.reel, now);
        if let Reply::Ok(accepted) = &mut reply {
            accepted.clock = clock;
        }
        let (who, spilling) = (who_is(route.remote.ip()), self.spilling.as_mut());
        let is_new = spilling.is_none_or(|spilling| spilling.absentees.serve(wanted, who, reader, now));
        log::debug!("{} gets what is kept, from frame {}", route.remote, place.1);
        (reply, self.backlogs.enter(backlog, is_new))
    }

    /// One more, if there is room.
    fn backlog(&mut self, place: (StreamId, FrameNumber), live: &Reel) -> Option<(Backlog, u32)> {
        let reader = self.backlogs.next_reader()?;
        let mut is_sealed = true;
        let sealed = &self.crowd.sealed;
        let seal = |reel: &Reel| {
            let sealed = sealed.as_ref()?.beside(live, reel);
            is_sealed = sealed.is_ok();
            sealed.ok()
        };
        let backlog = Backlog::new(&self.setup, place, reader, seal, live.frame_limit());
        is_sealed.then_some((backlog, reader))
    }

    /// Who is away, what is kept, and who gets it. Called each turn.
    pub(super) fn attend_to_the_absent(&mut self, shared: &mut Shared<'_>, now: Time) {
        let Some(spilling) = &mut self.spilling else { return };
        for (client, reason) in self.crowd.left.drain(..) {
            spilling.on_left(client, reason, now);
        }
        let live = &shared.stream.reel;
        spilling.attend(&self.crowd.hub, live, now);
        if !self.stopping {
            self.take_over_the_silent(shared, now);
        }
        let Udp { gate, backlogs, spilling: Some(spilling), crowd, is_away, .. } = self else { return };
        backlogs.attend(spilling, *is_away, (&mut *gate, &mut *shared), now);
        if !self.stopping {
            backlogs.hand_over(crowd, spilling, (gate, &mut *shared), now);
        }
        shared.stats.spill = Some(spilling.figures());
    }

    /// Whoever says nothing is served from the folder should he go on, if what he lacks is about to leave the reel.
    fn take_over_the_silent(&mut self, shared: &mut Shared<'_>, now: Time) {
        let live = &shared.stream.reel;
        let (oldest, next) = (live.oldest_number(), live.next_number());
        let soon = oldest.plus(next.since(oldest).unsigned_abs() / 8);
        while let Some((client, wanted)) = self.silent_before(soon) {
            let Some((mut backlog, reader)) = self.backlog((live.stream(), wanted), live) else { return };
            let site = &mut Site { reel: live, gate: &mut self.gate, shared, now };
            let is_moved = move_session(&mut self.crowd, client, &mut backlog.crowd, site);
            if let Some(spilling) = self.spilling.as_mut().filter(|_| is_moved) {
                spilling.absentees.serve_silent(client, reader);
                self.backlogs.enter(backlog, false);
            } else {
                return;
            }
        }
    }

    fn silent_before(&self, soon: FrameNumber) -> Option<(ClientId, FrameNumber)> {
        let spilling = self.spilling.as_ref()?;
        spilling.absentees.iter().find_map(|one| match one.whereabouts {
            Whereabouts::Silent(client) if soon.is_after(one.next) => {
                let socket = self.crowd.clients.get(client.place())?.as_ref()?;
                let is_kept = spilling.find(one.stream, one.next).is_some();
                (is_kept && socket.id == client && !socket.is_blocked()).then_some((client, one.next))
            }
            _ => None,
        })
    }

    /// The program stops.
    pub(super) fn stop_spilling(&mut self, shared: &mut Shared<'_>, now: Time) {
        self.backlogs.stop((&mut self.gate, shared), now);
        self.spilling.iter_mut().for_each(|spilling| spilling.stop(now));
    }
}
