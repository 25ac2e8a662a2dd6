//! New versions on trial: who is asked, what users notice, and how it ends. Files are read again by hand and by the watch.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::*;
use crate::breaker::BreakerPolicy;

/// A source whose tracks are titled by its version and which does as it is told.
struct Trained {
    version: u8,
    habit: Habit,
    calls: AtomicU32,
}

#[derive(Clone, Copy)]
enum Habit {
    Sound,
    FailsEverySecond,
    FailsEverySecondOpen,
    PanicsAlways,
    FindsNothing,
    /// Details of its own form, which no other version knows.
    WritesAnew,
}

impl Habit {
    fn of(word: &str) -> Self {
        match word {
            "half" => Self::FailsEverySecond,
            "panics" => Self::PanicsAlways,
            _ => Self::Sound,
        }
    }
}

impl Trained {
    fn new(version: u8, habit: Habit) -> Self {
        Self {
            version,
            habit,
            calls: AtomicU32::new(0),
        }
    }

    fn every_second(&self) -> Result<(), Failure> {
        if self.calls.fetch_add(1, Relaxed) % 2 == 1 {
            return Err(Failure::suspicious("this version is broken"));
        }
        Ok(())
    }
}

impl Source for Trained {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "a".to_owned(),
            search_prefixes: Vec::new(),
            is_fallback: false,
        }
    }
    fn load(&self, _: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        if identifier == "foreign" {
            return Ok(Loaded::NotMine);
        }
        match self.habit {
            Habit::FailsEverySecond => self.every_second()?,
            Habit::PanicsAlways => panic!("version {}", self.version),
            Habit::FindsNothing => return Ok(Loaded::Nothing),
            Habit::Sound | Habit::FailsEverySecondOpen | Habit::WritesAnew => {}
        }
        let mut found = track(identifier, &self.version.to_string());
        if let Habit::WritesAnew = self.habit {
            found.details = vec![self.version];
        }
        Ok(Loaded::Track(found))
    }
    fn decode_details(&self, _: u8, details: &[u8]) -> Result<Details, Failure> {
        match (details, self.habit) {
            ([], _) | (_, Habit::WritesAnew) => Ok(Details {
                details: details.to_vec(),
                plugin_info: None,
            }),
            _ => Err(Failure::common("not of this version")),
        }
    }
    fn open(&self, _: &dyn Host, track: &Track, _: Duration) -> Result<Media, Failure> {
        if let Habit::FailsEverySecondOpen = self.habit {
            self.every_second()?;
        }
        self.decode_details(3, &track.details)?;
        Ok(Media::Http {
            request: HttpRequest::get(self.version.to_string()),
            expires: None,
            length: None,
            hint: Hint::default(),
        })
    }
}

/// Version 1 in use, version 2 on trial.
fn on_trial(old: Habit, new: Habit) -> (Plugins, Arc<Notes>) {
    let (mut plugins, notes) = empty();
    plugins.trial = TrialPolicy::default();
    let mut table = Table::default();
    let old = artefact("plugin-a", "1", vec![Trained::new(1, old)]);
    plugins.register(&mut table, PathBuf::from("a"), old, None, &mut Vec::new());
    plugins.table.store(Arc::new(table));
    let new = artefact("plugin-a", "2", vec![Trained::new(2, new)]);
    assert_eq!(
        plugins.introduce(PathBuf::from("a"), new, None).unwrap(),
        Exchange::TrialBegun
    );
    notes.0.lock().clear();
    (plugins, notes)
}

async fn load(plugins: &Plugins, identifier: &str) -> Result<Track, Failure> {
    match plugins.load_identifier(identifier).await?.item {
        Item::Track(track) => Ok(track),
        other => panic!("{other:?}"),
    }
}

fn version(plugins: &Plugins) -> String {
    plugins.infos()[0].version.clone()
}

#[tokio::test]
async fn a_sound_version_gets_its_share_and_then_everything() {
    let (plugins, notes) = on_trial(Habit::Sound, Habit::Sound);
    let mut by_new = 0;
    for _ in 0..40 {
        let found = load(&plugins, "x").await.unwrap();
        by_new += u32::from(found.info.title == "2");
        // Identifiers of others neither help nor harm it.
        plugins.load_identifier("foreign").await.unwrap();
    }
    assert!((7..=14).contains(&by_new), "{by_new} of 40 at 25 %");
    assert_eq!(version(&plugins), "1");
    for _ in 0..60 {
        load(&plugins, "x").await.unwrap();
    }
    assert_eq!(version(&plugins), "2");
    assert!(plugins.statuses()[0].trial.is_none());
    assert_eq!(*notes.0.lock(), ["plugin-a promoted"]);
}

#[tokio::test]
async fn a_version_that_fails_half_its_loads_is_rolled_back_within_twenty_and_no_user_notices() {
    let (plugins, notes) = on_trial(Habit::Sound, Habit::FailsEverySecond);
    for number in 1.. {
        load(&plugins, "x").await.unwrap();
        if plugins.statuses()[0].trial.is_none() {
            assert!(number <= 20, "{number} loads");
            break;
        }
    }
    assert_eq!(version(&plugins), "1");
    assert_eq!(*notes.0.lock(), ["plugin-a rolled-back"]);
}

#[tokio::test]
async fn a_version_that_panics_or_finds_nothing_is_rolled_back_as_well() {
    for habit in [Habit::PanicsAlways, Habit::FindsNothing] {
        let (plugins, notes) = on_trial(Habit::Sound, habit);
        for _ in 0..20 {
            assert_eq!(load(&plugins, "x").await.unwrap().info.title, "1");
        }
        assert_eq!(*notes.0.lock(), ["plugin-a rolled-back"]);
    }
}

#[tokio::test]
async fn a_version_whose_tracks_cannot_be_opened_is_rolled_back() {
    let (plugins, notes) = on_trial(Habit::Sound, Habit::FailsEverySecondOpen);
    for _ in 0..20 {
        plugins.open("a", &track("x", ""), Duration::ZERO).await.unwrap();
    }
    assert_eq!(*notes.0.lock(), ["plugin-a rolled-back"]);
}

#[tokio::test]
async fn both_versions_tracks_decode_and_play_during_the_trial() {
    let (plugins, _) = on_trial(Habit::Sound, Habit::WritesAnew);
    let mut kinds = [0; 2];
    for _ in 0..16 {
        let found = load(&plugins, "x").await.unwrap();
        kinds[usize::from(found.details.is_empty())] += 1;
        let tail = Tail {
            version: 3,
            details: found.details.clone(),
        };
        plugins.decode_details("a", vec![tail]).await.unwrap();
        plugins.open("a", &found, Duration::ZERO).await.unwrap();
    }
    assert!(kinds[0] > 0 && kinds[1] > 0, "{kinds:?}");
}

#[tokio::test]
async fn a_suspended_version_gives_way_at_once() {
    let (plugins, notes) = on_trial(Habit::PanicsAlways, Habit::Sound);
    // The old one is the broken one here: it is suspended, and all goes to the new one.
    let mut failed = 0;
    for _ in 0..60 {
        failed += u32::from(load(&plugins, "x").await.is_err());
    }
    assert_eq!(failed, u32::try_from(BreakerPolicy::default().faults).unwrap());
    assert_eq!(*notes.0.lock(), ["plugin-a promoted"]);
    let third = artefact("plugin-a", "3", vec![Trained::new(3, Habit::PanicsAlways)]);
    plugins.introduce(PathBuf::from("a"), third, None).unwrap();
    let trial = {
        let table = plugins.table.load_full();
        let slot = &table.slots()[0];
        let guard = Arc::clone(&slot.contender.as_ref().unwrap().member.guard);
        for _ in 0..5 {
            let call = guard.call::<(), _>("load", Instant::now() + Duration::from_secs(9), || panic!("x"));
            call.await.unwrap_err();
        }
        guard
    };
    assert!(trial.suspended().is_some());
    plugins.tend(Instant::now());
    assert_eq!(version(&plugins), "2");
    assert_eq!(notes.0.lock().last().unwrap(), "plugin-a rolled-back");
    // Whoever is suspended when a new version comes is replaced without a trial.
    let fourth = artefact("plugin-a", "4", vec![Trained::new(4, Habit::PanicsAlways)]);
    plugins.introduce(PathBuf::from("a"), fourth, None).unwrap();
    plugins.tend(Instant::now() + plugins.trial.time);
    assert_eq!(version(&plugins), "4", "the time is over");
    for _ in 0..5 {
        load(&plugins, "x").await.unwrap_err();
    }
    let fifth = artefact("plugin-a", "5", vec![Trained::new(5, Habit::Sound)]);
    assert_eq!(
        plugins.introduce(PathBuf::from("a"), fifth, None).unwrap(),
        Exchange::Replaced
    );
    assert_eq!(load(&plugins, "x").await.unwrap().info.title, "5");
}

#[tokio::test]
async fn a_newer_version_overtakes_a_trial() {
    let (plugins, notes) = on_trial(Habit::Sound, Habit::FailsEverySecond);
    let third = artefact("plugin-a", "3", vec![Trained::new(3, Habit::Sound)]);
    plugins.introduce(PathBuf::from("a"), third, None).unwrap();
    for _ in 0..100 {
        load(&plugins, "x").await.unwrap();
    }
    assert_eq!(version(&plugins), "3");
    assert_eq!(*notes.0.lock(), ["plugin-a trial", "plugin-a promoted"]);
}

/// A plugin in a file: its name, version and habit as three words.
fn from_file(candidate: Candidate) -> Result<extensions::Loaded, LoadError> {
    let text = std::fs::read_to_string(&candidate.path).map_err(LoadError::Unreadable)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, version, habit] = words[..] else {
        return Err(LoadError::Empty);
    };
    let source = Trained::new(version.parse().unwrap(), Habit::of(habit));
    Ok(artefact(name, version, vec![source]))
}

/// One plugin from a file.
pub(super) fn with_file(text: &str) -> (tempfile::TempDir, PathBuf, Plugins, Arc<Notes>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap().join("a.so");
    std::fs::write(&path, text).unwrap();
    let (mut plugins, notes) = empty();
    plugins.loader = Box::new(from_file);
    let loaded = from_file(discovery::candidate(&path).unwrap()).unwrap();
    let mut table = Table::default();
    let digest = Some(Sha256::of_bytes(text.as_bytes()));
    plugins.register(&mut table, path.clone(), loaded, digest, &mut Vec::new());
    plugins.table.store(Arc::new(table));
    (dir, path, plugins, notes)
}

#[test]
fn a_reload_takes_what_the_file_holds_and_says_what_it_did() {
    let (_dir, path, plugins, notes) = with_file("plugin-a 1 sound");
    let reloaded = plugins.reload("plugin-a").unwrap();
    assert_eq!((reloaded.version.as_str(), reloaded.change), ("1", None));

    std::fs::write(&path, "plugin-a 2 sound").unwrap();
    let reloaded = plugins.reload("plugin-a").unwrap();
    assert_eq!(
        (
            reloaded.before.as_deref(),
            reloaded.version.as_str(),
            reloaded.change
        ),
        (Some("1"), "2", Some(Exchange::Replaced))
    );

    std::fs::write(&path, "nonsense").unwrap();
    assert!(matches!(
        plugins.reload("plugin-a"),
        Err(ReloadError::Refused { .. })
    ));
    std::fs::write(&path, "plugin-b 1 sound").unwrap();
    assert!(
        matches!(plugins.reload("plugin-a"), Err(ReloadError::OtherPlugin { found, .. }) if found == "plugin-b")
    );
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(
        plugins.reload("plugin-a"),
        Err(ReloadError::Refused { .. })
    ));
    assert!(matches!(
        plugins.reload("plugin-z"),
        Err(ReloadError::Unknown { .. })
    ));
    assert_eq!(version(&plugins), "2");
    let told = notes.0.lock();
    assert_eq!(
        *told,
        [
            "plugin-a replaced",
            "plugin-a refused",
            "plugin-a refused",
            "plugin-a refused"
        ]
    );
}

#[test]
fn only_one_plugin_is_loaded_at_a_time() {
    let (_dir, _, plugins, _) = with_file("plugin-a 1 sound");
    let loading = plugins.reloading.lock();
    assert!(matches!(plugins.reload("plugin-a"), Err(ReloadError::Busy)));
    drop(loading);
    assert!(plugins.reload("plugin-a").is_ok());
}

#[test]
fn native_plugins_wait_for_a_restart() {
    let (_dir, path, mut plugins, notes) = with_file("plugin-a 1 sound");
    let mut loaded = artefact("plugin-n", "1", vec![Trained::new(1, Habit::Sound)]);
    loaded.form = Form::Native;
    let mut table = Table::default();
    plugins.register(&mut table, path.clone(), loaded, None, &mut Vec::new());
    plugins.table = Arc::new(ArcSwap::from_pointee(table));
    let error = plugins.reload("plugin-n").unwrap_err().to_string();
    assert!(error.contains("native") && error.contains("restart"), "{error}");

    let mut watch = Watch::default();
    watch.poll(&plugins, &[]);
    std::fs::write(&path, "something longer than before").unwrap();
    for _ in 0..3 {
        watch.poll(&plugins, &[]);
    }
    assert_eq!(version(&plugins), "1");
    assert!(notes.0.lock().is_empty());
}

#[test]
fn the_watch_loads_a_file_once_it_is_at_rest() {
    let (_dir, path, plugins, notes) = with_file("plugin-a 1 sound");
    let mut watch = Watch::default();
    watch.poll(&plugins, &[]);
    watch.poll(&plugins, &[]);
    for text in ["plug", "plugin-a 22", "plugin-a 22 sound"] {
        std::fs::write(&path, text).unwrap();
        watch.poll(&plugins, &[]);
        assert_eq!(version(&plugins), "1", "it may still be growing");
    }
    watch.poll(&plugins, &[]);
    assert_eq!(version(&plugins), "22");

    // One that is broken is told once, and the next one is taken.
    std::fs::write(&path, "broken").unwrap();
    for _ in 0..4 {
        watch.poll(&plugins, &[]);
    }
    std::fs::remove_file(&path).unwrap();
    watch.poll(&plugins, &[]);
    assert_eq!(version(&plugins), "22");
    std::fs::write(&path, "plugin-a 33 sound ").unwrap();
    watch.poll(&plugins, &[]);
    watch.poll(&plugins, &[]);
    assert_eq!(version(&plugins), "33");
    let told = notes.0.lock();
    assert_eq!(
        *told,
        ["plugin-a replaced", "plugin-a refused", "plugin-a replaced"]
    );
}

#[test]
fn files_of_one_time_and_length_are_told_apart() {
    let (dir, path, plugins, _) = with_file("plugin-a 1 sound");
    let mut watch = Watch::default();
    watch.poll(&plugins, &[]);
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let beside = dir.path().join("beside");
    std::fs::write(&beside, "plugin-a 2 sound").unwrap();
    let written = std::fs::OpenOptions::new().write(true).open(&beside).unwrap();
    written.set_modified(time).unwrap();
    std::fs::rename(&beside, &path).unwrap();
    watch.poll(&plugins, &[]);
    watch.poll(&plugins, &[]);
    assert_eq!(version(&plugins), "2");
}

#[test]
fn a_file_that_could_not_be_loaded_is_tried_again_when_it_has_changed() {
    let (dir, _, plugins, notes) = with_file("plugin-a 1 sound");
    let failed = dir.path().canonicalize().unwrap().join("b.so");
    std::fs::write(&failed, "broken").unwrap();
    assert!(plugins.retry(&failed).is_err());
    let mut watch = Watch::default();
    let mut poll = || watch.poll(&plugins, std::slice::from_ref(&failed));
    assert!(poll().is_empty() && poll().is_empty());
    std::fs::write(&failed, "plugin-b 1 sound").unwrap();
    assert!(poll().is_empty(), "it may still be growing");
    assert_eq!(poll(), std::slice::from_ref(&failed));
    assert!(poll().is_empty(), "it is told once");
    // The source of the two has one name, so the second plugin has nothing to offer.
    assert!(matches!(
        plugins.retry(&failed),
        Err(LoadError::DuplicateSource { .. })
    ));

    // One of the name that is loaded from another file does not take its place.
    std::fs::write(&failed, "plugin-a 2 sound").unwrap();
    assert!(matches!(plugins.retry(&failed), Err(LoadError::NameTaken { .. })));
    assert_eq!(version(&plugins), "1");
    assert_eq!(*notes.0.lock(), ["plugin-b refused", "plugin-a refused"]);
}
