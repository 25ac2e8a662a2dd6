//! Filters from outside: their place in the signal, what they hold back, and that a slow one holds nobody else up.

mod support;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use lavalink_audio::{EffectWork, Effects, Engine, EngineConfig, MakeEffects, PipelineEvent};
use lavalink_protocol::filters::Filters;
use support::{DEADLINE, Wish, assert_tone, decode, encode, engine_with, start, two_tones};

const OPUS: [&str; 4] = ["-c:a", "libopus", "-ar", "48000"];

/// What an effect does with samples.
type Work = fn(Vec<f32>, &mut Vec<f32>) -> Vec<f32>;

/// Makes effects that work on threads of their own, as those of plugins do, and note what they are asked for.
struct Maker {
    work: Work,
    notes: Sender<String>,
}

struct AtWork {
    orders: Sender<(u64, EffectWork, Waker)>,
    answers: Receiver<(u64, Vec<f32>)>,
    number: u64,
}

fn maker(work: Work) -> (Arc<Maker>, Receiver<String>) {
    let (notes, noted) = channel();
    (Arc::new(Maker { work, notes }), noted)
}

impl MakeEffects for Maker {
    fn make(&self) -> Box<dyn Effects> {
        let (orders, waiting) = channel::<(u64, EffectWork, Waker)>();
        let (answer, answers) = channel();
        let (work, notes) = (self.work, self.notes.clone());
        thread::spawn(move || {
            let mut held = Vec::new();
            for (number, order, waker) in waiting {
                let samples = match order {
                    EffectWork::Process(samples) => work(samples, &mut held),
                    EffectWork::Seeked(position) => {
                        held.clear();
                        drop(notes.send(format!("seeked {}", position.as_millis())));
                        Vec::new()
                    }
                    EffectWork::Flush => {
                        drop(notes.send("flushed".to_owned()));
                        std::mem::take(&mut held)
                    }
                };
                if answer.send((number, samples)).is_err() {
                    return;
                }
                waker.wake();
            }
        });
        Box::new(AtWork {
            orders,
            answers,
            number: 0,
        })
    }
}

impl Effects for AtWork {
    fn begin(&mut self, work: EffectWork, waker: &Waker) {
        self.number += 1;
        self.orders
            .send((self.number, work, waker.clone()))
            .expect("the thread is there");
    }

    fn poll(&mut self) -> Option<Vec<f32>> {
        let mut answers = self.answers.try_iter();
        answers.find_map(|(number, samples)| (number == self.number).then_some(samples))
    }
}

fn none() -> Arc<Filters> {
    Arc::default()
}

fn loudest(samples: &[f32]) -> f32 {
    samples
        .iter()
        .fold(0.0, |loudest, sample| sample.abs().max(loudest))
}

#[test]
fn they_come_before_the_built_in_filters_and_end_passing_packets_through() {
    let bytes = encode(&two_tones(8.0, 48_000), "a.webm", &OPUS);
    let engine = engine_with(Default::default(), 3);
    let mut playing = start(&engine, &bytes, Wish::default());
    playing.take(50);
    let (clip, noted) = maker(|mut samples, _| {
        samples
            .iter_mut()
            .for_each(|sample| *sample = sample.clamp(-0.1, 0.1));
        samples
    });
    let louder = Filters::parse(r#"{"volume":2.0}"#).expect("valid filters");
    playing
        .pipeline
        .set_filters_and_effects(Arc::new(louder), Some(clip));
    let [left, _] = decode(&playing.take(100));
    let peak = loudest(&left[20 * 960..]);
    // Louder than the clip, so the volume came behind it; the other way round it would be 0.1.
    assert!(
        (0.15..0.45).contains(&peak),
        "clipped at 0.1, then made louder: {peak}"
    );

    playing.pipeline.set_filters_and_effects(none(), None);
    let rest = playing.rest();
    assert_tone(&decode(&rest)[0][20 * 960..], 440.0, 0.25, "as it was");
    assert_eq!(
        noted.try_iter().collect::<Vec<_>>(),
        ["flushed"],
        "before it goes"
    );
}

#[test]
fn what_they_hold_back_is_heard_at_the_end() {
    let bytes = encode(&two_tones(2.0, 44_100), "a.mp3", &["-b:a", "128k"]);
    let frames_of = |effects: Option<Arc<Maker>>| {
        let engine = engine_with(Default::default(), 3);
        let mut playing = start(&engine, &bytes, Wish::default());
        playing
            .pipeline
            .set_filters_and_effects(none(), effects.map(|effects| effects as _));
        playing.rest()
    };
    let plain = frames_of(None);
    // A delay of 200 ms.
    let (delay, _) = maker(|samples, held| {
        held.extend(samples);
        let ready = held.len().saturating_sub(19_200);
        held.drain(..ready).collect()
    });
    let delayed = frames_of(Some(delay));
    assert!(
        plain.len().abs_diff(delayed.len()) <= 1,
        "{} frames, {} behind the delay",
        plain.len(),
        delayed.len()
    );
    let [left, _] = decode(&delayed);
    assert_tone(&left[left.len() - 60_000..][..50_000], 440.0, 0.25, "the end");
}

#[test]
fn a_jump_is_told_and_comes_through_a_filter_that_does_not_answer() {
    let bytes = encode(&two_tones(30.0, 44_100), "a.mp3", &["-b:a", "128k"]);
    let engine = Engine::new(EngineConfig {
        workers: 1,
        queue_frames: 3,
        ..EngineConfig::default()
    })
    .expect("a thread starts");
    let mut stuck = start(&engine, &bytes, Wish::default());
    stuck.take(20);
    let (slow, noted) = maker(|samples, _| {
        thread::sleep(Duration::from_millis(700));
        samples
    });
    stuck.pipeline.set_filters_and_effects(none(), Some(slow));
    // The only worker has time for others while that filter works.
    let mut other = start(&engine, &bytes, Wish::default());
    let begun = Instant::now();
    other.take(100);
    assert!(begun.elapsed() < DEADLINE);
    stuck.pipeline.seek(Duration::from_secs(20));
    loop {
        match stuck.events.recv_timeout(DEADLINE).expect("the jump is done") {
            PipelineEvent::SeekDone => break,
            PipelineEvent::Failed { error, .. } => panic!("{error}"),
            PipelineEvent::Ready { .. } => {}
        }
    }
    let note = noted.recv_timeout(DEADLINE).expect("the filter is told");
    assert_eq!(note, "seeked 20000");
    let frame = stuck
        .take(10)
        .pop()
        .expect("audio from there, through the filter");
    assert!(frame.position >= Duration::from_secs(20), "{:?}", frame.position);
}
