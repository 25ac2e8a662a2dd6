//! A Discord voice server on loopback for tests: gateway (wss, versions 4 to 8), UDP, and DAVE with real MLS.
//!
//! [`FakeDiscord::start`] runs one server for any number of guilds. Clients reach it at
//! [`FakeDiscord::endpoint`] and trust it through [`FakeDiscord::write_ca_bundle`]. Simulated listeners share
//! each call, so that clients must encrypt end to end; the server opens their audio with keys it exports from the
//! listeners' MLS state, decodes it, and keeps it for [`FakeDiscord::pcm`] and [`analysis`].
//! What a client did is in its [`ConnectionReport`]; [`ConnectionReport::violations`] lists what it did wrong.
//!
//! It is written from the protocol's documentation and shares no code with the clients it tests.
//!
//! ```no_run
//! # async fn example() -> Result<(), fake_discord::FakeError> {
//! use std::time::Duration;
//! use fake_discord::{Config, FakeDiscord};
//!
//! let discord = FakeDiscord::start(Config::default()).await?;
//! discord.write_ca_bundle("ca.pem")?;
//! // Start the node under test with SSL_CERT_FILE=ca.pem and connect guild 1 to discord.endpoint() …
//! let report = discord
//!     .wait_for(1, "two seconds of encrypted audio", Duration::from_secs(10), |r| r.dave.decrypted >= 100)
//!     .await?;
//! assert_eq!(report.violations(), Vec::<String>::new());
//! let [left, _right] = fake_discord::analysis::stereo(&discord.pcm(1), 48_000).expect("audio was recorded");
//! assert!((left.peak_hz - 440.0).abs() < 1.0);
//! # Ok(())
//! # }
//! ```

pub mod analysis;
mod certificates;
mod config;
mod controls;
mod discovery;
mod error;
mod faults;
mod gateway;
mod media;
mod openings;
mod report;
mod room;
mod server;
mod state;
mod udp;
mod wav;

pub use config::{CommitRace, Config, Content, InitialTransition, Mode, Quirks, default_channel};
pub use error::FakeError;
pub use faults::{Discovery, Ending, Faults, Refusal, Reply, Stage};
pub use gateway::session::Flood;
pub use openings::Opening;
pub use report::{
    CloseReport, ConnectionReport, DaveReport, FrameReport, Gap, GatewayReport, HISTORY_LIMIT, RtpReport,
    SpeakingEvent, TimingReport,
};
pub use room::{FIRST_LISTENER, Hostile};
pub use server::FakeDiscord;
