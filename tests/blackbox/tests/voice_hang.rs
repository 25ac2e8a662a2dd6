//! A thousand joins to a voice server that accepts and never answers, beside people who use the node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fake_discord::{Config, Opening};
use futures_util::future::join_all;
use lavalink_blackbox::{process, seat::Hall};
use serde_json::json;

const JOINS: u64 = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_joins_that_hang_cost_nobody_else_anything() {
    process::raise_open_files().expect("a thousand connections fit");
    let hall = Hall::open(Config {
        gap_threshold: Duration::from_secs(1),
        ..Config::default()
    })
    .await;
    let endpoint = hall.discord.endpoint_that(Opening::Silent).expect("a listener");
    let pid = hall.node.pid();
    let before = process::resident(pid);
    let hanging = Arc::new(hall.clone().seat(2).await);
    let done = Arc::new(AtomicBool::new(false));

    // The others: they look at their player, change it and load tracks all the time.
    let others = {
        let (hall, done) = (hall.clone(), done.clone());
        tokio::spawn(async move {
            let seat = hall.clone().seat(3).await;
            let (mut times, mut most) = (Vec::new(), 0);
            while !done.load(Ordering::Relaxed) {
                let started = Instant::now();
                let volume = 50 + times.len() % 50;
                let answer = hall.rest.patch(&seat.path(), &json!({"volume": volume})).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                times.push(started.elapsed());
                let started = Instant::now();
                assert_eq!(hall.rest.get(&seat.path()).await.status, 200);
                times.push(started.elapsed());
                most = most.max(process::resident(pid));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (times, most)
        })
    };
    let joins = join_all((0..JOINS).map(|guild| {
        let (seat, endpoint) = (hanging.clone(), endpoint.clone());
        async move {
            let mut voice = seat.voice();
            voice["endpoint"] = json!(endpoint);
            let path = seat.socket.player(10_000 + guild);
            let started = Instant::now();
            let answer = seat.hall.rest.patch(&path, &json!({"voice": voice})).await;
            assert_eq!(
                (answer.status, answer.message().as_str()),
                (500, "Failed to connect to voice server")
            );
            started.elapsed()
        }
    }))
    .await;
    done.store(true, Ordering::Relaxed);
    let (mut times, most) = others.await.expect("the others get their answers");
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    let slowest = joins.iter().max().expect("a thousand");
    let grown = most.saturating_sub(before);
    eprintln!(
        "{JOINS} joins refused, the slowest after {slowest:.1?}; {} requests of others: p50 {:.1?}, p99 {p99:.1?}, \
         longest {:.1?}; {} MiB more memory",
        times.len(),
        times[times.len() / 2],
        times.last().expect("some"),
        grown >> 20
    );
    // Generous, for machines that do much else; the figures above are the ones to look at.
    assert!(p99 < Duration::from_secs(2), "p99 of the others: {p99:?}");
    assert!(*slowest < Duration::from_secs(19), "{slowest:?}");
    assert!(grown < 400 << 20, "{} MiB more", grown >> 20);
    hall.assert_witness().await;
}
