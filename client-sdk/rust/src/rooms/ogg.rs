//! Files of Opus sound: Ogg (RFC 3533) as RFC 7845 fills it.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    time::Duration,
};

use bytes::Bytes;

use super::{media::Frame, opus};

const CONTINUED: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;
/// What a decoder needs to come into step, in samples.
const PRE_SKIP: u16 = 312;
/// Opus allows no longer packet (RFC 6716, 3.2.5, 48 frames).
const PACKET_LEN_MAX: usize = 61_298;
const SEGMENT_LEN: usize = 255;

/// Writes packets as they come, one a page, so that a file which ends anywhere can be played.
#[derive(Debug)]
pub struct OggWriter<W> {
    to: W,
    page: u32,
    /// In samples of 1/48000 s, from the beginning.
    position: u64,
}

impl<W: Write> OggWriter<W> {
    /// A file of two channels.
    ///
    /// # Errors
    /// If it cannot be written; so do the others.
    pub fn new(to: W) -> io::Result<OggWriter<W>> {
        let mut writer = OggWriter { to, page: 0, position: 0 };
        let mut head = b"OpusHead\x01\x02".to_vec();
        head.extend(PRE_SKIP.to_le_bytes());
        head.extend(opus::RATE.to_le_bytes());
        // No gain, and the usual order of channels.
        head.extend([0, 0, 0]);
        writer.page(FIRST, &head)?;
        let mut tags = b"OpusTags\x08\0\0\0carillon".to_vec();
        tags.extend([0; 4]);
        writer.page(0, &tags)?;
        Ok(writer)
    }

    /// Writes a packet that is heard so long after the beginning; what was silent before is
    /// written as silence. A packet that comes earlier than it can be heard follows the last one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&mut self, packet: &[u8], at: Duration) -> io::Result<()> {
        let at = opus::samples(at);
        while self.position + opus::SILENCE_SAMPLES <= at {
            self.position += opus::SILENCE_SAMPLES;
            self.page(0, opus::SILENCE)?;
        }
        self.position += opus::samples(opus::duration(packet).unwrap_or_default());
        self.page(0, packet)
    }

    /// Ends the file, and gives it back.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.page(LAST, &[])?;
        self.to.flush()?;
        Ok(self.to)
    }

    /// A page with a single packet, or with none.
    fn page(&mut self, flags: u8, packet: &[u8]) -> io::Result<()> {
        if packet.len() > SEGMENT_LEN * 254 {
            return Err(invalid("a packet of Opus is too long"));
        }
        let mut page = b"OggS\0".to_vec();
        page.push(flags);
        page.extend(self.position.to_le_bytes());
        // One stream a file: any number names it.
        page.extend(1_u32.to_le_bytes());
        page.extend(self.page.to_le_bytes());
        page.extend([0; 4]);
        if packet.is_empty() {
            page.push(0);
        } else {
            let whole = packet.len() / SEGMENT_LEN;
            page.push(whole as u8 + 1);
            page.resize(page.len() + whole, SEGMENT_LEN as u8);
            page.push((packet.len() % SEGMENT_LEN) as u8);
        }
        page.extend(packet);
        let sum = checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        self.page += 1;
        self.to.write_all(&page)
    }
}

/// Reads the packets of the first stream of a file, with how long each is heard.
#[derive(Debug)]
pub struct OggReader<R> {
    from: R,
    serial: Option<u32>,
    part: Vec<u8>,
    packets: VecDeque<Bytes>,
    /// Packets of headers that are still to come.
    headers: u8,
}

impl<R: Read> OggReader<R> {
    /// A file; what is in it is checked as it is read.
    pub fn new(from: R) -> OggReader<R> {
        let (part, packets) = (Vec::new(), VecDeque::new());
        OggReader { from, serial: None, part, packets, headers: 2 }
    }

    /// The next packet; `None` at the end of the file.
    ///
    /// # Errors
    /// If the file is broken, is not one of Opus, or cannot be read.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let Some(data) = self.packets.pop_front() else {
                if self.read_page()? {
                    continue;
                }
                return Ok(None);
            };
            if self.headers > 0 {
                let magic: &[u8] = if self.headers == 2 { b"OpusHead" } else { b"OpusTags" };
                if !data.starts_with(magic) {
                    return Err(invalid("not an Ogg file with Opus in it"));
                }
                self.headers -= 1;
                continue;
            }
            let duration = opus::duration(&data);
            let duration = duration.ok_or_else(|| invalid("not a packet of Opus"))?;
            return Ok(Some(Frame { data, duration, level: None }));
        }
    }

    /// Reads a page; false at the end of the file.
    fn read_page(&mut self) -> io::Result<bool> {
        let mut page = vec![0; 27];
        // The file may end here, and nowhere else.
        if self.from.read(&mut page[..1])? == 0 {
            return Ok(false);
        }
        self.from.read_exact(&mut page[1..])?;
        if !page.starts_with(b"OggS\0") {
            return Err(invalid("not an Ogg file"));
        }
        let (flags, segments) = (page[5], usize::from(page[26]));
        let word =
            |at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
        let (serial, sum) = (word(14), word(22));
        page.resize(27 + segments, 0);
        self.from.read_exact(&mut page[27..])?;
        let lens: Vec<usize> = page[27..].iter().map(|len| usize::from(*len)).collect();
        let body = page.len();
        page.resize(body + lens.iter().sum::<usize>(), 0);
        self.from.read_exact(&mut page[body..])?;
        page[22..26].fill(0);
        if checksum(&page) != sum {
            return Err(invalid("a page of the Ogg file is broken"));
        }
        if *self.serial.get_or_insert(serial) == serial {
            self.take(flags, &lens, &page[body..])?;
        }
        Ok(true)
    }

    /// The packets of a page; the last one may go on in the next page.
    fn take(&mut self, flags: u8, lens: &[usize], mut body: &[u8]) -> io::Result<()> {
        if flags & CONTINUED == 0 {
            self.part.clear();
        }
        for len in lens {
            let (segment, rest) = body.split_at(*len);
            self.part.extend(segment);
            body = rest;
            if self.part.len() > PACKET_LEN_MAX {
                return Err(invalid("a packet of the Ogg file is too long"));
            }
            if *len < SEGMENT_LEN {
                self.packets.push_back(std::mem::take(&mut self.part).into());
            }
        }
        Ok(())
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The cyclic redundancy check of RFC 3533, 6.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| {
            (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> io::Result<Vec<Frame>> {
        let mut reader = OggReader::new(file);
        let mut frames = Vec::new();
        while let Some(frame) = reader.next_frame()? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn what_is_written_is_read_again_and_what_was_silent_is_silence() {
        let mut writer = OggWriter::new(Vec::new()).unwrap();
        let mut long = vec![0xf8; 600];
        long[1] = 1;
        writer.write(&long, Duration::ZERO).unwrap();
        writer.write(&[0xf8, 2], Duration::from_millis(70)).unwrap();
        writer.write(&[0xf8; 255], Duration::from_millis(80)).unwrap();
        let frames = read(&writer.finish().unwrap()).unwrap();
        let data: Vec<&[u8]> = frames.iter().map(|frame| &frame.data[..]).collect();
        assert_eq!(data, [&long[..], opus::SILENCE, opus::SILENCE, &[0xf8, 2], &[0xf8; 255]]);
        assert!(frames.iter().all(|frame| frame.duration == Duration::from_millis(20)));
    }

    #[test]
    fn a_packet_may_go_on_in_the_next_page() {
        let mut reader = OggReader::new(io::empty());
        reader.headers = 0;
        reader.take(0, &[3, 255], &[0xf8; 258]).unwrap();
        reader.take(CONTINUED, &[0], &[]).unwrap();
        let lens: Vec<usize> = reader.packets.iter().map(Bytes::len).collect();
        assert_eq!(lens, [3, 255]);
    }

    #[test]
    fn a_broken_file_is_an_error_and_no_end() {
        let mut writer = OggWriter::new(Vec::new()).unwrap();
        writer.write(&[0xf8; 40], Duration::ZERO).unwrap();
        let file = writer.finish().unwrap();
        let pages = |len: usize| file[..len].windows(4).rposition(|it| it == b"OggS");
        for len in 1..file.len() {
            let at_a_page = file[len..].starts_with(b"OggS") && pages(len).is_some();
            assert_eq!(read(&file[..len]).is_ok(), at_a_page, "cut at {len}");
        }
        for at in 0..file.len() {
            let mut broken = file.clone();
            broken[at] ^= 0x20;
            assert!(read(&broken).is_err(), "byte {at}");
        }
    }
}
