//! Interfaces `search` and `lyrics`: what a plugin finds beside tracks, on its way to the host.

use abi_stable::std_types::{ROption, RResult, RStr, RString};

use self::abi::{LyricsApi, LyricsBox, SearchApi, SearchBox};
use super::abi::{Failure as AbiFailure, HostRef, SourcedTrack as AbiSourcedTrack};
use super::cross::{Cross, record, same};
use super::lent::Lent;
use super::lent_host::lend;
use crate::{Failure, Host, Lyrics, LyricsSource, Search, SearchKinds, SearchResults, SourcedTrack};

/// What crosses the border for both. FROZEN like [`super::abi`].
pub mod abi {
    // The derives and `sabi_trait` expand to unsafe impls and to generated items that carry no docs of their own.
    #![allow(
        unsafe_code,
        missing_docs,
        non_local_definitions,
        clippy::undocumented_unsafe_blocks
    )]
    use abi_stable::std_types::{RBox, RDuration, ROption, RResult, RStr, RString, RVec};
    use abi_stable::{StableAbi, sabi_trait};

    use crate::v1::abi::{Failure, HostRef, Playlist, SourcedTrack, Track};

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct SearchKinds {
        pub tracks: bool,
        pub albums: bool,
        pub artists: bool,
        pub playlists: bool,
        pub texts: bool,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct SearchText {
        pub text: RString,
        pub plugin_info: ROption<RString>,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct SearchResults {
        pub tracks: RVec<Track>,
        pub albums: RVec<Playlist>,
        pub artists: RVec<Playlist>,
        pub playlists: RVec<Playlist>,
        pub texts: RVec<SearchText>,
        pub plugin_info: ROption<RString>,
    }

    #[sabi_trait]
    pub trait SearchApi: Send + Sync {
        fn source_name(&self) -> RResult<RString, Failure>;
        #[sabi(last_prefix_field)]
        fn search(
            &self,
            host: HostRef<'_>,
            query: RStr<'_>,
            kinds: SearchKinds,
        ) -> RResult<ROption<SearchResults>, Failure>;
    }

    /// An owned search.
    pub type SearchBox = SearchApi_TO<'static, RBox<()>>;

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct LyricsLine {
        pub timestamp: RDuration,
        pub duration: ROption<RDuration>,
        pub line: RString,
        pub plugin_info: ROption<RString>,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct Lyrics {
        pub source_name: RString,
        pub provider: RString,
        pub text: ROption<RString>,
        pub lines: ROption<RVec<LyricsLine>>,
        pub plugin_info: ROption<RString>,
    }

    #[sabi_trait]
    pub trait LyricsApi: Send + Sync {
        fn source_name(&self) -> RResult<RString, Failure>;
        #[sabi(last_prefix_field)]
        fn load_lyrics(&self, host: HostRef<'_>, track: SourcedTrack) -> RResult<ROption<Lyrics>, Failure>;
    }

    /// An owned source of lyrics.
    pub type LyricsBox = LyricsApi_TO<'static, RBox<()>>;
}

record!(SearchKinds {
    tracks,
    albums,
    artists,
    playlists,
    texts
});
record!(SearchText { text, plugin_info });
record!(SearchResults {
    tracks,
    albums,
    artists,
    playlists,
    texts,
    plugin_info
});
record!(LyricsLine {
    timestamp,
    duration,
    line,
    plugin_info
});
record!(Lyrics {
    source_name,
    provider,
    text,
    lines,
    plugin_info
});
same!(SearchBox, LyricsBox);

impl SearchApi for Lent<dyn Search> {
    fn source_name(&self) -> RResult<RString, AbiFailure> {
        self.call("source_name", |search| Ok(search.source_name()))
    }
    fn search(
        &self,
        host: HostRef<'_>,
        query: RStr<'_>,
        kinds: abi::SearchKinds,
    ) -> RResult<ROption<abi::SearchResults>, AbiFailure> {
        self.call_with(host, "search", |search, host| {
            search.search(host, query.as_str(), Cross::back(kinds))
        })
    }
}

impl LyricsApi for Lent<dyn LyricsSource> {
    fn source_name(&self) -> RResult<RString, AbiFailure> {
        self.call("source_name", |lyrics| Ok(lyrics.source_name()))
    }
    fn load_lyrics(
        &self,
        host: HostRef<'_>,
        track: AbiSourcedTrack,
    ) -> RResult<ROption<abi::Lyrics>, AbiFailure> {
        self.call_with(host, "load_lyrics", |lyrics, host| {
            lyrics.load_lyrics(host, &Cross::back(track))
        })
    }
}

/// A search of a loaded plugin, as the host uses it.
pub struct ForeignSearch {
    source_name: String,
    inner: SearchBox,
}

impl ForeignSearch {
    /// Takes a search and asks whose it is.
    ///
    /// # Errors
    /// When that makes it panic.
    pub fn new(inner: SearchBox) -> Result<Self, Failure> {
        let source_name = <Result<String, Failure>>::back(inner.source_name())?;
        Ok(Self { source_name, inner })
    }
}

impl Search for ForeignSearch {
    fn source_name(&self) -> String {
        self.source_name.clone()
    }
    fn search(
        &self,
        host: &dyn Host,
        query: &str,
        kinds: SearchKinds,
    ) -> Result<Option<SearchResults>, Failure> {
        lend(host, |host| self.inner.search(host, query.into(), kinds.out()))
    }
}

/// A source of lyrics of a loaded plugin, as the host uses it.
pub struct ForeignLyrics {
    source_name: String,
    inner: LyricsBox,
}

impl ForeignLyrics {
    /// Takes a source of lyrics and asks whose it is.
    ///
    /// # Errors
    /// When that makes it panic.
    pub fn new(inner: LyricsBox) -> Result<Self, Failure> {
        let source_name = <Result<String, Failure>>::back(inner.source_name())?;
        Ok(Self { source_name, inner })
    }
}

impl LyricsSource for ForeignLyrics {
    fn source_name(&self) -> String {
        self.source_name.clone()
    }
    fn load_lyrics(&self, host: &dyn Host, track: &SourcedTrack) -> Result<Option<Lyrics>, Failure> {
        lend(host, |host| self.inner.load_lyrics(host, track.clone().out()))
    }
}
