//! How long a move to another voice server is heard. Alone in its file, so that nothing else competes for the processors.

use fake_discord::Config;
use lavalink_blackbox::seat::Hall;
use serde_json::json;

/// Moves measured.
const MOVES: usize = 5;

/// Longest time without audio, ms.
const LONGEST_SILENCE_MS: f64 = 1_000.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_another_region_is_silent_for_less_than_a_second() {
    let hall = Hall::open(Config::default()).await;
    let mut seat = hall.clone().seat(10).await;
    seat.play().await;
    let mut silences = Vec::new();
    for number in 0..MOVES {
        let (from, to) = if number % 2 == 0 {
            (&hall.discord, &hall.elsewhere)
        } else {
            (&hall.elsewhere, &hall.discord)
        };
        let session = format!("moved-{number}");
        let voice = json!({
            "token": session, "endpoint": to.endpoint(), "sessionId": session,
            "channelId": to.channel_of(seat.guild).to_string(),
        });
        let answer = seat.connect(&voice).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let new = seat
            .heard_by(to, "audio elsewhere", |r| {
                r.session_id == session && r.dave.decrypted > 20
            })
            .await;
        let left = seat.heard_by(from, "the goodbye", |r| !r.connected).await;
        assert_eq!(left.frames.silence_runs.last(), Some(&5), "ended as a pause is");
        assert_eq!(new.violations(), Vec::<String>::new());
        silences.push(new.timing.first_at_ms - left.timing.last_at_ms);
    }
    eprintln!("moves to another region, ms without audio: {silences:.0?}");
    assert!(
        silences.iter().all(|&silence| silence < LONGEST_SILENCE_MS),
        "{silences:.0?} ms of silence"
    );
}
