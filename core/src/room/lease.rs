//! How long what the host vouches for holds: a word before its end, less rights after it, then the close; and how a
//! fresh token renews it on a live socket.

use super::rights::groups;
use super::{Room, tell};
use crate::errors::{Close, Code};
use crate::id::{Conn, EffectId};
use crate::input::{Org, Standing, Verified};
use crate::outbox::Outbox;
use crate::presence::Stage;
use crate::time::Time;
use crate::timers::MemberTimer;
use crate::wire::Event;

impl Room {
    /// Puts another end to what the host vouches for, or none.
    pub(super) fn set_lease(&mut self, now: Time, conn: Conn, end: Option<Time>) {
        let notice = self.config.limits.lease_notice;
        let Some(link) = self.people.link_mut(conn) else { return };
        if let Some((_, due)) = link.lease.take() {
            self.timers.stop_member(MemberTimer::Lease(conn), due);
        }
        if let Some(end) = end {
            // LEASE1: the word before the end, the end, the close after it: whichever is next.
            let due = [end - notice, end, end + notice].into_iter().find(|due| *due > now).unwrap_or(now);
            link.lease = Some((end, due));
            self.timers.set_member(MemberTimer::Lease(conn), due);
        }
    }

    pub(super) fn on_lease_timer(&mut self, now: Time, conn: Conn, out: &mut Outbox) {
        let Some((end, _)) = self.people.link_mut(conn).and_then(|link| link.lease.take()) else { return };
        if now >= end + self.config.limits.lease_notice {
            return self.close(now, conn, Close::TokenExpired, out);
        }
        self.set_lease(now, conn, Some(end));
        match now >= end {
            true => self.judge(now),
            false => self.warn_of_end(now, conn, out),
        }
    }

    /// LEASE1: the word before the end, if it is time for it. Who joins or renews later than that hears it then.
    pub(super) fn warn_of_end(&mut self, now: Time, conn: Conn, out: &mut Outbox) {
        let notice = self.config.limits.lease_notice;
        let Some(link) = self.people.link(conn) else { return };
        let waits = matches!(link.stage, Stage::Waiting { .. });
        if let Some((end, _)) = link.lease.filter(|&(end, _)| !waits && end - notice <= now && now < end) {
            tell(&self.people, &mut self.journal, conn, &Event::Expiring { at: end }, out);
        }
    }

    /// LEASE2: a fresh token is checked by the host; one at a time.
    pub(super) fn refresh(&mut self, now: Time, conn: Conn, token: &str, id: Option<&str>, out: &mut Outbox) {
        if let Err(wait) = self.take_control(now, conn) {
            return self.refuse_rate(now, conn, wait, id, out);
        }
        let effect = self.effect();
        let Some(link) = self.people.link_mut(conn) else { return };
        match (link.standing, link.verifying) {
            (Standing::Guest, _) => self.refuse(now, conn, Code::Forbidden, id, out),
            (Standing::Verified, Some(_)) => self.refuse(now, conn, Code::Busy, id, out),
            (Standing::Verified, None) => {
                link.verifying = Some(effect);
                out.verify(effect, conn, token);
            }
        }
    }

    /// Takes on the organisation that a fresh token names.
    fn act_for(&mut self, conn: Conn, org: Option<Org<'_>>) {
        let Some(link) = self.people.link_mut(conn) else { return };
        link.pass.groups = groups(org);
        let (client, groups) = (link.client(), link.pass.groups.clone());
        if let Some(client) = client.and_then(|client| self.people.clients.get_mut(&client)) {
            client.pass.groups = groups;
        }
    }

    /// LEASE2, LEASE3: the same person goes on; anyone else, and a token that is refused, ends the socket. Where the
    /// token cannot be checked for now, the lease stays as it is.
    pub(super) fn on_verified(
        &mut self,
        now: Time,
        effect: EffectId,
        verified: Result<Verified<'_>, Close>,
        out: &mut Outbox,
    ) {
        let Some(conn) = self.people.verifying(effect) else {
            // Its socket may be gone.
            return;
        };
        let Some(link) = self.people.link_mut(conn) else { return };
        link.verifying = None;
        let same = |verified: &Verified<'_>| self.people.is_user(conn, verified.user);
        match verified {
            Ok(verified) if same(&verified) => {
                self.act_for(conn, verified.org);
                self.set_lease(now, conn, Some(verified.lease));
                self.attach(conn, out);
                self.warn_of_end(now, conn, out);
                self.judge(now);
            }
            Ok(_) => self.close(now, conn, Close::Forbidden, out),
            Err(Close::Unavailable) => self.refuse(now, conn, Code::Busy, None, out),
            Err(close) => self.close(now, conn, close, out),
        }
    }
}
