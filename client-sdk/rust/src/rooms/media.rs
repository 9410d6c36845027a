//! What is sent: where the frames come from.

use std::{fs::File, io::BufReader, path::PathBuf, time::Duration};

use bytes::Bytes;
use carillon_protocol::room::Source;
use tokio::sync::mpsc;

use super::{ivf::IvfReader, ogg::OggReader, opus, picture, vp8};
use crate::Error;

/// Frames of a file that are read ahead.
const AHEAD: usize = 32;

/// Something encoded that is heard or shown for a while: a packet of Opus, a picture of VP8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The frame.
    pub data: Bytes,
    /// For how long: the next one is sent so much later.
    pub duration: Duration,
    /// How loud it is, from 0 to 127, the larger the quieter (dBov without its sign); if nobody
    /// says, the client guesses. The loudest are forwarded.
    pub level: Option<u8>,
}

/// What a participant sends. Sound is Opus, pictures are VP8.
#[derive(Debug)]
pub enum Media {
    /// A tone of 400 Hz, or a light square that moves to the right.
    Generated,
    /// An Ogg file of Opus or an IVF file of VP8, once.
    File(PathBuf),
    /// What the program encodes. Frames are sent when they come, but not faster than their
    /// durations say; the publication ends with the channel.
    Frames(mpsc::Receiver<Frame>),
}

/// Where the next frame comes from.
#[derive(Debug)]
pub(super) enum Input {
    Tone,
    Picture(usize),
    File(mpsc::Receiver<Frame>),
    Frames(mpsc::Receiver<Frame>),
}

impl Input {
    /// Opens the media of a source.
    pub async fn open(media: Media, source: Source) -> Result<Input, Error> {
        match media {
            Media::Generated if source.is_audio() => Ok(Input::Tone),
            Media::Generated => Ok(Input::Picture(0)),
            Media::Frames(frames) => Ok(Input::Frames(frames)),
            Media::File(path) => {
                let (frames, input) = mpsc::channel(AHEAD);
                let (opened, open) = tokio::sync::oneshot::channel();
                tokio::task::spawn_blocking(move || read(path, source, opened, &frames));
                open.await.map_err(|_| Error::Stopped)??;
                Ok(Input::File(input))
            }
        }
    }

    /// The next frame; a key frame, if it is asked for and can be made.
    pub async fn next(&mut self, key: bool) -> Option<Frame> {
        match self {
            Input::File(frames) | Input::Frames(frames) => frames.recv().await,
            Input::Tone => Some(Frame {
                data: Bytes::from_static(opus::TONE),
                duration: opus::duration(opus::TONE).unwrap_or_default(),
                level: Some(opus::TONE_LEVEL),
            }),
            Input::Picture(at) => {
                *at = if key { 0 } else { *at % picture::FRAMES.len() };
                let data = Bytes::from_static(picture::FRAMES[*at]);
                *at += 1;
                let duration = Duration::from_secs(1) / picture::RATE;
                Some(Frame { data, duration, level: None })
            }
        }
    }
}

impl Frame {
    pub(super) fn level(&self) -> u8 {
        self.level.unwrap_or_else(|| opus::level(&self.data)).min(127)
    }

    /// Whether it needs none before it.
    pub(super) fn is_key(&self, source: Source) -> bool {
        source.is_audio() || vp8::is_key(&self.data)
    }
}

/// Reads a file to its end; says first whether it is one.
fn read(
    path: PathBuf,
    source: Source,
    opened: tokio::sync::oneshot::Sender<Result<(), Error>>,
    frames: &mpsc::Sender<Frame>,
) {
    let file = match File::open(&path).and_then(|file| Reader::new(BufReader::new(file), source)) {
        Ok(file) => file,
        Err(error) => {
            return crate::task::answer(opened, Err(broken(&path, &error)));
        }
    };
    crate::task::answer(opened, Ok(()));
    let mut file = file;
    loop {
        match file.next() {
            Ok(Some(frame)) => {
                // The publication may be over before the file is.
                if frames.blocking_send(frame).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return tracing::warn!("{}", broken(&path, &error)),
        }
    }
}

fn broken(path: &std::path::Path, error: &std::io::Error) -> Error {
    Error::Media(format!("{}: {error}", path.display()))
}

/// A file of either kind.
enum Reader {
    Sound(OggReader<BufReader<File>>, Option<Frame>),
    Pictures(IvfReader<BufReader<File>>),
}

impl Reader {
    fn new(file: BufReader<File>, source: Source) -> std::io::Result<Reader> {
        if source.is_audio() {
            let mut reader = OggReader::new(file);
            let first = reader.next_frame()?;
            return Ok(Reader::Sound(reader, first));
        }
        Ok(Reader::Pictures(IvfReader::new(file)?))
    }

    fn next(&mut self) -> std::io::Result<Option<Frame>> {
        match self {
            Reader::Sound(_, first) if first.is_some() => Ok(first.take()),
            Reader::Sound(reader, _) => reader.next_frame(),
            Reader::Pictures(reader) => reader.next_frame(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_picture_begins_anew_when_somebody_needs_a_whole_one() {
        let mut input = Input::open(Media::Generated, Source::Camera).await.unwrap();
        let mut keys = Vec::new();
        for asked in [false, false, false, true, false] {
            keys.push(input.next(asked).await.unwrap().is_key(Source::Camera));
        }
        assert_eq!(keys, [true, false, false, true, false]);
        for _ in 0..picture::FRAMES.len() - 2 {
            assert!(!input.next(false).await.unwrap().is_key(Source::Camera));
        }
        assert!(input.next(false).await.unwrap().is_key(Source::Camera), "it goes round");
        assert_eq!(vp8::size(picture::FRAMES[0]), Some((160, 96)));
    }

    #[tokio::test]
    async fn a_file_is_played_once_and_another_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.ogg");
        let mut ogg = super::super::ogg::OggWriter::new(File::create(&path).unwrap()).unwrap();
        for at in 0..50 {
            ogg.write(opus::TONE, Duration::from_millis(at * 20)).unwrap();
        }
        ogg.finish().unwrap();
        let mut input = Input::open(Media::File(path.clone()), Source::Microphone).await.unwrap();
        let mut heard = Duration::ZERO;
        while let Some(frame) = input.next(false).await {
            heard += frame.duration;
        }
        assert_eq!(heard, Duration::from_secs(1));
        for (path, source) in [(path, Source::Camera), (folder.path().join("b"), Source::Camera)] {
            let refused = Input::open(Media::File(path), source).await.unwrap_err();
            assert!(matches!(refused, Error::Media(_)), "{refused}");
        }
    }
}
