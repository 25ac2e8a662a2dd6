//! Clients of a call: coming, going, and their key packages.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;

use super::Room;
use super::mls::JoinKey;
use crate::gateway::op;
use crate::gateway::session::Session;
use crate::report::HISTORY_LIMIT;

/// A real client in the call.
pub(super) struct Client {
    pub(super) session: Arc<Session>,
    /// It got op 4.
    pub(super) described: bool,
    pub(super) roster_sent: bool,
    pub(super) external_sender_sent: bool,
    /// Its newest unused key package.
    pub(super) join_key: Option<JoinKey>,
    pub(super) in_group: bool,
    /// It lost its MLS state (op 31) and must be removed and added again.
    pub(super) readd: bool,
    /// Transitions executed before its op 23 came.
    pub(super) owed: Vec<u16>,
    /// References of all key packages it sent.
    key_packages: HashSet<Vec<u8>>,
    /// Welcomes still to be damaged.
    pub(super) damaged_welcomes: u32,
}

impl Client {
    /// Whether it takes part in end-to-end encryption.
    pub(super) fn wants_group(&self) -> bool {
        self.described && self.session.dave_version > 0
    }

    /// Its user id.
    pub(super) fn user_id(&self) -> u64 {
        self.session.identify.user_id
    }
}

impl Room {
    /// A client identified: op 11 and 25 now if they are to overtake op 4.
    pub(super) fn arrive(&mut self, session: Arc<Session>) {
        let id = session.id;
        self.clients.push(Client {
            session,
            described: false,
            roster_sent: false,
            external_sender_sent: false,
            join_key: None,
            in_group: false,
            readd: false,
            owed: Vec::new(),
            key_packages: HashSet::new(),
            damaged_welcomes: self.shared.config.quirks.damaged_welcomes,
        });
        if self.shared.config.quirks.roster_before_description {
            self.send_roster(id);
        }
        if self.shared.config.quirks.external_sender_before_description {
            self.send_external_sender(id);
        }
    }

    /// A client got op 4: it joins the call.
    pub(super) fn describe(&mut self, session: &Session) {
        let Some(client) = self.client_mut(session.id) else {
            return;
        };
        client.described = true;
        let user_id = client.user_id();
        self.send_roster(session.id);
        self.send_external_sender(session.id);
        self.tell_everyone(
            op::CLIENTS_CONNECT,
            &json!({ "user_ids": [user_id.to_string()] }),
            Some(session.id),
        );
        if self.shared.config.forward {
            self.introduce(session.id);
        }
    }

    /// Tells a client the streams of the others, and the others its own.
    fn introduce(&self, newcomer: u64) {
        let stream = |client: &Client| {
            json!({
                "user_id": client.user_id().to_string(),
                "audio_ssrc": client.session.ssrc,
                "video_ssrc": 0,
                "rtx_ssrc": 0,
            })
        };
        let Some(new) = self.client(newcomer) else {
            return;
        };
        for other in &self.clients {
            if other.described && other.session.id != newcomer {
                new.session.send_json(op::VIDEO, &stream(other));
                other.session.send_json(op::VIDEO, &stream(new));
            }
        }
    }

    fn send_roster(&mut self, session: u64) {
        let users: Vec<String> = self
            .seats
            .iter()
            .map(|seat| seat.user_id)
            .chain(
                self.clients
                    .iter()
                    .filter(|client| client.described && client.session.id != session)
                    .map(Client::user_id),
            )
            .map(|user_id| user_id.to_string())
            .collect();
        let Some(client) = self.client_mut(session) else {
            return;
        };
        if !std::mem::replace(&mut client.roster_sent, true) && !users.is_empty() {
            client
                .session
                .send_json(op::CLIENTS_CONNECT, &json!({ "user_ids": users }));
        }
    }

    /// Sends op 25 to a client of an encrypted call that does not have it yet.
    pub(super) fn send_external_sender(&mut self, session: u64) {
        let shared = self.shared.clone();
        let encrypted = self.version > 0;
        let Some(client) = self.client_mut(session) else {
            return;
        };
        if encrypted
            && client.session.dave_version > 0
            && !std::mem::replace(&mut client.external_sender_sent, true)
        {
            client
                .session
                .send_binary(op::EXTERNAL_SENDER, shared.external_sender.package());
        }
    }

    /// A session ended.
    pub(super) fn leave(&mut self, session: u64) {
        let Some(position) = self
            .clients
            .iter()
            .position(|client| client.session.id == session)
        else {
            return;
        };
        let client = self.clients.remove(position);
        if client.described {
            self.tell_everyone(
                op::CLIENT_DISCONNECT,
                &json!({ "user_id": client.user_id().to_string() }),
                None,
            );
        }
        self.stop_waiting_for(session);
    }

    /// Op 26.
    pub(super) fn key_package(&mut self, session: u64, payload: &[u8]) {
        let shared = self.shared.clone();
        let Some(client) = self.client_mut(session) else {
            return;
        };
        client.session.media.lock().epochs.report.key_packages += 1;
        match shared.external_sender.read_key_package(payload) {
            Ok(key) if key.user_id == client.user_id() => {
                if !client.key_packages.insert(key.reference.clone()) {
                    client.session.protocol_error("the same key package twice");
                }
                client.join_key = Some(key);
            }
            Ok(key) => client
                .session
                .protocol_error(format!("key package of user {} instead of its own", key.user_id)),
            Err(error) => client.session.protocol_error(error.to_string()),
        }
    }

    /// Op 31: the client starts over, keeps its present sender key, and will send a new key package.
    pub(super) fn recover(&mut self, session: u64, transition: u16) {
        let Some(client) = self.client_mut(session) else {
            return;
        };
        client.join_key = None;
        client.readd = client.in_group;
        let mut media = client.session.media.lock();
        media.epochs.report.recoveries += 1;
        if media.epochs.report.invalid.len() < HISTORY_LIMIT {
            media.epochs.report.invalid.push(transition);
        }
        media.epochs.abandon();
        drop(media);
        self.stop_waiting_for(session);
    }
}
