//! What the wire costs a node: CPU per request, time per request, memory per session and per player.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::try_join_all;
use hyper::Method;
use lavalink_protocol::codec::{EncodedTrack, TrackBuffer};
use lavalink_protocol::json;
use lavalink_protocol::json::JsonObject;
use lavalink_protocol::track::ShownTrack;

use crate::connection::Connection;
use crate::node::Node;
use crate::process;
use crate::session::Session;

/// Track strings per request.
const TRACKS: usize = 100;

/// Time for what was opened to come to rest.
const SETTLE: Duration = Duration::from_secs(2);

/// Time for what was closed to be given back: two closing handshakes and the node's look for something to give.
const GIVE_BACK: Duration = Duration::from_secs(6);

/// One measured value and what it may be at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// How much it was.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// The bar; `None` when it is only told.
    pub bar: Option<f64>,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            what,
            value,
            unit,
            bar,
        } = self;
        write!(f, "{what:<48} {value:>10.2} {unit}")?;
        match bar {
            Some(bar) => write!(
                f,
                "   {:.2} of the bar of {bar} {unit}{}",
                value / bar,
                if value > bar { ", OVER" } else { "" }
            ),
            None => Ok(()),
        }
    }
}

fn track_strings(source: &str) -> Result<Vec<String>> {
    let details = if source == "http" {
        b"\0\x03mp3".to_vec()
    } else {
        Vec::new()
    };
    let strings = (0..TRACKS).map(|number| {
        let track = EncodedTrack {
            version: 3,
            title: format!("Artist and Friend - The Title of Song {number} (Official Video)"),
            author: "Artist and Friend".to_owned(),
            length: 212_000,
            identifier: format!("dQw4w9WgX{number:02}"),
            is_stream: false,
            uri: Some(format!("https://www.example.org/watch?v=dQw4w9WgX{number:02}")),
            artwork_url: Some(format!(
                "https://i.example.org/vi/dQw4w9WgX{number:02}/maxres.jpg"
            )),
            isrc: None,
            source_name: source.to_owned(),
            details: details.clone(),
            position: 0,
        };
        track.encode()
    });
    Ok(strings.collect::<Result<_, _>>()?)
}

/// CPU time of `decodetracks` with 100 tracks, µs per request: the codec and JSON alone, and the whole node.
///
/// # Errors
/// When the node does not answer as it must.
pub async fn decodetracks(node: &Node, requests: u32) -> Result<Vec<Figure>> {
    let figure = |what: &str, cpu: Duration, bar| Figure {
        what: format!("decodetracks({TRACKS}), {what}"),
        value: cpu.as_secs_f64() * 1e6 / f64::from(requests),
        unit: "µs",
        bar,
    };
    let texts = track_strings("youtube")?;
    let (mut buffer, mut answer, info) = (TrackBuffer::default(), Vec::new(), JsonObject::default());
    let before = process::own_cpu_time();
    for _ in 0..requests {
        answer.clear();
        for text in &texts {
            let fields = buffer.decode(text)?;
            json::append(&mut answer, &ShownTrack::new(text, &fields, &info));
        }
        std::hint::black_box(&answer);
    }
    let mut figures = vec![figure(
        "codec and JSON alone",
        process::own_cpu_time() - before,
        None,
    )];

    let mut connection = Connection::open(node).await?;
    for (source, what) in [
        ("youtube", "source not loaded"),
        ("http", "source asked in its plugin"),
    ] {
        let body = Bytes::from(json::to_vec(&track_strings(source)?));
        let mut cpu = Duration::ZERO;
        for round in [requests.min(200), requests] {
            // The first round warms up.
            let before = process::scheduled_time(node.pid())?;
            for _ in 0..round {
                let answer = connection
                    .send(Method::POST, "/v4/decodetracks", body.clone())
                    .await?;
                std::hint::black_box(answer);
            }
            cpu = process::scheduled_time(node.pid())?.saturating_sub(before);
        }
        figures.push(figure(what, cpu, Some(100.0)));
    }
    Ok(figures)
}

/// Time of `GET /v4/info`, ms, when each of `connections` sends its next request as soon as it has an answer.
///
/// # Errors
/// When the node does not answer.
pub async fn info(node: &Node, connections: usize, requests: u32) -> Result<Vec<Figure>> {
    let started = Instant::now();
    let clients = (0..connections).map(|_| async {
        let mut connection = Connection::open(node).await?;
        let mut times = Vec::new();
        for _ in 0..requests {
            let sent = Instant::now();
            connection.send(Method::GET, "/v4/info", Bytes::new()).await?;
            times.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        anyhow::Ok(times)
    });
    let mut times: Vec<f64> = try_join_all(clients).await?.into_iter().flatten().collect();
    let took = started.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let figure = |what: &str, value, unit, bar| Figure {
        what: format!("/v4/info at {connections} connections, {what}"),
        value,
        unit,
        bar,
    };
    let quantile = |share: f64| {
        let index = (times.len().saturating_sub(1)) as f64 * share;
        times.get(index as usize).copied().unwrap_or(0.0)
    };
    Ok(vec![
        figure("p50", quantile(0.5), "ms", None),
        figure("p99", quantile(0.99), "ms", Some(1.0)),
        figure("per second", times.len() as f64 / took, "requests", None),
    ])
}

/// Memory of what is open and what remains of it when it is closed, KiB each. The second round shows whether what the first
/// left behind is used again.
struct Rounds {
    what: &'static str,
    count: usize,
    base: u64,
    figures: Vec<Figure>,
}

impl Rounds {
    fn begin(what: &'static str, count: usize, node: &Node) -> Result<Self> {
        Ok(Self {
            what,
            count,
            base: process::resident_bytes(node.pid())?,
            figures: Vec::new(),
        })
    }

    fn note(&mut self, node: &Node, state: &str, bar: Option<f64>) -> Result<()> {
        let bytes = process::resident_bytes(node.pid())?.saturating_sub(self.base);
        self.figures.push(Figure {
            what: format!("{}, {state}", self.what),
            value: bytes as f64 / 1024.0 / self.count as f64,
            unit: "KiB each",
            bar,
        });
        Ok(())
    }
}

/// Memory of idle sessions.
///
/// # Errors
/// When the node does not accept them.
pub async fn sessions(node: &Node, count: usize) -> Result<Vec<Figure>> {
    // The first ones pay for what all share.
    drop(try_join_all((0..8).map(|_| Session::open(node))).await?);
    tokio::time::sleep(GIVE_BACK).await;
    let mut rounds = Rounds::begin("idle sessions", count, node)?;
    for (open, closed) in [
        ("open", "closed again"),
        ("open a second time", "closed a second time"),
    ] {
        let mut sessions = Vec::with_capacity(count);
        for _ in 0..count {
            sessions.push(Session::open(node).await?);
        }
        tokio::time::sleep(SETTLE).await;
        rounds.note(node, open, Some(10.0))?;
        drop(sessions);
        tokio::time::sleep(GIVE_BACK).await;
        rounds.note(node, closed, None)?;
    }
    Ok(rounds.figures)
}

/// Memory of idle players, all of one session.
///
/// # Errors
/// When the node does not make them.
pub async fn players(node: &Node, count: usize) -> Result<Vec<Figure>> {
    let session = Session::open(node).await?;
    let mut connection = Connection::open(node).await?;
    let path = |guild: usize| format!("/v4/sessions/{}/players/{guild}", session.id());
    // As above.
    for method in [Method::PATCH, Method::DELETE] {
        for guild in 1..=8 {
            connection
                .send(method.clone(), &path(guild), body_of(&method))
                .await?;
        }
    }
    let mut rounds = Rounds::begin("idle players", count, node)?;
    for (open, closed) in [
        ("there", "gone again"),
        ("there a second time", "gone a second time"),
    ] {
        for (method, state, bar, time) in [
            (Method::PATCH, open, Some(10.0), SETTLE),
            (Method::DELETE, closed, None, GIVE_BACK),
        ] {
            for guild in 1..=count {
                connection
                    .send(method.clone(), &path(guild), body_of(&method))
                    .await
                    .context("an idle player")?;
            }
            tokio::time::sleep(time).await;
            rounds.note(node, state, bar)?;
        }
    }
    Ok(rounds.figures)
}

fn body_of(method: &Method) -> Bytes {
    if *method == Method::PATCH {
        Bytes::from_static(b"{}")
    } else {
        Bytes::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_tells_how_far_the_bar_is() {
        let mut figure = Figure {
            what: "x".to_owned(),
            value: 50.0,
            unit: "µs",
            bar: Some(100.0),
        };
        assert!(
            figure
                .to_string()
                .ends_with("50.00 µs   0.50 of the bar of 100 µs")
        );
        figure.value = 150.0;
        assert!(figure.to_string().ends_with("OVER"));
    }

    #[test]
    fn the_tracks_decode() {
        for source in ["youtube", "http"] {
            let strings = track_strings(source).unwrap();
            assert_eq!(strings.len(), TRACKS);
            assert_eq!(EncodedTrack::decode(&strings[7]).unwrap().source_name, source);
        }
    }
}
