//! Interfaces `info` and `probe`: what a plugin adds to the tracks and media of others, on its way to the host.

use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec};

use self::abi::{ModifierApi, ModifierBox, ProbeApi, ProbeBox};
use super::abi::{
    Failure as AbiFailure, Hint as AbiHint, HostRef, Playlist as AbiPlaylist, SourcedTrack as AbiSourcedTrack,
};
use super::cross::{Cross, same};
use super::lent::Lent;
use super::lent_host::lend;
use crate::{ContainerProbe, Failure, Hint, Host, InfoModifier, Playlist, SourcedTrack};

/// What crosses the border for both. FROZEN like [`super::abi`].
pub mod abi {
    // The derives and `sabi_trait` expand to unsafe impls and to generated items that carry no docs of their own.
    #![allow(
        unsafe_code,
        missing_docs,
        non_local_definitions,
        clippy::undocumented_unsafe_blocks
    )]
    use abi_stable::sabi_trait;
    use abi_stable::std_types::{RBox, ROption, RResult, RSlice, RStr, RString, RVec};

    use crate::v1::abi::{Failure, Hint, HostRef, Playlist, SourcedTrack};

    #[sabi_trait]
    pub trait ModifierApi: Send + Sync {
        fn modify_tracks(
            &self,
            host: HostRef<'_>,
            tracks: RVec<SourcedTrack>,
        ) -> RResult<RVec<ROption<RString>>, Failure>;
        #[sabi(last_prefix_field)]
        fn modify_playlist(
            &self,
            host: HostRef<'_>,
            source: RStr<'_>,
            playlist: Playlist,
        ) -> RResult<ROption<RString>, Failure>;
    }

    /// An owned modifier.
    pub type ModifierBox = ModifierApi_TO<'static, RBox<()>>;

    #[sabi_trait]
    pub trait ProbeApi: Send + Sync {
        #[sabi(last_prefix_field)]
        fn sniff(
            &self,
            host: HostRef<'_>,
            head: RSlice<'_, u8>,
            hint: Hint,
        ) -> RResult<ROption<RString>, Failure>;
    }

    /// An owned probe.
    pub type ProbeBox = ProbeApi_TO<'static, RBox<()>>;
}

same!(ModifierBox, ProbeBox);

impl ModifierApi for Lent<dyn InfoModifier> {
    fn modify_tracks(
        &self,
        host: HostRef<'_>,
        tracks: RVec<AbiSourcedTrack>,
    ) -> RResult<RVec<ROption<RString>>, AbiFailure> {
        self.call_with(host, "modify_tracks", |modifier, host| {
            let tracks = <Vec<SourcedTrack>>::back(tracks);
            modifier.modify_tracks(host, &tracks)
        })
    }
    fn modify_playlist(
        &self,
        host: HostRef<'_>,
        source: RStr<'_>,
        playlist: AbiPlaylist,
    ) -> RResult<ROption<RString>, AbiFailure> {
        self.call_with(host, "modify_playlist", |modifier, host| {
            modifier.modify_playlist(host, source.as_str(), &Cross::back(playlist))
        })
    }
}

impl ProbeApi for Lent<dyn ContainerProbe> {
    fn sniff(
        &self,
        host: HostRef<'_>,
        head: RSlice<'_, u8>,
        hint: AbiHint,
    ) -> RResult<ROption<RString>, AbiFailure> {
        self.call_with(host, "sniff", |probe, host| {
            probe.sniff(host, head.as_slice(), &Cross::back(hint))
        })
    }
}

/// A modifier of a loaded plugin, as the host uses it.
pub struct ForeignModifier(pub ModifierBox);

impl InfoModifier for ForeignModifier {
    fn modify_tracks(
        &self,
        host: &dyn Host,
        tracks: &[SourcedTrack],
    ) -> Result<Vec<Option<String>>, Failure> {
        lend(host, |host| self.0.modify_tracks(host, tracks.to_vec().out()))
    }
    fn modify_playlist(
        &self,
        host: &dyn Host,
        source: &str,
        playlist: &Playlist,
    ) -> Result<Option<String>, Failure> {
        lend(host, |host| {
            let playlist = playlist.clone().out();
            self.0.modify_playlist(host, source.into(), playlist)
        })
    }
}

/// A probe of a loaded plugin, as the host uses it.
pub struct ForeignProbe(pub ProbeBox);

impl ContainerProbe for ForeignProbe {
    fn sniff(&self, host: &dyn Host, head: &[u8], hint: &Hint) -> Result<Option<String>, Failure> {
        lend(host, |host| self.0.sniff(host, head.into(), hint.clone().out()))
    }
}
