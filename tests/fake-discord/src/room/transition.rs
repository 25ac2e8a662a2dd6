//! Transitions: when a new key, or none, comes into force.

use serde_json::json;
use tokio::time::Instant;

use super::Room;
use crate::error::FakeError;
use crate::gateway::op;
use crate::report::HISTORY_LIMIT;

/// What op 22 will bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The key of the newest epoch.
    NewKey,
    /// No end-to-end encryption.
    Plain,
    /// What is in force.
    Same,
}

/// An announced transition that waits for op 23.
pub(super) struct Transition {
    id: u16,
    target: Target,
    /// Sessions that take part.
    sessions: Vec<u64>,
    /// Those that have not sent op 23.
    missing: Vec<u64>,
    pub(super) deadline: Instant,
}

impl Room {
    /// The next transition id, never 0.
    pub(super) fn next_transition(&mut self) -> u16 {
        self.last_transition = self.last_transition.checked_add(1).unwrap_or(1);
        self.last_transition
    }

    /// Waits for op 23 of `sessions`, then brings the newest key into force.
    pub(super) fn start_transition(&mut self, id: u16, sessions: Vec<u64>) {
        self.begin(id, Target::NewKey, sessions);
    }

    fn begin(&mut self, id: u16, target: Target, sessions: Vec<u64>) {
        self.transition = Some(Transition {
            id,
            target,
            missing: sessions.clone(),
            sessions,
            deadline: Instant::now() + self.shared.config.transition_timeout,
        });
        self.execute_if_ready();
    }

    /// Op 23.
    pub(super) fn ready(&mut self, session: u64, id: u16) {
        let known = self.transition.as_mut().is_some_and(|transition| {
            let before = transition.missing.len();
            if transition.id == id {
                transition.missing.retain(|other| *other != session);
            }
            transition.missing.len() < before
        });
        let Some(client) = self.client_mut(session) else {
            return;
        };
        let owed = client.owed.len();
        client.owed.retain(|other| *other != id);
        let late = client.owed.len() < owed;
        {
            let mut media = client.session.media.lock();
            let report = &mut media.epochs.report;
            report.transitions_ready += u64::from(known);
            report.transitions_late += u64::from(late);
            if report.ready.len() < HISTORY_LIMIT {
                report.ready.push(id);
            }
        }
        if !known && !late {
            client
                .session
                .protocol_error(format!("ready for transition {id}, which is not waiting for it"));
        }
        self.execute_if_ready();
    }

    /// A session left or started over: nothing more is expected of it.
    pub(super) fn stop_waiting_for(&mut self, session: u64) {
        if let Some(transition) = &mut self.transition {
            transition.missing.retain(|other| *other != session);
            transition.sessions.retain(|other| *other != session);
        }
        self.execute_if_ready();
    }

    fn execute_if_ready(&mut self) {
        let pause = self.shared.config.transition_pause;
        let Some(transition) = self.transition.as_mut() else {
            return;
        };
        if !transition.missing.is_empty() {
            return;
        }
        if pause.is_zero() {
            self.execute();
        } else {
            transition.deadline = transition.deadline.min(Instant::now() + pause);
        }
    }

    /// Op 22 to everybody in the transition.
    pub(super) fn execute(&mut self) {
        let Some(transition) = self.transition.take() else {
            return;
        };
        let now = crate::udp::now_ns();
        for client in &mut self.clients {
            if !transition.sessions.contains(&client.session.id) {
                continue;
            }
            let mut media = client.session.media.lock();
            if transition.missing.contains(&client.session.id) {
                media.epochs.report.transitions_missed += 1;
                client.owed.push(transition.id);
            }
            match transition.target {
                Target::NewKey => media.epochs.activate(now),
                Target::Plain => media.epochs.deactivate(0, now),
                Target::Same => {}
            }
            drop(media);
            client
                .session
                .send_json(op::EXECUTE_TRANSITION, &json!({ "transition_id": transition.id }));
        }
        if transition.target == Target::Plain {
            self.version = 0;
            self.disband();
        }
    }

    /// Announces the end of end-to-end encryption; a no-op when there is none.
    pub(super) fn downgrade(&mut self) {
        if self.version == 0 {
            return;
        }
        let id = self.next_transition();
        let mut sessions = Vec::new();
        for client in self.clients.iter().filter(|client| client.wants_group()) {
            sessions.push(client.session.id);
            let data = json!({ "transition_id": id, "protocol_version": 0 });
            client.session.send_json(op::PREPARE_TRANSITION, &data);
        }
        self.begin(id, Target::Plain, sessions);
    }

    /// Announces a transition to the version in force.
    pub(super) fn reannounce(&mut self) {
        let id = self.next_transition();
        let mut sessions = Vec::new();
        for client in self.clients.iter().filter(|client| client.wants_group()) {
            sessions.push(client.session.id);
            let data = json!({ "transition_id": id, "protocol_version": self.version });
            client.session.send_json(op::PREPARE_TRANSITION, &data);
        }
        self.begin(id, Target::Same, sessions);
    }

    /// Starts end-to-end encryption; a no-op when it is on.
    pub(super) fn upgrade(&mut self) {
        if self.version > 0 {
            return;
        }
        self.version = 1;
        self.upgrading = true;
        let sessions: Vec<u64> = self.clients.iter().map(|client| client.session.id).collect();
        for session in sessions {
            self.send_external_sender(session);
        }
        for client in self.clients.iter_mut().filter(|client| client.wants_group()) {
            client.join_key = None;
            client
                .session
                .media
                .lock()
                .epochs
                .deactivate(1, crate::udp::now_ns());
            client
                .session
                .send_json(op::PREPARE_EPOCH, &json!({ "protocol_version": 1, "epoch": 1 }));
        }
    }

    /// Ends the group because too few are left: op 24 for epoch 1, then op 21 with id 0.
    pub(super) fn reset_group(&mut self) {
        let now = crate::udp::now_ns();
        for client in self.clients.iter_mut().filter(|client| client.in_group) {
            client.session.media.lock().epochs.deactivate(1, now);
            client
                .session
                .send_json(op::PREPARE_EPOCH, &json!({ "protocol_version": 1, "epoch": 1 }));
            let data = json!({ "transition_id": 0, "protocol_version": 1 });
            client.session.send_json(op::PREPARE_TRANSITION, &data);
        }
        self.disband();
    }

    /// Forgets the group.
    fn disband(&mut self) {
        self.group = None;
        self.round = None;
        self.transition = None;
        for seat in &mut self.seats {
            seat.member = None;
            seat.in_group = false;
        }
        for client in &mut self.clients {
            if std::mem::replace(&mut client.in_group, false) {
                client.join_key = None;
            }
            client.readd = false;
        }
    }

    /// Announces a commit nobody can apply to the newest client in the group: that of the present epoch, damaged.
    pub(super) fn bad_commit(&mut self) -> Result<(), FakeError> {
        let id = self.next_transition();
        let guild_id = self.guild_id;
        let group = self.group.as_ref().ok_or(FakeError::NoConnection(guild_id))?;
        let mut payload = id.to_be_bytes().to_vec();
        payload.extend_from_slice(&group.commit);
        if let Some(last) = payload.last_mut() {
            *last ^= 0xFF;
        }
        let client = self
            .clients
            .iter_mut()
            .rev()
            .find(|client| client.in_group)
            .ok_or(FakeError::NoConnection(guild_id))?;
        client.session.send_binary(op::ANNOUNCE_COMMIT, &payload);
        client.expect_recovery();
        Ok(())
    }
}
