//! Interfaces `info` and `probe`: what a plugin adds to the tracks and media of others, on its way to the host.

use std::sync::Arc;

use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RString, RVec};

use self::abi::{ModifierApi, ModifierApi_TO, ModifierBox, ProbeApi, ProbeApi_TO, ProbeBox};
use super::abi::{Failure as AbiFailure, Hint as AbiHint, HostRef, Playlist as AbiPlaylist};
use super::contain::{Contained, contained};
use super::cross::{Cross, same};
use super::lent_host;
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

struct LentModifier {
    who: String,
    modifier: Contained<Arc<dyn InfoModifier>>,
}

impl ModifierApi for LentModifier {
    fn modify_tracks(
        &self,
        host: HostRef<'_>,
        tracks: RVec<super::abi::SourcedTrack>,
    ) -> RResult<RVec<ROption<RString>>, AbiFailure> {
        contained(&self.who, "modify_tracks", || {
            let tracks = <Vec<SourcedTrack>>::back(tracks);
            self.modifier.modify_tracks(&lent_host::Foreign(host), &tracks)
        })
        .out()
    }
    fn modify_playlist(
        &self,
        host: HostRef<'_>,
        source: RStr<'_>,
        playlist: AbiPlaylist,
    ) -> RResult<ROption<RString>, AbiFailure> {
        contained(&self.who, "modify_playlist", || {
            let playlist = Cross::back(playlist);
            self.modifier
                .modify_playlist(&lent_host::Foreign(host), source.as_str(), &playlist)
        })
        .out()
    }
}

struct LentProbe {
    who: String,
    probe: Contained<Arc<dyn ContainerProbe>>,
}

impl ProbeApi for LentProbe {
    fn sniff(
        &self,
        host: HostRef<'_>,
        head: RSlice<'_, u8>,
        hint: AbiHint,
    ) -> RResult<ROption<RString>, AbiFailure> {
        contained(&self.who, "sniff", || {
            self.probe
                .sniff(&lent_host::Foreign(host), head.as_slice(), &Cross::back(hint))
        })
        .out()
    }
}

pub(super) fn modifier_out(who: String, modifier: Arc<dyn InfoModifier>) -> ModifierBox {
    let modifier = Contained::new(modifier);
    ModifierApi_TO::from_value(LentModifier { who, modifier }, TD_Opaque)
}

pub(super) fn probe_out(who: String, probe: Arc<dyn ContainerProbe>) -> ProbeBox {
    let probe = Contained::new(probe);
    ProbeApi_TO::from_value(LentProbe { who, probe }, TD_Opaque)
}

/// A modifier of a loaded plugin, as the host uses it.
pub struct ForeignModifier(pub ModifierBox);

impl InfoModifier for ForeignModifier {
    fn modify_tracks(
        &self,
        host: &dyn Host,
        tracks: &[SourcedTrack],
    ) -> Result<Vec<Option<String>>, Failure> {
        let lent = lent_host::Lent(host);
        Cross::back(self.0.modify_tracks(lent.as_abi(), tracks.to_vec().out()))
    }
    fn modify_playlist(
        &self,
        host: &dyn Host,
        source: &str,
        playlist: &Playlist,
    ) -> Result<Option<String>, Failure> {
        let lent = lent_host::Lent(host);
        Cross::back(
            self.0
                .modify_playlist(lent.as_abi(), source.into(), playlist.clone().out()),
        )
    }
}

/// A probe of a loaded plugin, as the host uses it.
pub struct ForeignProbe(pub ProbeBox);

impl ContainerProbe for ForeignProbe {
    fn sniff(&self, host: &dyn Host, head: &[u8], hint: &Hint) -> Result<Option<String>, Failure> {
        let lent = lent_host::Lent(host);
        Cross::back(self.0.sniff(lent.as_abi(), head.into(), hint.clone().out()))
    }
}
