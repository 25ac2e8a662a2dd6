//! A host for tests: everything it does is prepared, remembered and repeatable; its clock moves only when it is slept on.

use std::collections::BTreeMap;
use std::time::Duration;

use lavalink_plugin_api::{
    Failure, Host, HttpRequest, HttpResponse, Level, Loaded, Media, Probe, SessionRef,
};
use parking_lot::{Mutex, MutexGuard};

use crate::answer::{Answer, Reading};

/// Bounds of the node's store.
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 64 * 1024;
const MAX_VALUES: usize = 1_024;
const MAX_ALL: usize = 1024 * 1024;

/// Most random bytes given at once, as by the node.
const MAX_RANDOM: usize = 4_096;

/// A marker a plugin set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Session of the player.
    pub session_id: String,
    /// Guild of the player.
    pub guild_id: u64,
    /// Where in the track.
    pub position: Duration,
    /// Its name.
    pub marker: String,
}

/// See the module.
#[derive(Default)]
pub struct TestHost {
    config: Option<String>,
    answers: BTreeMap<String, Answer>,
    found: BTreeMap<String, (String, Loaded)>,
    probe: Option<Probe>,
    sessions: Vec<SessionRef>,
    players: BTreeMap<(String, u64), String>,
    state: Mutex<State>,
}

/// What happened.
#[derive(Default)]
struct State {
    now: Duration,
    random: u8,
    lines: Vec<(Level, String)>,
    requests: Vec<HttpRequest>,
    cache: BTreeMap<String, (Vec<u8>, Duration)>,
    store: BTreeMap<String, Vec<u8>>,
    sent: Vec<(String, String)>,
    updates: Vec<(String, u64, String)>,
    markers: Vec<Marker>,
}

impl TestHost {
    /// A host without configuration, network, sessions or anything kept.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the plugin's configuration, JSON text.
    #[must_use]
    pub fn with_config(mut self, json: &str) -> Self {
        self.config = Some(json.to_owned());
        self
    }

    /// Prepares the answer to requests for this URL. Others fail.
    #[must_use]
    pub fn with_answer(mut self, url: &str, answer: Answer) -> Self {
        self.answers.insert(url.to_owned(), answer);
        self
    }

    /// Prepares what the other sources find behind an identifier. Others are nobody's.
    #[must_use]
    pub fn with_found(mut self, identifier: &str, source: &str, loaded: Loaded) -> Self {
        self.found
            .insert(identifier.to_owned(), (source.to_owned(), loaded));
        self
    }

    /// Prepares what every medium is found to be. Without it nothing is recognised.
    #[must_use]
    pub fn with_probe(mut self, probe: Probe) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Adds a session.
    #[must_use]
    pub fn with_session(mut self, session: SessionRef) -> Self {
        self.sessions.push(session);
        self
    }

    /// Adds a player, as JSON text.
    #[must_use]
    pub fn with_player(mut self, session_id: &str, guild_id: u64, json: &str) -> Self {
        self.players
            .insert((session_id.to_owned(), guild_id), json.to_owned());
        self
    }

    /// Lines the plugin wrote to the log.
    pub fn lines(&self) -> Vec<(Level, String)> {
        self.state().lines.clone()
    }

    /// Requests the plugin sent.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.state().requests.clone()
    }

    /// Messages sent to clients: session and JSON text.
    pub fn sent(&self) -> Vec<(String, String)> {
        self.state().sent.clone()
    }

    /// Changes of players: session, guild and JSON text.
    pub fn updates(&self) -> Vec<(String, u64, String)> {
        self.state().updates.clone()
    }

    /// Markers that were set.
    pub fn markers(&self) -> Vec<Marker> {
        self.state().markers.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Host for TestHost {
    fn log(&self, level: Level, message: &str) {
        self.state().lines.push((level, message.to_owned()));
    }
    fn config(&self) -> String {
        self.config.clone().unwrap_or_else(|| "{}".to_owned())
    }
    fn now_unix_ms(&self) -> u64 {
        u64::try_from(self.state().now.as_millis()).unwrap_or(u64::MAX)
    }
    fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.state().now.as_nanos()).unwrap_or(u64::MAX)
    }
    fn sleep(&self, time: Duration) -> Result<(), Failure> {
        let mut state = self.state();
        state.now = state.now.saturating_add(time);
        Ok(())
    }
    fn fetch(&self, request: HttpRequest) -> Result<Box<dyn HttpResponse>, Failure> {
        let answer = self.answers.get(&request.url).cloned();
        let (url, limit) = (request.url.clone(), request.max_bytes);
        self.state().requests.push(request);
        let Some(answer) = answer else {
            return Err(Failure::suspicious("No answer came.")
                .because(format!("the test has prepared none for {url}")));
        };
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Box::new(Reading {
            answer,
            url,
            at: 0,
            limit,
        }))
    }
    fn cache_get(&self, key: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let (value, until) = state.cache.get(key)?;
        (state.now < *until).then(|| value.clone())
    }
    fn cache_set(&self, key: &str, value: &[u8], ttl: Duration) {
        let mut state = self.state();
        let until = state.now.saturating_add(ttl);
        state.cache.insert(key.to_owned(), (value.to_vec(), until));
    }
    fn probe(&self, _media: Media) -> Result<Probe, Failure> {
        self.probe
            .clone()
            .ok_or_else(|| Failure::common("Unknown file format."))
    }
    fn random(&self, length: usize) -> Vec<u8> {
        let mut state = self.state();
        let bytes = (0..length.min(MAX_RANDOM)).map(|_| {
            state.random = state.random.wrapping_mul(5).wrapping_add(113);
            state.random
        });
        bytes.collect()
    }
    fn load(&self, identifier: &str) -> Result<(String, Loaded), Failure> {
        let found = self.found.get(identifier).cloned();
        Ok(found.unwrap_or((String::new(), Loaded::Nothing)))
    }
    fn store_get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.state().store.get(key).cloned())
    }
    fn store_set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        let mut state = self.state();
        let others = state.store.iter().filter(|(other, _)| *other != key);
        let (count, size) = others.fold((0, 0), |(count, size), (_, value)| {
            (count + 1, size + value.len())
        });
        let fits = key.len() <= MAX_KEY && value.len() <= MAX_VALUE;
        if !fits || count >= MAX_VALUES || size + value.len() > MAX_ALL {
            return Err(Failure::common("The value cannot be kept.")
                .because(format!("{} bytes under {key:?} pass a bound", value.len())));
        }
        state.store.insert(key.to_owned(), value.to_vec());
        Ok(())
    }
    fn store_delete(&self, key: &str) -> Result<(), Failure> {
        self.state().store.remove(key);
        Ok(())
    }
    fn sessions(&self) -> Vec<SessionRef> {
        self.sessions.clone()
    }
    fn send_event(&self, session_id: &str, message: &str) -> Result<(), Failure> {
        if !self
            .sessions
            .iter()
            .any(|session| session.session_id == session_id)
        {
            return Err(Failure::common("Session not found").because(session_id));
        }
        let sent = (session_id.to_owned(), message.to_owned());
        self.state().sent.push(sent);
        Ok(())
    }
    fn player(&self, session_id: &str, guild_id: u64) -> Option<String> {
        self.players.get(&(session_id.to_owned(), guild_id)).cloned()
    }
    fn update_player(&self, session_id: &str, guild_id: u64, update: &str) -> Result<String, Failure> {
        let player = self
            .player(session_id, guild_id)
            .ok_or_else(|| Failure::common("Session not found").because(session_id))?;
        let update = (session_id.to_owned(), guild_id, update.to_owned());
        self.state().updates.push(update);
        Ok(player)
    }
    fn add_marker(
        &self,
        session_id: &str,
        guild_id: u64,
        position: Duration,
        marker: &str,
    ) -> Result<(), Failure> {
        if self.player(session_id, guild_id).is_none() {
            return Err(Failure::common("Nothing plays there.").because(session_id));
        }
        self.state().markers.push(Marker {
            session_id: session_id.to_owned(),
            guild_id,
            position,
            marker: marker.to_owned(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_when_it_is_slept_on() {
        let host = TestHost::new();
        host.cache_set("k", b"v", Duration::from_secs(1));
        assert_eq!(host.cache_get("k"), Some(b"v".to_vec()));
        host.sleep(Duration::from_secs(1)).unwrap();
        assert_eq!(host.cache_get("k"), None);
        assert_eq!((host.now_unix_ms(), host.monotonic_ns()), (1_000, 1_000_000_000));
    }

    #[test]
    fn answers_what_was_prepared_within_the_request() {
        let host = TestHost::new().with_answer("http://a/", Answer::text(200, "abcdef").header("X", "y"));
        let mut request = HttpRequest::get("http://a/");
        request.max_bytes = Some(4);
        let mut response = host.fetch(request).unwrap();
        assert_eq!(
            (response.status(), response.header("x")),
            (200, Some("y".to_owned()))
        );
        assert_eq!(response.read(3), Ok(b"abc".to_vec()));
        assert_eq!(response.read(3), Ok(b"d".to_vec()));
        assert_eq!(response.read(3), Ok(Vec::new()));
        let refused = host.fetch(HttpRequest::get("http://b/")).err().unwrap();
        assert!(refused.cause.contains("http://b/"), "{refused}");
        assert_eq!(host.requests().len(), 2);
    }

    #[test]
    fn keeps_what_the_node_would_keep() {
        let host = TestHost::new();
        assert!(host.store_set("k", &vec![0; MAX_VALUE + 1]).is_err());
        for n in 0..16 {
            host.store_set(&n.to_string(), &vec![0; MAX_VALUE]).unwrap();
        }
        assert!(host.store_set("k", b"one more").is_err());
        host.store_set("3", b"less").unwrap();
        host.store_delete("4").unwrap();
        host.store_set("k", b"now").unwrap();
        assert_eq!(host.store_get("k"), Ok(Some(b"now".to_vec())));
    }

    #[test]
    fn talks_to_those_who_are_there() {
        let session = SessionRef {
            session_id: "s".to_owned(),
            user_id: 1,
            client_name: None,
        };
        let host = TestHost::new().with_session(session).with_player("s", 2, "{}");
        assert!(host.send_event("t", "{}").is_err());
        host.send_event("s", "{}").unwrap();
        assert_eq!(host.update_player("s", 2, "{\"volume\":1}"), Ok("{}".to_owned()));
        assert!(host.add_marker("s", 3, Duration::ZERO, "m").is_err());
        host.add_marker("s", 2, Duration::ZERO, "m").unwrap();
        assert_eq!(
            (host.sent().len(), host.updates().len(), host.markers().len()),
            (1, 1, 1)
        );
    }
}
