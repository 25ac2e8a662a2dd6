//! Plugins that are part of the program.

#[allow(dead_code, reason = "shared with the tests of other forms")]
mod fixtures;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lavalink_plugin_api::{
    BuiltIn, Details, Failure, Host, Loaded, Media, Plugin, Source, SourceDescriptor, Track, export,
};
use lavalink_plugins::{
    AdmitAll, BreakerPolicy, Form, GuardLimits, Item, LoadError, LoadOptions, LoadReport, PluginThreads,
    Plugins,
};

use fixtures::{Desk, library, place, track};

struct Bells;

impl Source for Bells {
    fn describe(&self) -> SourceDescriptor {
        SourceDescriptor {
            name: "bells".to_owned(),
            search_prefixes: Vec::new(),
            is_fallback: false,
        }
    }

    fn load(&self, _: &dyn Host, identifier: &str) -> Result<Loaded, Failure> {
        match identifier {
            "ding" => Ok(Loaded::Track(track("ding"))),
            "crack" => panic!("a bell breaks"),
            _ => Ok(Loaded::NotMine),
        }
    }

    fn decode_details(&self, _: u8, _: &[u8]) -> Result<Details, Failure> {
        Err(Failure::common("bells have none"))
    }

    fn open(&self, _: &dyn Host, _: &Track, _: Duration) -> Result<Media, Failure> {
        Ok(Media::Redirect("ding".to_owned()))
    }
}

export!(
    || Plugin::new().source(Bells),
    name = "bells",
    offers = [source],
    hosts = ["bells.example"]
);

fn load(built_in: Vec<BuiltIn>, files: &[(&str, Vec<u8>)]) -> (Plugins, Vec<LoadReport>) {
    let dir = place(files);
    let options = LoadOptions {
        dirs: vec![dir.path().to_owned()],
        files: Vec::new(),
        built_in,
        source_enabled: Box::new(|_| true),
        limits: GuardLimits {
            start: Duration::from_secs(30),
            breaker: BreakerPolicy::default(),
            ..GuardLimits::default()
        },
        admission: Arc::new(AdmitAll),
        cache_dir: None,
        threads: PluginThreads::new(),
    };
    Plugins::load(options, Arc::new(Desk))
}

#[tokio::test]
async fn a_plugin_of_the_program_is_one_like_any_other() {
    let (plugins, reports) = load(vec![built_in()], &[]);
    assert!(reports[0].result.is_ok(), "{reports:?}");
    let info = &plugins.infos()[0];
    assert_eq!((info.name.as_str(), info.form), ("bells", Form::BuiltIn));
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(info.grants.hosts, ["bells.example"]);
    let found = plugins.load_identifier("ding").await.unwrap();
    assert!(matches!(found.item, Item::Track(track) if track.info.identifier == "ding"));
    let failure = plugins.load_identifier("crack").await.unwrap_err();
    assert!(failure.to_string().contains("a bell breaks"), "{failure}");
}

#[test]
fn a_file_takes_the_place_of_what_is_built_in() {
    let slow = BuiltIn {
        manifest: r#"{"name":"slow","version":"0","generations":[1]}"#,
        offers: &["source"],
        build: || Plugin::new().source(Bells),
    };
    let (plugins, _) = load(vec![slow], &[("a.so", library("lavalink_test_plugin_slow"))]);
    let infos = plugins.infos();
    assert_eq!((infos.len(), infos[0].form), (1, Form::Native));
}

#[test]
fn one_that_does_not_start_is_reported() {
    let broken = |build: fn() -> Plugin| {
        let built_in = BuiltIn {
            manifest: r#"{"name":"broken","version":"0","generations":[1]}"#,
            offers: &["filters"],
            build,
        };
        let (plugins, mut reports) = load(vec![built_in], &[]);
        assert!(plugins.infos().is_empty());
        assert_eq!(reports[0].path, PathBuf::from("(built in)"));
        reports.remove(0).result.unwrap_err().to_string()
    };
    assert!(broken(|| panic!("not today")).contains("not today"));
    assert!(broken(|| Plugin::new().source(Bells)).contains("`source`"));
    let nameless = BuiltIn {
        manifest: "{}",
        offers: &[],
        build: Plugin::new,
    };
    let (_, mut reports) = load(vec![nameless], &[]);
    assert!(matches!(
        reports.remove(0).result.unwrap_err(),
        LoadError::Manifest(_)
    ));
}
