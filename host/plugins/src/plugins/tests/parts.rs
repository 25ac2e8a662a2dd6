//! What plugins offer beside sources.

use lavalink_plugin_api::{
    AudioFormat, Event, EventListener, Filter, FilterFactory, InfoModifier, Interceptor, Interest, Lyrics,
    LyricsSource, RestError, RestHead, Search, SearchKinds, SearchResults, SourcedTrack, Verdict,
};

use super::*;
use crate::events::Topic;
use crate::filters::FilterLine;

/// Plugins `plugin-a`, `plugin-b`, … with these parts.
fn with(parts: Vec<Extensions>, limits: GuardLimits) -> (Plugins, Arc<Notes>) {
    let (mut plugins, notes) = empty();
    plugins.limits = limits;
    let mut table = Table::default();
    let mut reports = Vec::new();
    for (letter, extensions) in ('a'..).zip(parts) {
        let mut loaded = artefact::<Scripted>(&format!("plugin-{letter}"), "1", Vec::new());
        loaded.extensions = extensions;
        plugins.register(&mut table, PathBuf::from("file"), loaded, None, &mut reports);
    }
    assert!(reports.iter().all(|report| report.result.is_ok()), "{reports:?}");
    plugins.table.store(Arc::new(table));
    (plugins, notes)
}

fn sourced(source: &str) -> SourcedTrack {
    SourcedTrack {
        source: source.to_owned(),
        track: track("x", source),
    }
}

/// Adds a number to every sample, in its own way.
struct Adder(&'static str, f32);

impl FilterFactory for Adder {
    fn name(&self) -> String {
        self.0.to_owned()
    }
    fn is_enabled(&self, config: &str) -> Result<bool, Failure> {
        match config {
            "null" => Err(Failure::common("no configuration")),
            config => Ok(config != "off"),
        }
    }
    fn build(&self, _: &dyn Host, _: &str, format: AudioFormat) -> Result<Box<dyn Filter>, Failure> {
        assert_eq!((format.sample_rate, format.channels), (48_000, 2));
        if self.0 == "heavy" {
            std::thread::sleep(Duration::from_millis(400));
        }
        Ok(Box::new(AdderAtWork(self.0, self.1, 0)))
    }
}

struct AdderAtWork(&'static str, f32, usize);

impl Filter for AdderAtWork {
    fn process(&mut self, samples: &mut Vec<f32>) -> Result<(), Failure> {
        assert!(samples.len() <= 1920, "20 ms at most");
        self.2 += 1;
        for sample in samples.iter_mut() {
            *sample = *sample * 2.0 + self.1;
        }
        match self.0 {
            "slow" => std::thread::sleep(Duration::from_millis(2)),
            "late" if self.2 > 1 => std::thread::sleep(Duration::from_secs(2)),
            "tired" if self.2 > 1 => return Err(Failure::common("no more")),
            _ => {}
        }
        Ok(())
    }
    fn seeked(&mut self, _: Duration) -> Result<(), Failure> {
        Ok(())
    }
    fn flush(&mut self) -> Result<Vec<f32>, Failure> {
        Ok(vec![self.1; 2])
    }
}

fn filters(kinds: &[(&'static str, f32)]) -> Extensions {
    let factories = kinds.iter().map(|&(name, add)| {
        let factory: Arc<dyn FilterFactory> = Arc::new(Adder(name, add));
        (name.to_owned(), factory)
    });
    Extensions {
        filters: factories.collect(),
        ..Extensions::default()
    }
}

async fn line(plugins: &Plugins, wanted: &[(&str, &str)]) -> FilterLine {
    let wanted = wanted
        .iter()
        .map(|(name, config)| ((*name).to_owned(), (*config).to_owned()));
    FilterLine::new(&plugins.active_filters(wanted.collect()).await)
}

#[tokio::test]
async fn filters_run_last_registered_first_and_flush_through_those_behind() {
    let parts = vec![
        filters(&[("one", 0.125)]),
        filters(&[("two", 0.25), ("one", 9.0)]),
    ];
    let (plugins, _) = with(parts, GuardLimits::default());
    assert_eq!(plugins.filter_names(), ["one", "two"]);
    let mut both = line(&plugins, &[("one", "{}"), ("two", "{}"), ("none", "{}")]).await;
    // two: 0.5 * 2 + 0.25, then one: * 2 + 0.125.
    assert_eq!(both.process(vec![0.5; 4000]).await, [2.625; 4000]);
    both.seeked(Duration::ZERO).await;
    // What two holds goes through one, then comes what one holds.
    assert_eq!(both.flush().await, [0.625, 0.625, 0.125, 0.125]);
    for config in ["off", "null"] {
        let mut nothing = line(&plugins, &[("one", config)]).await;
        assert_eq!(nothing.process(vec![0.5; 2]).await, [0.5; 2], "{config}");
    }
}

#[tokio::test]
async fn a_filter_that_fails_is_taken_out_and_the_others_go_on() {
    let parts = vec![filters(&[("one", 0.0), ("tired", 0.0)])];
    let (plugins, _) = with(parts, GuardLimits::default());
    let mut both = line(&plugins, &[("one", ""), ("tired", "")]).await;
    assert_eq!(both.process(vec![0.5; 2]).await, [2.0; 2]);
    for _ in 0..3 {
        assert_eq!(both.process(vec![0.5; 2]).await, [1.0; 2]);
    }
    assert_eq!(both.flush().await, [0.0; 2]);
}

#[tokio::test]
async fn a_filter_that_hangs_costs_its_deadline_once() {
    let limits = GuardLimits {
        filter: Duration::from_millis(50),
        ..GuardLimits::default()
    };
    let (plugins, _) = with(vec![filters(&[("late", 0.0)])], limits);
    let mut late = line(&plugins, &[("late", "")]).await;
    assert_eq!(late.process(vec![0.5; 2]).await, [1.0; 2]);
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(late.process(vec![0.5; 2]).await, [0.5; 2]);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn audio_passes_while_a_filter_is_being_built() {
    let (plugins, _) = with(vec![filters(&[("heavy", 0.0)])], GuardLimits::default());
    let mut heavy = line(&plugins, &[("heavy", "")]).await;
    assert_eq!(heavy.process(vec![0.5; 2]).await, [0.5; 2]);
    heavy.seeked(Duration::ZERO).await;
    let begun = Instant::now();
    while heavy.process(vec![0.5; 2]).await != [1.0; 2] {
        assert!(begun.elapsed() < Duration::from_secs(20), "never built");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_filter_that_is_always_slower_than_its_audio_is_taken_out() {
    let (plugins, _) = with(vec![filters(&[("slow", 0.0)])], GuardLimits::default());
    let mut slow = line(&plugins, &[("slow", "")]).await;
    // Half a millisecond of audio, for which it takes two.
    let mut filtered = 0;
    while slow.process(vec![0.5; 48]).await[0] == 1.0 {
        filtered += 1;
        assert!(filtered < 1000, "it is never taken out");
    }
    assert!(filtered >= 50, "only when it happens again and again: {filtered}");
}

struct Ear(Arc<Notes>, bool);

impl EventListener for Ear {
    fn interest(&self) -> Interest {
        Interest {
            messages: true,
            ..Interest::default()
        }
    }
    fn on_event(&self, _: &dyn Host, event: Event) -> Result<(), Failure> {
        if self.1 {
            std::thread::sleep(Duration::from_millis(200));
        }
        if let Event::MessageOut { message, .. } = event {
            self.0.0.lock().push(message);
        }
        Ok(())
    }
}

fn message(text: &str) -> Event {
    Event::MessageOut {
        session_id: String::new(),
        message: text.to_owned(),
    }
}

#[tokio::test]
async fn listeners_hear_what_they_asked_for_in_order_and_hold_nobody_up() {
    let heard = Arc::<Notes>::default();
    let ear = |is_slow| {
        let ear = Ear(Arc::clone(&heard), is_slow);
        Extensions {
            listeners: vec![(ear.interest(), Arc::new(ear) as Arc<dyn EventListener>)],
            ..Extensions::default()
        }
    };
    let (plugins, _) = with(vec![ear(false)], GuardLimits::default());
    let events = plugins.events();
    events.emit(Topic::Players, || panic!("nobody listens to that"));
    for number in 0..100 {
        events.emit(Topic::Messages, || message(&number.to_string()));
    }
    while heard.0.lock().len() < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(*heard.0.lock(), expected);

    heard.0.lock().clear();
    let (plugins, _) = with(vec![ear(true)], GuardLimits::default());
    let events = plugins.events();
    let begun = Instant::now();
    for number in 0..3000 {
        events.emit(Topic::Messages, || message(&number.to_string()));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "nobody waits for a slow listener"
    );
    let [(plugin, dropped)] = &events.dropped()[..] else {
        panic!("one plugin listens")
    };
    assert_eq!(plugin, "plugin-a");
    assert!(
        (1970..=1976).contains(dropped),
        "all but 1024 and the few told: {dropped}"
    );
}

struct Tagger(&'static str);

impl InfoModifier for Tagger {
    fn modify_tracks(&self, _: &dyn Host, tracks: &[SourcedTrack]) -> Result<Vec<Option<String>>, Failure> {
        match self.0 {
            "short" => Ok(Vec::new()),
            "panic" => panic!("a modifier that panics"),
            tag => Ok(tracks
                .iter()
                .map(|track| (track.source != "b").then(|| tag.to_owned()))
                .collect()),
        }
    }
    fn modify_playlist(&self, _: &dyn Host, _: &str, _: &Playlist) -> Result<Option<String>, Failure> {
        Ok(None)
    }
}

#[tokio::test]
async fn modifiers_add_in_the_order_of_their_plugins_and_broken_ones_are_left_out() {
    let tagger = |tag| Extensions {
        modifiers: vec![Arc::new(Tagger(tag)) as Arc<dyn InfoModifier>],
        ..Extensions::default()
    };
    let parts = vec![tagger("1"), tagger("short"), tagger("panic"), tagger("2")];
    let (plugins, _) = with(parts, GuardLimits::default());
    let added = plugins.modify_tracks(vec![sourced("a"), sourced("b")]).await;
    assert_eq!(added, [vec!["1".to_owned(), "2".to_owned()], Vec::new()]);
}

struct Door(&'static str);

impl Interceptor for Door {
    fn before(&self, host: &dyn Host, request: &RestHead) -> Result<Verdict, Failure> {
        host.log(Level::Info, &format!("{} before {}", self.0, request.path));
        match self.0 {
            "broken" => Err(Failure::common("a door that is stuck")),
            "closed" => Ok(Verdict::Refuse(RestError::new(403, "closed"))),
            _ => Ok(Verdict::Proceed),
        }
    }
    fn after(&self, host: &dyn Host, _: &RestHead, status: u16) -> Result<(), Failure> {
        host.log(Level::Info, &format!("{} after {status}", self.0));
        Ok(())
    }
}

#[tokio::test]
async fn interceptors_are_asked_in_order_and_told_in_the_opposite_one() {
    let doors = |names: &[&'static str]| Extensions {
        interceptors: names
            .iter()
            .map(|name| Arc::new(Door(name)) as Arc<dyn Interceptor>)
            .collect(),
        ..Extensions::default()
    };
    let head = RestHead {
        method: "GET".to_owned(),
        path: "/x".to_owned(),
        query: None,
        headers: Vec::new(),
    };
    let (plugins, notes) = with(
        vec![doors(&["one", "broken"]), doors(&["two"])],
        GuardLimits::default(),
    );
    let seen = plugins.intercept(head.clone()).await;
    assert_eq!(seen.answer, None);
    seen.after(204).await;
    assert_eq!(
        *notes.0.lock(),
        [
            "one before /x",
            "broken before /x",
            "two before /x",
            "two after 204",
            "one after 204"
        ]
    );
    let (plugins, notes) = with(vec![doors(&["one", "closed", "two"])], GuardLimits::default());
    let seen = plugins.intercept(head).await;
    assert_eq!(seen.answer, Some(Verdict::Refuse(RestError::new(403, "closed"))));
    seen.after(403).await;
    assert_eq!(
        *notes.0.lock(),
        ["one before /x", "closed before /x", "one after 403"]
    );
}

struct Finder(&'static str);

impl Search for Finder {
    fn source_name(&self) -> String {
        self.0.to_owned()
    }
    fn search(&self, _: &dyn Host, query: &str, _: SearchKinds) -> Result<Option<SearchResults>, Failure> {
        match (self.0, query) {
            ("broken", _) => Err(Failure::common("closed")),
            (_, "known") => Ok(Some(SearchResults::default())),
            _ => Ok(None),
        }
    }
}

impl LyricsSource for Finder {
    fn source_name(&self) -> String {
        self.0.to_owned()
    }
    fn load_lyrics(&self, _: &dyn Host, _: &SourcedTrack) -> Result<Option<Lyrics>, Failure> {
        match self.0 {
            "broken" => Err(Failure::common("closed")),
            name => Ok(Some(Lyrics {
                source_name: name.to_owned(),
                provider: String::new(),
                text: None,
                lines: None,
                plugin_info: None,
            })),
        }
    }
}

fn finders(names: &[&'static str]) -> Extensions {
    Extensions {
        searches: names
            .iter()
            .map(|name| ((*name).to_owned(), Arc::new(Finder(name)) as Arc<dyn Search>))
            .collect(),
        lyrics: names
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    Arc::new(Finder(name)) as Arc<dyn LyricsSource>,
                )
            })
            .collect(),
        ..Extensions::default()
    }
}

#[tokio::test]
async fn the_next_one_is_asked_when_one_finds_nothing_or_fails() {
    let parts = vec![finders(&["broken", "a"]), finders(&["b"])];
    let (plugins, _) = with(parts, GuardLimits::default());
    let found = plugins.search("known", SearchKinds::default()).await.unwrap();
    assert_eq!(found.map(|(source, _)| source), Some("a".to_owned()));
    let failure = plugins
        .search("unknown", SearchKinds::default())
        .await
        .unwrap_err();
    assert_eq!(failure.message, "closed");
    for (source, skip, wanted) in [
        ("b", false, "b"),
        ("b", true, "a"),
        ("x", false, "a"),
        ("broken", false, "a"),
    ] {
        let lyrics = plugins.lyrics(sourced(source), skip).await.unwrap().unwrap();
        assert_eq!(lyrics.source_name, wanted, "{source}, skip {skip}");
    }
    let (plugins, _) = with(vec![finders(&["broken"])], GuardLimits::default());
    assert!(plugins.has_lyrics() && plugins.has_searches() && !plugins.has_probes());
    assert!(plugins.lyrics(sourced("x"), false).await.is_err());
}
