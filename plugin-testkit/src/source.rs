//! A source as the node sees it.

use std::time::Duration;

use lavalink_plugin_api::{ByteStream, Failure, Host, Loaded, Media, Source, Track};

/// Most bytes read of a stream.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// How much is read at once.
const STEP: usize = 16 * 1024;

/// Format version of the track strings a node writes.
const VERSION: u8 = 3;

/// Everything a stream gives, read as the node reads it.
///
/// # Errors
/// What the stream answers; a fault when it gives more than asked for, more than its length, or does not end.
pub fn bytes_of(stream: &mut dyn ByteStream) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    loop {
        let more = stream.read(STEP)?;
        if more.is_empty() {
            break;
        }
        if more.len() > STEP {
            return Err(Failure::fault("The stream gave more than it was asked for."));
        }
        bytes.extend(more);
        if bytes.len() > MAX_BYTES {
            return Err(Failure::fault("The stream does not end."));
        }
    }
    match stream.length() {
        Some(length) if length != bytes.len() as u64 => Err(Failure::fault("The stream has another length.")
            .because(format!("{length} bytes announced, {} given", bytes.len()))),
        _ => Ok(bytes),
    }
}

/// What a node would stumble over when it loads this identifier from the source and plays what it finds; empty when all is
/// well. `identifier` has to be the source's own.
pub fn problems_of(source: &dyn Source, host: &dyn Host, identifier: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let descriptor = source.describe();
    if descriptor.name.is_empty() {
        problems.push("the source has no name".to_owned());
    }
    if !descriptor.is_fallback {
        let foreign = "somebody-else:1";
        if !matches!(source.load(host, foreign), Ok(Loaded::NotMine)) {
            problems.push(format!("{foreign:?} is not left to others"));
        }
    }
    match source.load(host, identifier) {
        Ok(Loaded::Track(track)) => look_at(source, host, &track, &mut problems),
        Ok(Loaded::Search(tracks)) => {
            for track in &tracks {
                look_at(source, host, track, &mut problems);
            }
        }
        Ok(Loaded::Playlist(playlist)) => {
            if let Some(selected) = playlist.selected
                && usize::try_from(selected).is_ok_and(|selected| selected >= playlist.tracks.len())
            {
                problems.push(format!(
                    "track {selected} of {:?} is selected, which is not there",
                    playlist.name
                ));
            }
            for track in &playlist.tracks {
                look_at(source, host, track, &mut problems);
            }
        }
        Ok(Loaded::Redirect { .. }) => {}
        Ok(Loaded::NotMine | Loaded::Nothing) => {
            problems.push(format!("nothing is found for {identifier:?}"))
        }
        Err(failure) => problems.push(format!("{identifier:?} fails: {failure}")),
    }
    problems
}

fn look_at(source: &dyn Source, host: &dyn Host, track: &Track, problems: &mut Vec<String>) {
    let title = &track.info.title;
    if track.info.is_stream && track.info.length.is_some() {
        problems.push(format!("{title}: a stream with a length"));
    }
    match source.decode_details(VERSION, &track.details) {
        Ok(details) if details.details != track.details => {
            problems.push(format!("{title}: its details change when they are decoded"));
        }
        Ok(_) => {}
        Err(failure) => problems.push(format!("{title}: its details cannot be decoded: {failure}")),
    }
    match source.open(host, track, Duration::ZERO) {
        Ok(Media::Bytes(mut stream, _)) => {
            if let Err(failure) = bytes_of(&mut *stream) {
                problems.push(format!("{title}: {failure}"));
            }
        }
        Ok(_) => {}
        Err(failure) => problems.push(format!("{title}: it cannot be opened: {failure}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives as much as it likes, and announces something else.
    struct Liar {
        gives: usize,
        left: usize,
        says: Option<u64>,
    }

    impl ByteStream for Liar {
        fn read(&mut self, _: usize) -> Result<Vec<u8>, Failure> {
            let given = self.gives.min(self.left);
            self.left -= given;
            Ok(vec![0; given])
        }
        fn seek(&mut self, _: u64) -> Result<(), Failure> {
            Ok(())
        }
        fn length(&self) -> Option<u64> {
            self.says
        }
    }

    #[test]
    fn streams_that_lie_are_found_out() {
        let read = |gives, left, says| bytes_of(&mut Liar { gives, left, says });
        assert_eq!(read(100, 250, Some(250)).unwrap().len(), 250);
        assert_eq!(read(100, 250, None).unwrap().len(), 250);
        assert!(read(100, 250, Some(9)).unwrap_err().cause.contains("250 given"));
        assert!(
            read(STEP + 1, 1 << 20, None)
                .unwrap_err()
                .message
                .contains("more than")
        );
        assert!(read(STEP, usize::MAX, None).unwrap_err().message.contains("end"));
    }
}
