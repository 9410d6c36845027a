//! Files of VP8 pictures: IVF, which every tool reads.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    time::Duration,
};

use bytes::Bytes;

use super::{media::Frame, vp8};

const HEADER_LEN: u16 = 32;
/// A larger frame is a broken file.
const FRAME_LEN_MAX: usize = 4 << 20;
/// The frames of a file with a single one, or with broken times: as those of a slow camera.
const DURATION: Duration = Duration::from_millis(100);
/// Times are written in milliseconds.
const PER_SECOND: u32 = 1_000;

/// Writes frames as they come.
#[derive(Debug)]
pub struct IvfWriter<W> {
    to: W,
    frames: u32,
}

impl<W: Write + Seek> IvfWriter<W> {
    /// A file whose first frame is this large, in pixels.
    ///
    /// # Errors
    /// If it cannot be written; so do the others.
    pub fn new(mut to: W, width: u16, height: u16) -> io::Result<IvfWriter<W>> {
        let mut header = Vec::with_capacity(usize::from(HEADER_LEN));
        header.extend(b"DKIF\0\0");
        header.extend(HEADER_LEN.to_le_bytes());
        header.extend(b"VP80");
        header.extend(width.to_le_bytes());
        header.extend(height.to_le_bytes());
        header.extend(PER_SECOND.to_le_bytes());
        header.extend(1_u32.to_le_bytes());
        // How many frames, which `finish` knows, and nothing.
        header.extend([0; 8]);
        to.write_all(&header)?;
        Ok(IvfWriter { to, frames: 0 })
    }

    /// Writes a frame that is shown so long after the beginning.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, frame: &[u8], at: Duration) -> io::Result<()> {
        let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.to.write_all(&len.to_le_bytes())?;
        self.to.write_all(&u64::try_from(at.as_millis()).unwrap_or(u64::MAX).to_le_bytes())?;
        self.to.write_all(frame)?;
        self.frames += 1;
        Ok(())
    }

    /// Writes how many frames there are, and gives the file back.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.seek(SeekFrom::Start(24))?;
        self.to.write_all(&self.frames.to_le_bytes())?;
        self.to.seek(SeekFrom::End(0))?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Reads the frames of a file, with how long each is shown.
#[derive(Debug)]
pub struct IvfReader<R> {
    from: R,
    /// Seconds a tick.
    tick: f64,
    ahead: Option<(u64, Bytes)>,
    duration: Duration,
}

impl<R: Read> IvfReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// If it is not that of an IVF file with VP8 pictures.
    pub fn new(mut from: R) -> io::Result<IvfReader<R>> {
        let mut header = [0; HEADER_LEN as usize];
        from.read_exact(&mut header)?;
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let (rate, scale) = (word(16), word(20));
        if !header.starts_with(b"DKIF") || &header[8..12] != b"VP80" || rate == 0 {
            return Err(invalid("not an IVF file with VP8 pictures"));
        }
        let tick = f64::from(scale) / f64::from(rate);
        let mut reader = IvfReader { from, tick, ahead: None, duration: DURATION };
        reader.ahead = reader.read()?;
        Ok(reader)
    }

    /// The next frame; `None` at the end of the file.
    ///
    /// # Errors
    /// If the file is broken or cannot be read.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some((at, data)) = self.ahead.take() else { return Ok(None) };
        self.ahead = self.read()?;
        if let Some((next, _)) = &self.ahead {
            let shown = next.saturating_sub(at) as f64 * self.tick;
            let shown = Duration::try_from_secs_f64(shown).unwrap_or(DURATION);
            self.duration = if shown.is_zero() { DURATION } else { shown };
        }
        Ok(Some(Frame { data, duration: self.duration, level: None }))
    }

    fn read(&mut self) -> io::Result<Option<(u64, Bytes)>> {
        let mut len = [0; 4];
        // The file may end here, and nowhere else.
        if self.from.read(&mut len[..1])? == 0 {
            return Ok(None);
        }
        self.from.read_exact(&mut len[1..])?;
        let mut at = [0; 8];
        self.from.read_exact(&mut at)?;
        let len = u32::from_le_bytes(len) as usize;
        if len > FRAME_LEN_MAX {
            return Err(invalid("a frame of the IVF file is too long"));
        }
        let mut data = vec![0; len];
        self.from.read_exact(&mut data)?;
        Ok(Some((u64::from_le_bytes(at), data.into())))
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// How large the picture of a key frame is; `None` for the others.
pub fn picture_size(frame: &[u8]) -> Option<(u16, u16)> {
    vp8::size(frame)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_with_its_times() {
        let mut writer = IvfWriter::new(Cursor::new(Vec::new()), 160, 96).unwrap();
        for (at, frame) in [(0, &b"key"[..]), (40, b"second"), (140, b"third")] {
            writer.write(frame, Duration::from_millis(at)).unwrap();
        }
        let file = writer.finish().unwrap().into_inner();
        assert_eq!((&file[12..16], &file[24..28]), (&[160, 0, 96, 0][..], &[3, 0, 0, 0][..]));
        let mut reader = IvfReader::new(&file[..]).unwrap();
        let frames: Vec<(Bytes, u128)> = std::iter::from_fn(|| reader.next_frame().unwrap())
            .map(|frame| (frame.data, frame.duration.as_millis()))
            .collect();
        let expected = [(&b"key"[..], 40), (b"second", 100), (b"third", 100)];
        assert_eq!(frames, expected.map(|(data, ms)| (Bytes::from_static(data), ms)));
    }

    #[test]
    fn a_broken_file_is_an_error_and_no_end() {
        let mut writer = IvfWriter::new(Cursor::new(Vec::new()), 160, 96).unwrap();
        writer.write(b"frame", Duration::ZERO).unwrap();
        let file = writer.finish().unwrap().into_inner();
        for len in 33..file.len() {
            assert!(IvfReader::new(&file[..len]).is_err(), "cut at {len}");
        }
        let mut long = file.clone();
        long[32..36].fill(0xff);
        assert!(IvfReader::new(&long[..]).is_err());
        assert!(IvfReader::new(&b"OggS"[..]).is_err());
    }
}
