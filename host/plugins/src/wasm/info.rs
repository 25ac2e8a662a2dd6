//! What a guest adds to the tracks and media of others.

use std::sync::Arc;

use lavalink_plugin_api::carry::Carry;
use lavalink_plugin_api::{ContainerProbe, Failure, Hint, Host, InfoModifier, Playlist, SourcedTrack};

use super::guest::{Call, Guest};
use super::part::Part;
use crate::GuardLimits;

struct GuestModifier(Part);

/// The modifiers of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn modifiers_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Vec<Arc<dyn InfoModifier>>, Failure> {
    let parts = Part::counted(guest, limits, "info", |instance| {
        instance.faces.info()?.call_count(&mut instance.store)
    })?;
    let modifiers = parts.into_iter();
    Ok(modifiers
        .map(|part| Arc::new(GuestModifier(part)) as Arc<dyn InfoModifier>)
        .collect())
}

impl InfoModifier for GuestModifier {
    fn modify_tracks(
        &self,
        host: &dyn Host,
        tracks: &[SourcedTrack],
    ) -> Result<Vec<Option<String>>, Failure> {
        let call = Call {
            what: "modify_tracks",
            host: Some(host),
            limit: self.0.limits.info,
        };
        let tracks: Vec<_> = tracks.to_vec().carry();
        self.0.guest.call(call, |instance| {
            let info = instance.faces.info()?;
            let answer = info.call_modify_tracks(&mut instance.store, self.0.index, &tracks)?;
            Ok(answer.carry())
        })
    }

    fn modify_playlist(
        &self,
        host: &dyn Host,
        source: &str,
        playlist: &Playlist,
    ) -> Result<Option<String>, Failure> {
        let call = Call {
            what: "modify_playlist",
            host: Some(host),
            limit: self.0.limits.info,
        };
        let playlist = playlist.clone().carry();
        self.0.guest.call(call, |instance| {
            let info = instance.faces.info()?;
            let answer = info.call_modify_playlist(&mut instance.store, self.0.index, source, &playlist)?;
            Ok(answer.carry())
        })
    }
}

struct GuestProbe(Part);

/// The probes of a guest.
///
/// # Errors
/// When it breaks, or has too many.
pub(super) fn probes_of(
    guest: &Arc<Guest>,
    limits: GuardLimits,
) -> Result<Vec<Arc<dyn ContainerProbe>>, Failure> {
    let parts = Part::counted(guest, limits, "probe", |instance| {
        instance.faces.probe()?.call_count(&mut instance.store)
    })?;
    let probes = parts.into_iter();
    Ok(probes
        .map(|part| Arc::new(GuestProbe(part)) as Arc<dyn ContainerProbe>)
        .collect())
}

impl ContainerProbe for GuestProbe {
    fn sniff(&self, host: &dyn Host, head: &[u8], hint: &Hint) -> Result<Option<String>, Failure> {
        let call = Call {
            what: "sniff",
            host: Some(host),
            limit: self.0.limits.probe,
        };
        let hint = hint.clone().carry();
        self.0.guest.call(call, |instance| {
            let probe = instance.faces.probe()?;
            let answer = probe.call_sniff(&mut instance.store, self.0.index, head, &hint)?;
            Ok(answer.carry())
        })
    }
}
