//! Rounds of proposals and commits: how the MLS group follows the call's members.

use std::collections::HashMap;

use davey::CommitWelcome;
use tokio::time::Instant;

use super::listener::Listener;
use super::mls::{APPEND, JoinKey, read_commit, welcome_for};
use super::{Client, Room, Seat};
use crate::config::{CommitRace, InitialTransition};
use crate::error::FakeError;
use crate::gateway::op;

/// Listeners that follow the group: the first of a call. The others have a leaf in it and do nothing with it, as
/// following costs a public key operation or two for every change.
const FOLLOWING: usize = 2;

/// The group as the listeners know it.
pub(super) struct Group {
    pub(super) epoch: u64,
    /// Leaf index and user id of every member.
    pub(super) members: Vec<(u32, u64)>,
    /// The commit that led to this epoch.
    pub(super) commit: Vec<u8>,
}

/// Proposals that are out and wait for a commit.
pub(super) struct Round {
    /// Epoch the proposals apply to; 0 is the creation of the group.
    epoch: u64,
    /// Key packages to be added, by user.
    adds: HashMap<u64, JoinKey>,
    /// Users to be removed.
    removes: Vec<u64>,
    /// A listener's commit, announced if no client's is.
    own: CommitWelcome,
    pub(super) deadline: Instant,
}

impl Room {
    /// Starts a round if members and call differ and nothing is under way.
    pub(super) fn advance(&mut self) {
        let idle = self.round.is_none() && self.transition.is_none();
        if !idle || self.version == 0 || self.shared.config.quirks.no_groups {
            return;
        }
        let started = match &self.group {
            None if self.seats.is_empty() => return,
            None => self.start_group(),
            Some(_) => self.update_group(),
        };
        if let Err(error) = started {
            self.shared.fault(format!("guild {}: {error}", self.guild_id));
            self.reset_group();
        }
    }

    /// Proposes a first group of everybody, once there are two.
    fn start_group(&mut self) -> Result<(), FakeError> {
        let clients: HashMap<u64, JoinKey> = self
            .clients
            .iter()
            .filter(|client| client.wants_group())
            .filter_map(|client| Some((client.user_id(), client.join_key.clone()?)))
            .collect();
        // An upgrade starts with everybody; otherwise late comers are welcomed into the next epoch.
        let awaited = self
            .clients
            .iter()
            .any(|client| client.wants_group() && client.join_key.is_none());
        if self.seats.len() + clients.len() < 2 || self.upgrading && awaited {
            return Ok(());
        }
        let mut adds = clients;
        for seat in &mut self.seats {
            let member = seat.member(self.channel_id, &self.shared)?;
            adds.insert(member.user_id(), member.join_key().clone());
        }
        let expected: Vec<u64> = adds.keys().copied().collect();
        // Everybody is asked to add everybody else; the creator of the group is whoever's commit wins.
        for client in &self.clients {
            if adds.contains_key(&client.user_id()) {
                let proposals = self.propose_all_but(client.user_id(), &adds)?;
                client
                    .session
                    .send_binary(op::PROPOSALS, &with_operation(&proposals));
            }
        }
        let creator = self.seats.first().map_or(0, |seat| seat.user_id);
        let proposals = self.propose_all_but(creator, &adds)?;
        let own = match self.seats.first_mut().and_then(|seat| seat.member.as_mut()) {
            Some(member) => member.commit(&proposals, &expected)?,
            None => return Ok(()),
        };
        self.open_round(Round {
            epoch: 0,
            adds,
            removes: Vec::new(),
            own,
            deadline: Instant::now(),
        });
        Ok(())
    }

    fn propose_all_but(&self, user_id: u64, adds: &HashMap<u64, JoinKey>) -> Result<Vec<u8>, FakeError> {
        let mut others: Vec<&JoinKey> = adds.values().filter(|key| key.user_id != user_id).collect();
        others.sort_by_key(|key| key.user_id);
        self.shared
            .external_sender
            .propose(self.channel_id, 0, &others, &[])
    }

    /// Proposes what members and call differ in.
    fn update_group(&mut self) -> Result<(), FakeError> {
        let Some(group) = &self.group else { return Ok(()) };
        let epoch = group.epoch;
        let members = group.members.clone();
        let stays = |user_id: u64| {
            self.seats.iter().any(|seat| seat.user_id == user_id)
                || self
                    .clients
                    .iter()
                    .any(|client| client.user_id() == user_id && client.in_group && !client.needs_readd())
        };
        let removed: Vec<(u32, u64)> = members
            .iter()
            .copied()
            .filter(|(_, user_id)| !stays(*user_id))
            .collect();
        let mut adds: HashMap<u64, JoinKey> = self
            .clients
            .iter()
            .filter(|client| client.wants_group() && (!client.in_group || client.needs_readd()))
            .filter_map(|client| Some((client.user_id(), client.join_key.clone()?)))
            .collect();
        let new_seats = self.seats.iter().any(|seat| !seat.in_group);
        if removed.is_empty() && adds.is_empty() && !new_seats {
            return Ok(());
        }
        let remaining = members.len() - removed.len() + adds.len() + usize::from(new_seats);
        if remaining < 2 || !self.seats.iter().any(|seat| seat.in_group) {
            self.reset_group();
            return Ok(());
        }
        for seat in self.seats.iter_mut().filter(|seat| !seat.in_group) {
            let member = seat.member(self.channel_id, &self.shared)?;
            adds.insert(member.user_id(), member.join_key().clone());
        }
        let mut added: Vec<&JoinKey> = adds.values().collect();
        added.sort_by_key(|key| key.user_id);
        let leaves: Vec<u32> = removed.iter().map(|(leaf, _)| *leaf).collect();
        let proposals = self
            .shared
            .external_sender
            .propose(self.channel_id, epoch, &added, &leaves)?;
        let removes: Vec<u64> = removed.iter().map(|(_, user_id)| *user_id).collect();

        let expected: Vec<u64> = members
            .iter()
            .map(|(_, user_id)| *user_id)
            .chain(adds.keys().copied())
            .collect();
        for client in self.clients.iter().filter(|client| client.is_member()) {
            client
                .session
                .send_binary(op::PROPOSALS, &with_operation(&proposals));
        }
        let mut own = None;
        for seat in self.seats.iter_mut().take(FOLLOWING).filter(|seat| seat.in_group) {
            if let Some(member) = seat.member.as_mut() {
                let made = member.commit(&proposals, &expected)?;
                own.get_or_insert(made);
            }
        }
        let Some(own) = own else { return Ok(()) };
        self.open_round(Round {
            epoch,
            adds,
            removes,
            own,
            deadline: Instant::now(),
        });
        Ok(())
    }

    /// Announces a listener's commit at once, or waits for a client's.
    fn open_round(&mut self, mut round: Round) {
        let committers = self.clients.iter().any(|client| {
            client.is_member() && !round.removes.contains(&client.user_id())
                || round.epoch == 0 && round.adds.contains_key(&client.user_id())
        });
        let wait = self.shared.config.commit_race == CommitRace::ClientsWin && committers;
        if wait {
            round.deadline = Instant::now() + self.shared.config.commit_timeout;
        }
        self.round = Some(round);
        if !wait {
            self.announce_own();
        }
    }

    /// Announces the listeners' commit of the open round.
    pub(super) fn announce_own(&mut self) {
        let Some(round) = self.round.take() else { return };
        let own = CommitWelcome {
            commit: round.own.commit.clone(),
            welcome: round.own.welcome.clone(),
        };
        let applied = self.apply(&round, &own, None);
        self.conclude(round, own, None, applied);
    }

    /// Op 28.
    pub(super) fn client_commit(&mut self, session: u64, payload: &[u8]) {
        let channel_id = self.channel_id;
        let current = self.round.as_ref().map(|round| round.epoch);
        let latest = self.group.as_ref().map_or(0, |group| group.epoch);
        let Some(client) = self.client(session) else {
            return;
        };
        let read = match read_commit(channel_id, payload) {
            Ok(read) if current == Some(read.epoch) || read.epoch <= latest => read,
            Ok(read) => {
                client.session.media.lock().epochs.report.commits_invalid += 1;
                client
                    .session
                    .protocol_error(format!("commit for the unknown epoch {}", read.epoch));
                return;
            }
            Err(error) => {
                client.session.media.lock().epochs.report.commits_invalid += 1;
                client.session.protocol_error(error.to_string());
                return;
            }
        };
        client.session.media.lock().epochs.report.commits_valid += 1;
        // A commit for an epoch that already has its successor lost the race.
        if current != Some(read.epoch) {
            return;
        }
        let Some(round) = self.round.take() else { return };
        let theirs = CommitWelcome {
            commit: read.commit,
            welcome: read.welcome,
        };
        match self.apply(&round, &theirs, Some(session)) {
            Ok(()) => self.conclude(round, theirs, Some(session), Ok(())),
            Err(error) => {
                if let Some(client) = self.client(session) {
                    let mut media = client.session.media.lock();
                    media.epochs.report.commits_valid -= 1;
                    media.epochs.report.commits_invalid += 1;
                    drop(media);
                    client.session.protocol_error(format!("commit: {error}"));
                }
                self.round = Some(round);
                self.announce_own();
            }
        }
    }

    /// Brings the listeners into the new epoch. The first of them verifies the commit.
    fn apply(&mut self, round: &Round, made: &CommitWelcome, winner: Option<u64>) -> Result<(), FakeError> {
        let expected: Vec<u64> = self
            .seats
            .iter()
            .map(|seat| seat.user_id)
            .chain(self.clients.iter().map(Client::user_id))
            .chain(
                self.group
                    .iter()
                    .flat_map(|group| group.members.iter().map(|(_, user)| *user)),
            )
            .collect();
        for (position, seat) in self.seats.iter_mut().take(FOLLOWING).enumerate() {
            let created_here = round.epoch == 0 && winner.is_none() && position == 0;
            let welcomed = round.adds.contains_key(&seat.user_id) && !created_here;
            let Some(member) = seat.member.as_mut() else {
                continue;
            };
            if welcomed {
                let welcome = made
                    .welcome
                    .as_deref()
                    .ok_or_else(|| FakeError::Mls("a commit that adds members has no welcome".to_owned()))?;
                member.welcome(welcome, &expected)?;
            } else if seat.in_group || created_here {
                member.apply(&made.commit)?;
            }
        }
        Ok(())
    }

    /// Announces an applied commit and starts the transition to its epoch.
    fn conclude(
        &mut self,
        round: Round,
        made: CommitWelcome,
        winner: Option<u64>,
        applied: Result<(), FakeError>,
    ) {
        let state = applied.and_then(|()| {
            self.seats
                .iter()
                .find_map(|seat| seat.member.as_ref().filter(|member| member.epoch() > round.epoch))
                .map(|member| (member.epoch(), member.members()))
                .ok_or_else(|| FakeError::Mls("no listener reached the new epoch".to_owned()))
        });
        let (epoch, members) = match state {
            Ok(state) => state,
            Err(error) => {
                self.shared.fault(format!("guild {}: {error}", self.guild_id));
                self.reset_group();
                return;
            }
        };
        for seat in &mut self.seats {
            seat.in_group = members.iter().any(|(_, user_id)| *user_id == seat.user_id);
        }
        self.group = Some(Group {
            epoch,
            members,
            commit: made.commit.clone(),
        });
        let at_once = round.epoch == 0
            && !self.upgrading
            && self.shared.config.initial_transition == InitialTransition::Immediate;
        self.upgrading = false;
        let id = if at_once { 0 } else { self.next_transition() };
        let mut affected = Vec::new();
        for position in 0..self.clients.len() {
            match self.bring_over(position, &round, &made, winner, id) {
                Ok(Some(session)) => affected.push(session),
                Ok(None) => {}
                Err(error) => self.shared.fault(format!("guild {}: {error}", self.guild_id)),
            }
        }
        if !at_once {
            self.start_transition(id, affected);
        }
    }

    /// Announces the new epoch to one client and prepares its key. `None` if it is not part of the group.
    fn bring_over(
        &mut self,
        position: usize,
        round: &Round,
        made: &CommitWelcome,
        winner: Option<u64>,
        transition: u16,
    ) -> Result<Option<u64>, FakeError> {
        let Some(group) = &self.group else { return Ok(None) };
        let client = &self.clients[position];
        let user_id = client.user_id();
        let session = client.session.clone();
        let won = winner == Some(session.id);
        let added = round.adds.get(&user_id).filter(|_| !won);
        let member = group.members.iter().any(|(_, member)| *member == user_id);
        if !member || (added.is_none() && !won && !client.is_member()) {
            return Ok(None);
        }
        let secret = self
            .seats
            .iter()
            .filter(|seat| seat.in_group)
            .find_map(|seat| seat.member.as_ref())
            .ok_or_else(|| FakeError::Mls("no listener in the group".to_owned()))?
            .secret_of(user_id)?;
        {
            let mut media = session.media.lock();
            media.epochs.prepare(group.epoch, &secret);
            if transition == 0 {
                media.epochs.activate(crate::udp::now_ns());
            }
            if won {
                media.epochs.report.commits_won += 1;
            }
        }
        let client = &mut self.clients[position];
        client.in_group = true;
        if added.is_some() || won && round.epoch == 0 {
            client.join_key = None;
        }
        if added.is_some() {
            client.readd = false;
        }
        let (code, body) = match added {
            Some(key) => {
                let welcome = made
                    .welcome
                    .as_deref()
                    .and_then(|welcome| welcome_for(welcome, &key.reference))
                    .ok_or_else(|| {
                        FakeError::Mls(format!("the welcome has no secrets for user {user_id}"))
                    })?;
                (op::WELCOME, welcome)
            }
            None => (op::ANNOUNCE_COMMIT, made.commit.clone()),
        };
        let mut payload = transition.to_be_bytes().to_vec();
        payload.extend_from_slice(&body);
        if code == op::WELCOME && client.damaged_welcomes > 0 {
            client.damaged_welcomes -= 1;
            if let Some(last) = payload.last_mut() {
                *last ^= 0xFF;
            }
            client.expect_recovery();
        }
        session.send_binary(code, &payload);
        Ok(Some(session.id))
    }
}

/// Payload of op 27: the operation in front of the vector.
pub(super) fn with_operation(proposals: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(proposals.len() + 1);
    payload.push(APPEND);
    payload.extend_from_slice(proposals);
    payload
}

impl Client {
    /// Whether it was told to start over and has sent the key package for it.
    fn needs_readd(&self) -> bool {
        self.readd && self.join_key.is_some()
    }

    /// Whether it is in the group with a usable MLS state.
    fn is_member(&self) -> bool {
        self.in_group && !self.readd
    }
}

impl Seat {
    /// Its MLS state, made now if need be.
    fn member(&mut self, channel_id: u64, shared: &crate::state::Shared) -> Result<&Listener, FakeError> {
        let member = match self.member.take() {
            Some(member) => member,
            None => Listener::new(self.user_id, channel_id, &shared.external_sender)?,
        };
        Ok(self.member.insert(member))
    }
}
