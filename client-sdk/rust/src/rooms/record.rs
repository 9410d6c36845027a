//! Writes what is received into files: sound as Ogg with Opus, pictures as IVF with VP8.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use carillon_protocol::{ParticipantId, room::Source};

use super::{
    ivf::{IvfWriter, picture_size},
    ogg::OggWriter,
    opus,
    subscribe::{Frames, Received},
};

const VIDEO_RATE: u32 = 90_000;
/// A stream's time may be so far ahead of what passed since its frame before; if it is further,
/// another stream has begun.
const AHEAD_MAX: Duration = Duration::from_secs(2);

impl Frames {
    /// Records until the meeting is over for this participant; answers the files that were
    /// written into the folder, which is made if it is missing.
    ///
    /// The voices take turns in a few files `voices-{slot}.ogg`. Pictures are in
    /// `{participant}-{source}-{n}.ivf`, a new one whenever their size changes.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub async fn record(self, folder: impl Into<PathBuf>) -> io::Result<Vec<PathBuf>> {
        let (folder, mut queue) = (folder.into(), self.queue);
        let written = tokio::task::spawn_blocking(move || {
            let mut recorder = Recorder::new(&folder)?;
            while let Some(frame) = queue.blocking_recv() {
                recorder.write(&frame)?;
            }
            recorder.finish()
        });
        written.await.map_err(io::Error::other)?
    }
}

/// The files of a recording. All times count from its first frame on.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    began: Option<Instant>,
    voices: BTreeMap<String, Voice>,
    pictures: BTreeMap<(ParticipantId, Source), Pictures>,
    files: Vec<PathBuf>,
}

#[derive(Debug)]
struct Voice {
    file: OggWriter<BufWriter<File>>,
    clock: StreamClock,
}

#[derive(Debug)]
struct Pictures {
    file: IvfWriter<BufWriter<File>>,
    size: (u16, u16),
    slot: String,
    clock: StreamClock,
}

impl Recorder {
    /// Makes the folder.
    ///
    /// # Errors
    /// If that fails.
    pub fn new(folder: &Path) -> io::Result<Recorder> {
        fs::create_dir_all(folder)?;
        Ok(Recorder {
            folder: folder.to_owned(),
            began: None,
            voices: BTreeMap::new(),
            pictures: BTreeMap::new(),
            files: Vec::new(),
        })
    }

    /// Writes a frame into its file.
    ///
    /// # Errors
    /// If that fails.
    pub fn write(&mut self, frame: &Received) -> io::Result<()> {
        let since = frame.at.saturating_duration_since(*self.began.get_or_insert(frame.at));
        if frame.audio {
            return self.write_voice(frame, since);
        }
        let Some(whose) = frame.from else { return Ok(()) };
        self.write_picture(frame, whose, since)
    }

    fn write_voice(&mut self, frame: &Received, since: Duration) -> io::Result<()> {
        if !self.voices.contains_key(&frame.slot) {
            let file = OggWriter::new(self.create(&format!("voices-{}.ogg", frame.slot))?)?;
            let clock = StreamClock::new(opus::RATE, frame.time, since);
            self.voices.insert(frame.slot.clone(), Voice { file, clock });
        }
        let Some(voice) = self.voices.get_mut(&frame.slot) else { return Ok(()) };
        let at = voice.clock.at(frame.time, since);
        voice.file.write(&frame.data, at)
    }

    fn write_picture(
        &mut self,
        frame: &Received,
        whose: (ParticipantId, Source),
        since: Duration,
    ) -> io::Result<()> {
        let key = picture_size(&frame.data);
        let known = self.pictures.get(&whose);
        let other =
            known.is_none_or(|it| it.slot != frame.slot || key.is_some_and(|k| k != it.size));
        if other {
            // A file begins with a key frame.
            let Some(size) = key else { return Ok(()) };
            if let Some(before) = self.pictures.remove(&whose) {
                before.file.finish()?;
            }
            let (participant, source) = whose;
            let source = format!("{source:?}").to_lowercase();
            let begins = format!("{participant}-{source}-");
            let named = |path: &&PathBuf| path.to_string_lossy().contains(&begins);
            let n = self.files.iter().filter(named).count() + 1;
            let file = IvfWriter::new(self.create(&format!("{begins}{n}.ivf"))?, size.0, size.1)?;
            let clock = StreamClock::new(VIDEO_RATE, frame.time, since);
            let slot = frame.slot.clone();
            self.pictures.insert(whose, Pictures { file, size, slot, clock });
        }
        let Some(pictures) = self.pictures.get_mut(&whose) else { return Ok(()) };
        let at = pictures.clock.at(frame.time, since);
        pictures.file.write(&frame.data, at)
    }

    fn create(&mut self, name: &str) -> io::Result<BufWriter<File>> {
        let path = self.folder.join(name);
        let file = BufWriter::new(File::create(&path)?);
        self.files.push(path);
        Ok(file)
    }

    /// Ends all files, and answers which there are.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn finish(self) -> io::Result<Vec<PathBuf>> {
        for voice in self.voices.into_values() {
            voice.file.finish()?;
        }
        for pictures in self.pictures.into_values() {
            pictures.file.finish()?;
        }
        Ok(self.files)
    }
}

/// The time of a stream since the recording began.
#[derive(Debug)]
struct StreamClock {
    rate: u32,
    last: u32,
    /// When the last frame came.
    came: Duration,
    at: Duration,
}

impl StreamClock {
    fn new(rate: u32, time: u32, at: Duration) -> StreamClock {
        StreamClock { rate, last: time, came: at, at }
    }

    /// When a frame of this time is heard or shown. A time that no stream comes to begins a new
    /// one, at the moment when the frame came.
    fn at(&mut self, time: u32, since: Duration) -> Duration {
        let step = time.wrapping_sub(self.last);
        let ahead = Duration::from_secs_f64(f64::from(step) / f64::from(self.rate));
        let passed = since.saturating_sub(self.came);
        (self.last, self.came) = (time, since);
        self.at = if ahead <= passed + AHEAD_MAX { self.at + ahead } else { self.at.max(since) };
        self.at
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use carillon_protocol::id::Ulid;

    use super::*;
    use crate::{
        clock::instant,
        rooms::{ivf::IvfReader, ogg::OggReader, picture},
    };

    fn received(audio: bool, slot: &str, time: u32, at: Instant, data: &[u8]) -> Received {
        let from = (!audio).then_some((ParticipantId(Ulid(7)), Source::Camera));
        let data = Bytes::copy_from_slice(data);
        Received { slot: slot.to_owned(), audio, from, time, at, data }
    }

    #[test]
    fn another_streams_time_does_not_become_a_silence() {
        let second = Duration::from_secs(1);
        let mut clock = StreamClock::new(opus::RATE, 48_000, second);
        assert_eq!(clock.at(96_000, 2 * second), 2 * second);
        // The network came in lumps.
        assert_eq!(clock.at(144_000, 2 * second), 3 * second);
        assert_eq!(clock.at(48_000 * 63, 62 * second), 63 * second, "a real silence");
        // Another connection begins anywhere: here half an hour ahead, and then behind.
        assert_eq!(clock.at(48_000 * 1_863, 64 * second), 64 * second);
        assert_eq!(clock.at(7, 65 * second), 65 * second);
        assert_eq!(clock.at(48_007, 66 * second), 66 * second);
    }

    #[test]
    fn what_was_heard_and_seen_is_in_the_files_with_its_times() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(&folder.path().join("a")).unwrap();
        let now = instant().into_std();
        for i in 0..50_u32 {
            // The time wraps on its way, and there is a silence in the middle.
            let time = 0xffff_f000_u32.wrapping_add((i + if i < 25 { 0 } else { 25 }) * 960);
            recorder.write(&received(true, "0", time, now, opus::TONE)).unwrap();
        }
        for (i, frame) in picture::FRAMES.iter().enumerate() {
            recorder.write(&received(false, "6", i as u32 * 9_000, now, frame)).unwrap();
        }
        // Half of a picture's story is none: it begins in another slot.
        recorder.write(&received(false, "7", 0, now, picture::FRAMES[1])).unwrap();
        recorder.write(&received(false, "7", 9_000, now, picture::FRAMES[0])).unwrap();
        let files = recorder.finish().unwrap();
        assert_eq!(files.len(), 3, "{files:?}");
        let mut ogg = OggReader::new(File::open(&files[0]).unwrap());
        let (mut heard, mut tones) = (Duration::ZERO, 0);
        while let Some(frame) = ogg.next_frame().unwrap() {
            heard += frame.duration;
            tones += usize::from(frame.data == opus::TONE);
        }
        assert_eq!((heard, tones), (Duration::from_millis(1_500), 50));
        let mut ivf = IvfReader::new(File::open(&files[1]).unwrap()).unwrap();
        let frames: Vec<_> = std::iter::from_fn(|| ivf.next_frame().unwrap()).collect();
        assert!(frames.iter().map(|it| &it.data[..]).eq(picture::FRAMES.iter().copied()));
        assert!(frames.iter().all(|frame| frame.duration == Duration::from_millis(100)));
    }
}
