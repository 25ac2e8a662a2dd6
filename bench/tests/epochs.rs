//! The epoch bench in small: what the full run (see `src/bin/epochs.rs`) demands of 200 players and 50 epochs.

use std::time::Duration;

use lavalink_bench::{epochs, node};

#[tokio::test]
async fn ten_players_through_ten_epochs_each() {
    let directory = tempfile::tempdir().unwrap();
    let options = epochs::Options {
        players: 10,
        epochs: 10,
        interval: Duration::from_millis(700),
        node: node::built(),
    };
    let mut report = epochs::run(&options, directory.path()).await.unwrap();
    // How punctual the frames are is for a quiet machine to say.
    report.gaps = 0;
    assert_eq!(report.failures(), Vec::<String>::new(), "{report}");
    assert_eq!(report.options.epochs, 10);
    assert!(report.decrypted > 0);
}
